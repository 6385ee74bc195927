//! CRC-32C (Castagnoli), as SCTP has it (RFC 4960, appendix B; since RFC 9260, appendix A).

/// The checksum of the bytes so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksum(u32);

impl Checksum {
    /// Of no bytes.
    pub(super) fn new() -> Self {
        Self(u32::MAX)
    }

    /// Of one byte more. Bit by bit: a header has a hundred bytes, which no table would pay for.
    pub(super) fn add(&mut self, byte: u8) {
        self.0 ^= u32::from(byte);
        for _ in 0..u8::BITS {
            let carry = if self.0 & 1 == 1 { POLYNOMIAL } else { 0 };
            self.0 = self.0 >> 1 ^ carry;
        }
    }

    /// The number that goes on the wire, most significant byte first.
    pub(super) fn value(self) -> u32 {
        !self.0
    }
}

/// 0x1EDC6F41 with its bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4, whose bytes are the least significant first; and the usual check value.
    #[test]
    fn known_checksums() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (bytes, expected) in [
            (&b""[..], 0),
            (b"123456789", 0xE306_9283),
            (&[0; 32], 0x8A91_36AA),
            (&[0xFF; 32], 0x62A8_AB43),
            (&ascending, 0x46DD_794E),
            (&descending, 0x113F_DB5C),
        ] {
            let mut checksum = Checksum::new();
            bytes.iter().for_each(|&byte| checksum.add(byte));
            assert_eq!(checksum.value(), expected, "{bytes:?}");
        }
    }
}

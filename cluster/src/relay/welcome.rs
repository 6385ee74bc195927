//! The first bytes that come back on a relayed connection.

use super::TRACE_BYTES;

/// What the owner's session says when it takes a connection that a relay brought, before any byte of its own: to
/// which trace it belongs. The relay can not know that when it writes the [`Preamble`](super::Preamble).
///
/// On the wire, after which the bytes for the client follow:
///
/// | bytes | what |
/// | --- | --- |
/// | 4 | `FLRW` |
/// | 1 | version of the form: 1 |
/// | 1 | flags as in W3C Trace Context (3.2.2.5): 1 is sampled, others mean nothing yet |
/// | 2 | nothing yet: zeros, and not looked at |
/// | 24 | trace |
///
/// Nobody signs it: it comes on a connection to the owner that the relay itself has made, and nothing is decided by
/// it but where a span belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// W3C trace id (16 bytes) and the id of the transfer's span (8); zeros: none.
    pub trace: [u8; TRACE_BYTES],
    /// All of the trace is exported.
    pub is_sampled: bool,
}

/// Why the first bytes of an owner are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WelcomeError {
    /// What answers speaks something else.
    #[error("no welcome to a relay")]
    NoWelcome,
    /// It has a form that this program does not know.
    #[error("welcome to a relay of version {0}, expected {VERSION}")]
    Version(u8),
}

impl Welcome {
    /// How long every welcome is.
    pub const BYTES: usize = HEAD_BYTES + TRACE_BYTES;

    /// As it goes to the relay.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = MAGIC;
        let head = [a, b, c, d, VERSION, u8::from(self.is_sampled), 0, 0];
        let mut bytes = [0; Self::BYTES];
        for (to, from) in bytes.iter_mut().zip(head.into_iter().chain(self.trace)) {
            *to = from;
        }
        bytes
    }

    /// Reads what the owner sent.
    ///
    /// # Errors
    /// It is no welcome, or of another version.
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Result<Self, WelcomeError> {
        let [a, b, c, d, version, flags, _, _, trace @ ..] = *bytes;
        if [a, b, c, d] != MAGIC {
            return Err(WelcomeError::NoWelcome);
        }
        if version != VERSION {
            return Err(WelcomeError::Version(version));
        }
        Ok(Self { trace, is_sampled: flags & SAMPLED != 0 })
    }
}

const MAGIC: [u8; 4] = *b"FLRW";
const VERSION: u8 = 1;
const SAMPLED: u8 = 1;
/// All but the trace.
const HEAD_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn welcome() -> impl Strategy<Value = Welcome> {
        any::<([u8; TRACE_BYTES], bool)>()
            .prop_map(|(trace, is_sampled)| Welcome { trace, is_sampled })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(welcome in welcome()) {
            prop_assert_eq!(Welcome::decode(&welcome.encode()), Ok(welcome));
        }

        /// What a later version puts where there is nothing yet changes nothing.
        #[test]
        fn what_means_nothing_yet_is_not_looked_at(
            welcome in welcome(), flags in 0u8..128, nothing in any::<[u8; 2]>(),
        ) {
            let mut bytes = welcome.encode();
            bytes[5] |= flags << 1;
            bytes[6..8].copy_from_slice(&nothing);
            prop_assert_eq!(Welcome::decode(&bytes), Ok(welcome));
        }

        #[test]
        fn other_bytes_are_no_welcome(bytes in any::<[u8; 32]>()) {
            let result = Welcome::decode(&bytes);
            let expected = match (bytes[..4] == MAGIC, bytes[4]) {
                (false, _) => Err(WelcomeError::NoWelcome),
                (true, VERSION) => result,
                (true, other) => Err(WelcomeError::Version(other)),
            };
            prop_assert_eq!(result, expected);
        }

        #[test]
        fn each_byte_of_the_head_counts(welcome in welcome(), at in 0usize..5, change in 1u8..) {
            let mut bytes = welcome.encode();
            bytes[at] ^= change;
            let expected = match at {
                4 => WelcomeError::Version(VERSION ^ change),
                _ => WelcomeError::NoWelcome,
            };
            prop_assert_eq!(Welcome::decode(&bytes), Err(expected));
        }
    }

    #[test]
    fn it_is_as_long_as_it_says() {
        assert_eq!(Welcome::BYTES, 32);
        let bytes = Welcome { trace: [7; TRACE_BYTES], is_sampled: true }.encode();
        assert_eq!(bytes[..8], *b"FLRW\x01\x01\0\0");
        assert_eq!(bytes[8..], [7; TRACE_BYTES]);
    }
}

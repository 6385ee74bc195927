//! Headers of the PROXY protocol, written by their specification
//! (<https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>) and apart from how the server
//! reads them.

use std::net::SocketAddr;

/// What a balancer says of a connection.
#[derive(Clone, Debug)]
pub struct Header {
    source: SocketAddr,
    destination: SocketAddr,
    command: u8,
    family: u8,
    values: Vec<(u8, Vec<u8>)>,
    checksum: Checksum,
}

/// The value of type [`CRC32C`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checksum {
    None,
    Right,
    Wrong,
}

impl Header {
    /// A TCP connection from there to there; both of one family.
    pub fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        let family = if source.is_ipv4() { 0x11 } else { 0x21 };
        let checksum = Checksum::None;
        Self { source, destination, command: 0x21, family, values: Vec::new(), checksum }
    }

    /// A probe of the balancer's own (LOCAL).
    pub fn local(mut self) -> Self {
        self.command = 0x20;
        self
    }

    /// Of no family that is known (UNSPEC).
    pub fn unspecified(mut self) -> Self {
        self.family = 0;
        self
    }

    /// With one more value of this type.
    pub fn value(mut self, kind: u8, bytes: impl Into<Vec<u8>>) -> Self {
        self.values.push((kind, bytes.into()));
        self
    }

    /// With its checksum.
    pub fn checked(mut self) -> Self {
        self.checksum = Checksum::Right;
        self
    }

    /// With another checksum than its own.
    pub fn corrupt(mut self) -> Self {
        self.checksum = Checksum::Wrong;
        self
    }

    /// Version 1, a line (section 2.1).
    pub fn v1(&self) -> Vec<u8> {
        let Self { source, destination, .. } = self;
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let addresses = format!("{} {}", source.ip(), destination.ip());
        let ports = format!("{} {}", source.port(), destination.port());
        format!("PROXY {family} {addresses} {ports}\r\n").into_bytes()
    }

    /// Version 2 (section 2.2).
    pub fn v2(&self) -> Vec<u8> {
        let mut body = self.addresses();
        for (kind, bytes) in &self.values {
            body.push(*kind);
            body.extend(u16::try_from(bytes.len()).expect("a value fits").to_be_bytes());
            body.extend(bytes);
        }
        if self.checksum != Checksum::None {
            body.extend([CRC32C, 0, 4, 0, 0, 0, 0]);
        }
        let mut header = SIGNATURE.to_vec();
        header.extend([self.command, self.family]);
        header.extend(u16::try_from(body.len()).expect("a header fits").to_be_bytes());
        header.extend(body);
        if self.checksum != Checksum::None {
            let flip = if self.checksum == Checksum::Wrong { 1 } else { 0 };
            let sum = (crc32c(&header) ^ flip).to_be_bytes();
            let end = header.len() - sum.len();
            header[end..].copy_from_slice(&sum);
        }
        header
    }

    fn addresses(&self) -> Vec<u8> {
        if self.family == 0 {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        for address in [self.source, self.destination] {
            match address {
                SocketAddr::V4(address) => bytes.extend(address.ip().octets()),
                SocketAddr::V6(address) => bytes.extend(address.ip().octets()),
            }
        }
        for address in [self.source, self.destination] {
            bytes.extend(address.port().to_be_bytes());
        }
        bytes
    }
}

/// Of Castagnoli, reflected (RFC 3720, appendix B.4), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0x82F6_3B78 } else { sum >> 1 }
        })
    })
}

/// The first bytes of version 2.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The type of the value with the checksum (section 2.2.3).
pub const CRC32C: u8 = 0x03;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_specified() {
        let header =
            Header::new("192.0.2.1:40000".parse().unwrap(), "10.0.0.1:21".parse().unwrap());
        assert_eq!(header.v1(), b"PROXY TCP4 192.0.2.1 10.0.0.1 40000 21\r\n");
        let v2 = header.clone().value(4, *b"ab").v2();
        assert_eq!(v2[12..16], [0x21, 0x11, 0, 17]);
        assert_eq!(v2[16..28], [192, 0, 2, 1, 10, 0, 0, 1, 0x9C, 0x40, 0, 21]);
        assert_eq!(v2[28..], [4, 0, 2, b'a', b'b']);
        assert_ne!(header.clone().checked().v2(), header.corrupt().v2());
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]).to_le_bytes(), [0xaa, 0x36, 0x91, 0x8a]);
    }
}

//! Version 2: the signature, four bytes, addresses, and TLVs (`proxy-protocol.txt`, 2.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::checksum::Checksum;
use super::{Header, ProxyError, V2_BYTES_MAX, V2_SIGNATURE};

/// What follows the signature, as its bytes stream by.
#[derive(Debug)]
pub(super) struct Block {
    part: Part,
    /// The bytes of the part so far, unless it is skipped; at most [`V6_BYTES`].
    held: Vec<u8>,
    /// Bytes of the header that have not come; of its first four before they tell the length.
    left: usize,
    header: Header,
    checksum: Checksum,
    /// What the header says that its checksum is.
    stated: Option<u32>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Version and command, family and transport, length.
    Fixed,
    /// Two addresses and two ports.
    Addresses(Family),
    /// Type and length of a TLV.
    Vector,
    /// The value of the checksum's TLV.
    Checksum,
    /// So many bytes that nobody looks at; at least one.
    Skipped(usize),
}

/// Of addresses that are understood.
#[derive(Clone, Copy, Debug)]
enum Family {
    V4,
    V6,
}

impl Block {
    /// The signature was there.
    pub(super) fn new() -> Self {
        let mut checksum = Checksum::new();
        V2_SIGNATURE.iter().for_each(|&byte| checksum.add(byte));
        Self {
            part: Part::Fixed,
            held: Vec::new(),
            left: FIXED_BYTES,
            header: Header::Local,
            checksum,
            stated: None,
        }
    }

    /// Takes a byte; gives the header with the last one.
    pub(super) fn step(&mut self, byte: u8) -> Result<Option<Header>, ProxyError> {
        // The checksum was made while its own place held zeros.
        self.checksum.add(if matches!(self.part, Part::Checksum) { 0 } else { byte });
        self.left = self.left.saturating_sub(1);
        let bytes = match self.part {
            Part::Fixed => FIXED_BYTES,
            Part::Addresses(Family::V4) => V4_BYTES,
            Part::Addresses(Family::V6) => V6_BYTES,
            Part::Vector => VECTOR_BYTES,
            Part::Checksum => CHECKSUM_BYTES,
            Part::Skipped(bytes) => {
                self.part = skipped(bytes.saturating_sub(1));
                return self.end();
            }
        };
        self.held.push(byte);
        if self.held.len() == bytes {
            let held = std::mem::take(&mut self.held);
            self.part = self.part_done(&held)?;
        }
        self.end()
    }

    /// A part is whole; gives the one that follows.
    fn part_done(&mut self, held: &[u8]) -> Result<Part, ProxyError> {
        match (self.part, held) {
            (Part::Fixed, &[command, family, high, low]) => {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.begin(command, family)
            }
            (Part::Vector, &[kind, high, low]) => {
                self.vector(kind, usize::from(u16::from_be_bytes([high, low])))
            }
            (Part::Checksum, &[a, b, c, d]) => {
                self.stated = Some(u32::from_be_bytes([a, b, c, d]));
                Ok(Part::Vector)
            }
            (Part::Addresses(Family::V4), held) => {
                self.header = addresses(held, |bytes: [u8; 4]| Ipv4Addr::from(bytes).into())?;
                Ok(Part::Vector)
            }
            (Part::Addresses(Family::V6), held) => {
                self.header = addresses(held, |bytes: [u8; 16]| Ipv6Addr::from(bytes).into())?;
                Ok(Part::Vector)
            }
            (part, _) => Ok(part),
        }
    }

    fn begin(&mut self, command: u8, family: u8) -> Result<Part, ProxyError> {
        let (version, command) = (command >> 4, command & 0x0F);
        if version != VERSION {
            return Err(ProxyError::BadVersion { got: version });
        }
        let bytes = V2_SIGNATURE.len() + FIXED_BYTES + self.left;
        if bytes > V2_BYTES_MAX {
            return Err(ProxyError::TooLong { bytes });
        }
        match command {
            // What a balancer says of its own connection is ignored, the family included.
            LOCAL => return Ok(skipped(self.left)),
            PROXY => {}
            got => return Err(ProxyError::BadCommand { got }),
        }
        let (family, expected) = match (family >> 4, family & 0x0F) {
            (INET, STREAM) => (Family::V4, V4_BYTES),
            (INET6, STREAM) => (Family::V6, V6_BYTES),
            (UNSPEC..=UNIX, UNSPEC..=DATAGRAM) => return Ok(skipped(self.left)),
            _ => return Err(ProxyError::BadFamily { got: family }),
        };
        if self.left < expected {
            return Err(ProxyError::TooShort { expected, got: self.left });
        }
        Ok(Part::Addresses(family))
    }

    fn vector(&self, kind: u8, bytes: usize) -> Result<Part, ProxyError> {
        if bytes > self.left {
            return Err(ProxyError::LongVector { kind, bytes, left: self.left });
        }
        match (kind, bytes) {
            (CHECKSUM, _) if self.stated.is_some() => Err(ProxyError::TwoChecksums),
            (CHECKSUM, CHECKSUM_BYTES) => Ok(Part::Checksum),
            (CHECKSUM, _) => Err(ProxyError::ChecksumLength { bytes }),
            _ => Ok(skipped(bytes)),
        }
    }

    /// Judges the whole when nothing is left to come.
    fn end(&self) -> Result<Option<Header>, ProxyError> {
        if self.left > 0 {
            return Ok(None);
        }
        if !self.held.is_empty() {
            return Err(ProxyError::CutVector);
        }
        let expected = self.checksum.value();
        match self.stated {
            Some(got) if got != expected => Err(ProxyError::Checksum { expected, got }),
            _ => Ok(Some(self.header)),
        }
    }
}

/// What is skipped, or the TLV behind it.
fn skipped(bytes: usize) -> Part {
    if bytes == 0 { Part::Vector } else { Part::Skipped(bytes) }
}

/// Both addresses, then both ports.
fn addresses<const N: usize>(
    held: &[u8],
    address: impl Fn([u8; N]) -> IpAddr,
) -> Result<Header, ProxyError> {
    let parts = held.split_first_chunk().and_then(|(&source, rest)| {
        let (&destination, ports) = rest.split_first_chunk()?;
        Some((source, destination, <[u8; 4]>::try_from(ports).ok()?))
    });
    let expected = 2 * N + 4;
    let (source, destination, [a, b, c, d]) =
        parts.ok_or(ProxyError::TooShort { expected, got: held.len() })?;
    let socket = |ip, port| SocketAddr::new(address(ip), u16::from_be_bytes(port));
    Ok(Header::proxied(socket(source, [a, b]), socket(destination, [c, d])))
}

/// The only version with this signature.
const VERSION: u8 = 2;

/// Commands.
const LOCAL: u8 = 0;
const PROXY: u8 = 1;

/// Families, and transports; UNSPEC is one of either.
const UNSPEC: u8 = 0;
const INET: u8 = 1;
const INET6: u8 = 2;
const UNIX: u8 = 3;
const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;

/// The type of the TLV that holds the checksum (PP2_TYPE_CRC32C).
const CHECKSUM: u8 = 0x03;

/// Sizes in bytes: of what stands between signature and addresses, of addresses with ports, of the
/// head of a TLV, and of a checksum.
const FIXED_BYTES: usize = 4;
const V4_BYTES: usize = 12;
const V6_BYTES: usize = 36;
const VECTOR_BYTES: usize = 3;
const CHECKSUM_BYTES: usize = 4;

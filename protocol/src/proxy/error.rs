//! Why bytes are no header.

use super::{V1_BYTES_MAX, V2_BYTES_MAX, Versions};

/// Why bytes are no header that is accepted. The sender is at fault, or the operator who expects
/// another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The first bytes begin no header of any version.
    #[error("no PROXY header in front")]
    NotProxy,
    /// The other version came.
    #[error("expected a PROXY header of {expected}, got one of {got}")]
    OtherVersion {
        /// What is taken.
        expected: Versions,
        /// What came.
        got: Versions,
    },
    /// Version 1 without an end within the limit.
    #[error("PROXY line is longer than {V1_BYTES_MAX} bytes")]
    LineTooLong,
    /// Version 1: a field is missing or not written as the specification has it.
    #[error("PROXY line has a bad {0}")]
    BadField(Field),
    /// The version number of a binary header.
    #[error("PROXY header has the signature of version 2, but version {got}")]
    BadVersion {
        /// The upper half of the 13th byte.
        got: u8,
    },
    /// Neither LOCAL nor PROXY.
    #[error("PROXY header has command {got}, which does not exist")]
    BadCommand {
        /// The lower half of the 13th byte.
        got: u8,
    },
    /// A family or transport that does not exist.
    #[error("PROXY header has family and transport {got:#04x}, which do not exist")]
    BadFamily {
        /// The 14th byte.
        got: u8,
    },
    /// Version 2 names a length beyond the limit.
    #[error("PROXY header has {bytes} bytes, more than {V2_BYTES_MAX}")]
    TooLong {
        /// Of the whole header.
        bytes: usize,
    },
    /// No room for the addresses of the family.
    #[error("PROXY header has {got} bytes for addresses that take {expected}")]
    TooShort {
        /// What the two addresses and ports take.
        expected: usize,
        /// What the header has behind its fixed part.
        got: usize,
    },
    /// One or two bytes are left, which can be no TLV.
    #[error("PROXY header ends within the head of a TLV")]
    CutVector,
    /// A TLV would reach beyond the header.
    #[error("PROXY header has a TLV {kind:#04x} of {bytes} bytes, but {left} bytes left for it")]
    LongVector {
        /// Its type.
        kind: u8,
        /// The length it claims.
        bytes: usize,
        /// How many bytes of the header are left.
        left: usize,
    },
    /// A checksum that is no 32-bit number.
    #[error("PROXY header has a checksum of {bytes} bytes; it must have 4")]
    ChecksumLength {
        /// The length of its TLV.
        bytes: usize,
    },
    /// More than one checksum: neither can be right, since each is zero in its own making only.
    #[error("PROXY header has two checksums")]
    TwoChecksums,
    /// The header was changed on its way, or badly made.
    #[error("PROXY header has checksum {got:#010x}, expected {expected:#010x}")]
    Checksum {
        /// What the bytes have.
        expected: u32,
        /// What the header says.
        got: u32,
    },
}

/// A part of the line of version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `TCP4`, `TCP6`, `UNKNOWN`.
    Protocol,
    /// The client's address.
    Source,
    /// The address that the client dialled.
    Destination,
    /// The client's port.
    SourcePort,
    /// The port that the client dialled.
    DestinationPort,
    /// CR LF and nothing before it.
    End,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Protocol => "protocol",
            Self::Source => "source address",
            Self::Destination => "destination address",
            Self::SourcePort => "source port",
            Self::DestinationPort => "destination port",
            Self::End => "end",
        })
    }
}

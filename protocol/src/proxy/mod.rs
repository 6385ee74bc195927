//! The PROXY protocol, versions 1 and 2: the first bytes of a connection, by which a balancer says
//! whose connection it passes on (`proxy-protocol.txt` of HAProxy; AWS: `ProxyProtocolPolicyType`
//! of classic balancers, `proxy_protocol_v2.enabled` of network balancers).
//!
//! A header is as trustworthy as its sender: whoever may connect could write one. The owner asks
//! this decoder only on connections of balancers that it knows, gives it time to live, and lets no
//! byte reach a session before [`Decoder::decode`] has said where the header ends. A second header
//! behind the first is data of the client, who may be lying.
//!
//! # What is read
//! - Version 1: one line of at most [`V1_BYTES_MAX`] bytes, exactly as the specification has it:
//!   one space between fields, no leading zeros, addresses of the family that was named. Behind
//!   `UNKNOWN` everything is ignored up to the end of the line.
//! - Version 2: at most [`V2_BYTES_MAX`] bytes, of which no more than the addresses are ever held.
//!   TLVs (ALPN, authority, AWS's 0xEA, padding) are skipped by their lengths, which must add up. A
//!   checksum (0x03) must be right.
//! - `LOCAL`, `UNSPEC`, and what the specification lets a receiver treat alike (Unix sockets,
//!   datagrams) are [`Header::Local`]: their block is skipped by its length and not looked at, TLVs
//!   and checksum included.

mod checksum;
mod error;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use std::fmt;
use std::net::SocketAddr;

pub use self::error::{Field, ProxyError};
use self::v2::Block;

/// Which versions are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// Text.
    V1,
    /// Binary.
    V2,
    /// Whichever comes.
    Any,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "version 1",
            Self::V2 => "version 2",
            Self::Any => "any version",
        })
    }
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The connection is the balancer's own, a health check as a rule, or that of somebody whom it
    /// can not name: the addresses of the connection itself are all there is.
    Local,
    /// The connection is passed on. An IPv4 address that was written as an IPv6 one
    /// (`::ffff:192.0.2.1`) is told as IPv4, so that no rule for addresses is evaded.
    Proxied {
        /// The client.
        source: SocketAddr,
        /// What the client dialled.
        destination: SocketAddr,
    },
}

impl Header {
    fn proxied(source: SocketAddr, destination: SocketAddr) -> Self {
        let canonical =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Self::Proxied { source: canonical(source), destination: canonical(destination) }
    }
}

/// Reads one header off the front of a stream, however the stream is cut.
#[derive(Debug)]
pub struct Decoder {
    versions: Versions,
    state: State,
    /// The bytes so far of the signature, or of a header in text.
    held: Vec<u8>,
    /// What came out, once and for all.
    verdict: Option<Result<Header, ProxyError>>,
}

/// What is being read.
#[derive(Debug)]
enum State {
    /// The bytes that tell the versions apart.
    Signature,
    /// The line of version 1.
    Text,
    /// What follows the signature of version 2.
    Binary(Block),
}

impl Decoder {
    /// A decoder for a new connection.
    pub fn new(versions: Versions) -> Self {
        Self { versions, state: State::Signature, held: Vec::new(), verdict: None }
    }

    /// Takes of `input`, which the owner has peeked from the socket, exactly those bytes that
    /// belong to the header, and says how many they are. With a header it is complete, and nothing
    /// behind it was taken; without one, all of `input` was taken and more is needed. Once there is
    /// a header or an error, further calls take nothing and say the same.
    ///
    /// # Errors
    /// The bytes are no header that is accepted. The connection can only be closed, except after
    /// [`ProxyError::NotProxy`]: then [`Decoder::untaken`] and `input`, of which nothing was taken,
    /// are all that the client sent.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Header>), ProxyError> {
        if let Some(verdict) = self.verdict {
            return verdict.map(|header| (0, Some(header)));
        }
        let before = self.held.len();
        for (place, &byte) in input.iter().enumerate() {
            let Some(verdict) = self.step(byte).transpose() else { continue };
            self.verdict = Some(verdict);
            self.held.truncate(before);
            if verdict != Err(ProxyError::NotProxy) {
                self.held = Vec::new();
            }
            return verdict.map(|header| (place + 1, Some(header)));
        }
        Ok((input.len(), None))
    }

    /// After [`ProxyError::NotProxy`]: what earlier calls took, because a header could have begun
    /// so (`P` of PASS). It comes before what the socket still holds.
    pub fn untaken(&self) -> &[u8] {
        match self.verdict {
            Some(Err(ProxyError::NotProxy)) => &self.held,
            _ => &[],
        }
    }

    fn step(&mut self, byte: u8) -> Result<Option<Header>, ProxyError> {
        match &mut self.state {
            State::Binary(block) => block.step(byte),
            State::Text => {
                self.held.push(byte);
                v1::parse(&self.held)
            }
            State::Signature => {
                self.held.push(byte);
                self.recognise()?;
                Ok(None)
            }
        }
    }

    /// Goes on as soon as the first bytes say with what.
    fn recognise(&mut self) -> Result<(), ProxyError> {
        let held = self.held.as_slice();
        if held == V1_SIGNATURE {
            self.demand(Versions::V1)?;
            self.state = State::Text;
        } else if held == V2_SIGNATURE {
            self.demand(Versions::V2)?;
            self.state = State::Binary(Block::new());
            self.held = Vec::new();
        } else if !V1_SIGNATURE.starts_with(held) && !V2_SIGNATURE.starts_with(held) {
            return Err(ProxyError::NotProxy);
        }
        Ok(())
    }

    fn demand(&self, got: Versions) -> Result<(), ProxyError> {
        let expected = self.versions;
        if expected == Versions::Any || expected == got {
            return Ok(());
        }
        Err(ProxyError::OtherVersion { expected, got })
    }
}

/// Whether a client's first bytes begin a PROXY header: `PROXY ` or the twelve bytes of version 2.
/// For the log about a sender from whom none is taken; fewer bytes than that are no evidence.
pub fn is_header_start(bytes: &[u8]) -> bool {
    bytes.starts_with(V1_SIGNATURE) || bytes.starts_with(V2_SIGNATURE)
}

/// The longest header of version 1 in bytes, its CR LF included (`proxy-protocol.txt`, 2.1): two
/// IPv6 addresses in full, two ports, and UNKNOWN.
pub const V1_BYTES_MAX: usize = 107;

/// The longest header of version 2 in bytes, signature and TLVs included. The format could name
/// 64 KiB; the specification wants a header to fit one packet, and a certificate's name in a TLV is
/// the longest thing seen in practice.
pub const V2_BYTES_MAX: usize = 16 * 1024;

/// How a header of version 1 begins.
const V1_SIGNATURE: &[u8] = b"PROXY ";

/// How a header of version 2 begins.
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

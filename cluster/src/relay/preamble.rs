//! The first bytes of a relayed connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::RelayKey;
use super::key::TAG_BYTES;
use crate::id::{FENCE_BYTES, Fence};

/// What a relay says of the connection that it passes on.
///
/// On the wire, all numbers most significant first:
///
/// | bytes | what |
/// | --- | --- |
/// | 4 | `FLRL` |
/// | 1 | version of the form: 2 |
/// | 1 | family of the client's address: 4 or 6 |
/// | 6 | fence of the owner |
/// | 6 | fence of the sender |
/// | 8 | counter |
/// | 16 | the client's address; of IPv4 the first 4, the rest zeros |
/// | 2 | the client's port |
/// | 2 | the passive port |
/// | 24 | trace: of the relay, see [`Preamble::trace`] |
/// | 32 | HMAC-SHA256 of all before it |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// The registration of the node that is meant; any other refuses it. Below 2^48.
    pub owner: Fence,
    /// The registration of the node that relays. Below 2^48.
    pub sender: Fence,
    /// Of the sender: another one for each preamble, about in the order in which they are sent.
    pub counter: u64,
    /// The client, as the relay knows it: from the socket or from a PROXY header. Flow and scope of IPv6 are not
    /// told.
    pub client: SocketAddr,
    /// The passive port to which the client connected.
    pub port: u16,
    /// A W3C trace id (16 bytes) and the span id (8) of the relay; zeros: none. The span id is what the relay is called
    /// in the trace of the session that takes it ([`Welcome`](super::Welcome)); the trace id is that of a relay which
    /// no session takes.
    pub trace: [u8; TRACE_BYTES],
}

/// Why a preamble is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// Whoever connected speaks something else.
    #[error("no relay preamble")]
    NoPreamble,
    /// It has a form that this program does not know.
    #[error("relay preamble of version {0}, expected {VERSION}")]
    Version(u8),
    /// It was made with another key, or changed on the way.
    #[error("relay preamble by another key, or damaged")]
    Foreign,
    /// Its key is right, and it is nonsense nevertheless.
    #[error("relay preamble names a client of address family {0}, expected 4 or 6")]
    Family(u8),
}

impl Preamble {
    /// How long every preamble is.
    pub const BYTES: usize = BODY_BYTES + TAG_BYTES;

    /// As it goes to the owner.
    pub fn encode(&self, key: &RelayKey) -> [u8; Self::BYTES] {
        let (family, address) = match self.client.ip() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                (4, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            }
            IpAddr::V6(v6) => (6, v6.octets()),
        };
        let mut body = Vec::with_capacity(Self::BYTES);
        body.extend(MAGIC);
        body.extend([VERSION, family]);
        body.extend(self.owner.to_bytes());
        body.extend(self.sender.to_bytes());
        body.extend(self.counter.to_be_bytes());
        body.extend(address);
        body.extend(self.client.port().to_be_bytes());
        body.extend(self.port.to_be_bytes());
        body.extend(self.trace);
        body.extend(key.sign(&body));
        let mut bytes = [0; Self::BYTES];
        for (to, from) in bytes.iter_mut().zip(body) {
            *to = from;
        }
        bytes
    }

    /// Reads a preamble that was made with this key.
    ///
    /// # Errors
    /// It is none, of another version, or not one of the pool.
    pub fn decode(bytes: &[u8; Self::BYTES], key: &RelayKey) -> Result<Self, RelayError> {
        let (body, tag) = bytes.split_at(BODY_BYTES);
        let mut rest = Rest(body);
        if rest.take() != MAGIC {
            return Err(RelayError::NoPreamble);
        }
        let [version, family] = rest.take();
        if version != VERSION {
            return Err(RelayError::Version(version));
        }
        if !key.verify(body, tag) {
            return Err(RelayError::Foreign);
        }
        let owner = Fence::from_bytes(rest.take::<FENCE_BYTES>());
        let sender = Fence::from_bytes(rest.take::<FENCE_BYTES>());
        let counter = u64::from_be_bytes(rest.take());
        let address: [u8; 16] = rest.take();
        let [a, b, c, d, ..] = address;
        let ip = match family {
            4 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            6 => IpAddr::V6(Ipv6Addr::from(address)),
            other => return Err(RelayError::Family(other)),
        };
        let client = SocketAddr::new(ip, u16::from_be_bytes(rest.take()));
        let port = u16::from_be_bytes(rest.take());
        Ok(Self { owner, sender, counter, client, port, trace: rest.take() })
    }
}

/// What is not read yet of a body, which is as long as all that is taken from it.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((first, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *first
    }
}

/// Bytes of [`Preamble::trace`].
pub const TRACE_BYTES: usize = 24;

const MAGIC: [u8; 4] = *b"FLRL";
/// 2: the owner answers.
const VERSION: u8 = 2;
/// All but the tag.
const BODY_BYTES: usize = 4 + 2 + 2 * FENCE_BYTES + 8 + 16 + 2 + 2 + TRACE_BYTES;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::relay::RELAY_KEY_BYTES;

    fn key(byte: u8) -> RelayKey {
        RelayKey::new(&[byte; RELAY_KEY_BYTES])
    }

    fn preamble() -> impl Strategy<Value = Preamble> {
        let fences = (0u64..1 << 48, 0u64..1 << 48);
        (fences, any::<u64>(), any::<(IpAddr, u16, u16)>(), any::<[u8; TRACE_BYTES]>()).prop_map(
            |((owner, sender), counter, (ip, client, port), trace)| Preamble {
                owner: Fence(owner),
                sender: Fence(sender),
                counter,
                client: SocketAddr::new(ip, client),
                port,
                trace,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(preamble in preamble()) {
            let bytes = preamble.encode(&key(1));
            prop_assert_eq!(Preamble::decode(&bytes, &key(1)), Ok(preamble));
            prop_assert_eq!(Preamble::decode(&bytes, &key(2)), Err(RelayError::Foreign));
        }

        /// Whichever byte it is, and whatever it becomes.
        #[test]
        fn no_byte_can_be_changed(preamble in preamble(), change in 1u8..) {
            let bytes = preamble.encode(&key(1));
            for at in 0..bytes.len() {
                let mut changed = bytes;
                changed[at] ^= change;
                let error = Preamble::decode(&changed, &key(1)).unwrap_err();
                let expected = match at {
                    0..4 => RelayError::NoPreamble,
                    4 => RelayError::Version(VERSION ^ change),
                    _ => RelayError::Foreign,
                };
                prop_assert_eq!(error, expected);
            }
        }

        #[test]
        fn other_bytes_are_no_preamble(bytes in any::<[u8; 32]>()) {
            let mut stream = [0; Preamble::BYTES];
            stream[..32].copy_from_slice(&bytes);
            prop_assert!(Preamble::decode(&stream, &key(1)).is_err());
        }
    }

    #[test]
    fn a_family_that_nobody_knows_is_refused() {
        let preamble = Preamble {
            owner: Fence(1),
            sender: Fence(2),
            counter: 3,
            client: "192.0.2.1:40000".parse().unwrap(),
            port: 61_000,
            trace: [0; TRACE_BYTES],
        };
        let mut bytes = preamble.encode(&key(1));
        assert_eq!(bytes[..6], *b"FLRL\x02\x04");
        bytes[5] = 5;
        let tag = key(1).sign(&bytes[..BODY_BYTES]);
        bytes[BODY_BYTES..].copy_from_slice(&tag);
        assert_eq!(Preamble::decode(&bytes, &key(1)), Err(RelayError::Family(5)));
    }
}

//! What the pool knows of a session: enough for `who` and `kick`; its own node knows the rest.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;

/// A session of the pool: `node/number`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    /// Where it lives.
    pub node: NodeId,
    /// Its number there, unique in the process.
    pub number: u64,
}

/// The published record of one session. About 40 bytes in the store while it is idle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionRecord {
    /// Of the record: [`SESSION_VERSION`] of whoever wrote it.
    #[serde(rename = "v")]
    pub version: u8,
    /// Who.
    #[serde(rename = "u")]
    pub user: String,
    /// How.
    #[serde(rename = "p")]
    pub protocol: Protocol,
    /// From where; 4 or 16 bytes.
    #[serde(rename = "c", with = "address")]
    pub client: Option<IpAddr>,
    /// Since when, seconds since 1970.
    #[serde(rename = "s")]
    pub since: u64,
    /// What it does: a verb such as `RETR` or `put`; empty: nothing.
    #[serde(rename = "d", skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The path that it does it to; no more than its last [`PATH_BYTES_MAX`] bytes.
    #[serde(rename = "f", skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Where bytes go.
    #[serde(rename = "w", skip_serializing_if = "Direction::is_none")]
    pub direction: Direction,
    /// Bytes of the transfer under way.
    #[serde(rename = "b", skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// Bytes per second of it since the last record.
    #[serde(rename = "r", skip_serializing_if = "is_zero")]
    pub rate: u64,
}

/// The protocol of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Protocol {
    #[serde(rename = "f")]
    Ftp,
    #[serde(rename = "t")]
    Ftps,
    /// SFTP, SCP and the hash commands.
    #[serde(rename = "s")]
    Ssh,
    /// Of a later version.
    #[default]
    #[serde(other, rename = "?")]
    Unknown,
}

/// Where the bytes of a transfer go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To the node.
    #[serde(rename = "i")]
    Upload,
    /// To the client.
    #[serde(rename = "o")]
    Download,
    /// None move.
    #[default]
    #[serde(other, rename = "-")]
    None,
}

impl Direction {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Why a record can not be read.
#[derive(Debug, thiserror::Error)]
#[error("record of a session can not be read: {0}")]
pub struct SessionError(#[from] rmp_serde::decode::Error);

impl SessionRecord {
    /// As it stands in the store.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory does not fail, and every type here can be written.
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Reads a record of this or another version.
    ///
    /// # Errors
    /// It is no record at all.
    pub fn decode(bytes: &[u8]) -> Result<Self, SessionError> {
        Ok(rmp_serde::from_slice(bytes)?)
    }
}

impl SessionId {
    /// The text `node/number`; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (node, number) = text.rsplit_once('/')?;
        Some(Self { node: NodeId::new(node).ok()?, number: number.parse().ok()? })
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.node, self.number)
    }
}

/// The last bytes of a long path, cut at a character.
pub fn path_tail(path: &str) -> &str {
    let from = path.len().saturating_sub(PATH_BYTES_MAX);
    let from = (from..=path.len()).find(|&at| path.is_char_boundary(at)).unwrap_or(path.len());
    path.get(from..).unwrap_or_default()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

mod address {
    use std::net::IpAddr;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        address: &Option<IpAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(IpAddr::V4(v4)) => serializer.serialize_bytes(&v4.octets()),
            Some(IpAddr::V6(v6)) => serializer.serialize_bytes(&v6.octets()),
            None => serializer.serialize_bytes(&[]),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<IpAddr>, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?.0;
        let v4 = <[u8; 4]>::try_from(bytes.as_slice()).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(bytes.as_slice()).map(IpAddr::from);
        Ok(v4.or(v6).ok())
    }

    /// A byte string, which serde's `Vec<u8>` is not.
    struct Bytes(Vec<u8>);

    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl serde::de::Visitor<'_> for Visitor {
                type Value = Bytes;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("the bytes of an address")
                }

                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                    Ok(Bytes(bytes.to_vec()))
                }
            }
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

/// The version of the records that this program writes.
pub const SESSION_VERSION: u8 = 1;

/// The most of a path that is published.
pub const PATH_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> SessionRecord {
        SessionRecord {
            version: SESSION_VERSION,
            user: "a-user-name".to_owned(),
            protocol: Protocol::Ssh,
            client: Some([192, 0, 2, 1].into()),
            since: 1_795_000_000,
            ..SessionRecord::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let busy = SessionRecord {
            command: "RETR".to_owned(),
            path: "/a/b".to_owned(),
            direction: Direction::Download,
            bytes: 1 << 40,
            rate: 1 << 30,
            client: Some("2001:db8::1".parse().unwrap()),
            ..idle()
        };
        for record in [idle(), busy, SessionRecord::default()] {
            assert_eq!(SessionRecord::decode(&record.encode()).unwrap(), record);
        }
        assert!(idle().encode().len() <= 44, "{} bytes", idle().encode().len());
        assert!(SessionRecord::decode(&[1]).is_err());
    }

    #[test]
    fn ids_are_read_back() {
        let id = SessionId { node: NodeId::new("ftp-1").unwrap(), number: 42 };
        assert_eq!(SessionId::parse(&id.to_string()), Some(id));
        for wrong in ["", "7", "ftp-1/", "/7", "ftp 1/7", "ftp-1/x"] {
            assert_eq!(SessionId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn long_paths_lose_their_beginning() {
        assert_eq!(path_tail("/short"), "/short");
        let long = "ä".repeat(50);
        assert_eq!(path_tail(&long), "ä".repeat(32));
        assert_eq!(path_tail(&format!("{long}x")), format!("{}x", "ä".repeat(31)));
    }
}

//! What a node says of itself to the pool, every two seconds.
//!
//! The record is a MessagePack map with a version. Readers take what they know and leave the rest, and
//! what is missing gets its default: so nodes of two versions can be in one pool during an upgrade. A
//! field never changes its meaning; what must change gets a new name.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Of the record: [`MEMBER_VERSION`] of whoever wrote it.
    pub version: u16,
    /// Version of the program.
    pub build: String,
    /// Where the node is (an availability zone), if it knows.
    pub zone: String,
    /// Where clients find it: FTP, FTPS and SSH listeners as `protocol://address:port`.
    pub addresses: Vec<String>,
    /// Digest of the settings that should be the same on all nodes.
    pub config: u64,
    /// What it may be used for.
    pub standing: Standing,
    /// Why it is not ready, by latch.
    pub reasons: BTreeMap<String, String>,
    /// How busy it is.
    pub load: Load,
    /// Its share of new clients by DNS, 0 to 255.
    pub weight: u8,
    /// The mark that it sees on its storage; empty: none.
    pub storage: String,
    /// Digest of the SSH host keys that it shows; 0: it has none.
    pub host_keys: u64,
    /// Where other nodes dial it to pass on data connections: `10.0.0.5:2120`; empty: nowhere.
    pub relay: String,
    /// Where clients are sent to by DNS.
    pub place: Place,
    /// The instance of AWS that it runs on; empty: none that it knows.
    pub instance: String,
    /// Private addresses of that instance, the primary one first: as what balancers may have it for a target.
    pub private: Vec<Ipv4Addr>,
    /// The number of the beat that brings the record: of the agent, as the next field.
    pub beat: u64,
    /// That of the last beat whose answer told the node who has which block of ports.
    pub told: u64,
}

/// Where clients are sent to by DNS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Its public address, or the private one where all clients are inside.
    pub v4: Option<Ipv4Addr>,
    /// Likewise.
    pub v6: Option<Ipv6Addr>,
    /// Region of AWS; empty: not known.
    pub region: String,
    /// Whose clients it serves, as in `aws.dns_location`; empty: all's that are nobody else's.
    pub location: String,
    /// The port that health checks connect to; 0: none.
    pub port: u16,
}

/// What a node may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// New clients are welcome.
    Ready,
    /// Something is wrong, or it just starts.
    #[default]
    Unready,
    /// It was told to send its clients away.
    Draining,
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// How busy a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// Logged-in sessions.
    pub sessions: u32,
    /// Transfers under way.
    pub transfers: u32,
    /// Bytes moved per second, both directions.
    pub bytes_per_second: u64,
    /// Share of the machine's processors that the process used, in thousandths.
    pub cpu_permille: u16,
    /// How late the node's timers are, in milliseconds.
    pub lag_ms: u32,
}

/// Why a record can not be read.
#[derive(Debug, thiserror::Error)]
#[error("record of a node can not be read: {0}")]
pub struct MemberError(#[from] rmp_serde::decode::Error);

impl Member {
    /// As it stands in the store.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory does not fail, and every type here can be written.
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Reads a record of this or another version.
    ///
    /// # Errors
    /// It is no record at all.
    pub fn decode(bytes: &[u8]) -> Result<Self, MemberError> {
        Ok(rmp_serde::from_slice(bytes)?)
    }
}

/// The version of the records that this program writes.
pub const MEMBER_VERSION: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member {
            version: MEMBER_VERSION,
            build: "0.1.0".to_owned(),
            standing: Standing::Ready,
            addresses: vec!["ftp://10.0.0.1:21".to_owned()],
            reasons: [("storage".to_owned(), "hangs".to_owned())].into(),
            load: Load { sessions: 3, ..Load::default() },
            weight: 100,
            relay: "10.0.0.1:2120".to_owned(),
            ..Member::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Member::decode(&member().encode()).unwrap(), member());
        assert!(Member::decode(b"no record").is_err());
    }

    /// A pool during an upgrade: a later version knows more, an earlier one less.
    #[test]
    fn records_of_other_versions_are_read() {
        #[derive(Serialize)]
        struct Later {
            version: u16,
            build: &'static str,
            standing: &'static str,
            invented: Vec<u8>,
            load: LaterLoad,
        }
        #[derive(Serialize)]
        struct LaterLoad {
            sessions: u32,
            invented: &'static str,
        }
        let load = LaterLoad { sessions: 7, invented: "x" };
        let later =
            Later { version: 9, build: "9.0", standing: "resting", invented: vec![1], load };
        let read = Member::decode(&rmp_serde::to_vec_named(&later).unwrap()).unwrap();
        assert_eq!((read.version, read.build.as_str(), read.load.sessions), (9, "9.0", 7));
        assert_eq!(read.standing, Standing::Unknown);

        #[derive(Serialize)]
        struct Earlier {
            build: &'static str,
        }
        let read = Member::decode(&rmp_serde::to_vec_named(&Earlier { build: "0" }).unwrap());
        assert_eq!(read.unwrap(), Member { build: "0".to_owned(), ..Member::default() });
    }
}

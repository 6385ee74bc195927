//! Answers of the admin API, as far as they are shown. What a node of another version leaves out has
//! its default, what it adds is left alone.

use std::collections::BTreeMap;

use flotilla_cluster::member::Place;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Nodes {
    pub(crate) pool: String,
    #[serde(rename = "self")]
    pub(crate) own: String,
    pub(crate) store: Store,
    pub(crate) leader: Option<String>,
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Store {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) since_s: u64,
    pub(crate) latency_ms: Option<u64>,
    pub(crate) clock_ms: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) generation: u64,
    pub(crate) place: Place,
    pub(crate) storage: String,
    pub(crate) host_keys: String,
    pub(crate) state: String,
    pub(crate) reasons: BTreeMap<String, String>,
    pub(crate) version: String,
    pub(crate) zone: Option<String>,
    pub(crate) addresses: Vec<String>,
    pub(crate) instance: Option<String>,
    pub(crate) private: Vec<std::net::Ipv4Addr>,
    pub(crate) sessions: u64,
    pub(crate) transfers: u64,
    pub(crate) bytes_per_second: u64,
    pub(crate) cpu_percent: f64,
    pub(crate) lag_ms: u64,
    pub(crate) weight: u64,
    pub(crate) config: String,
    pub(crate) differs: Vec<String>,
    pub(crate) beat_ms_ago: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sessions {
    pub(super) sessions: Vec<Session>,
    pub(super) missing: Vec<String>,
    pub(super) more: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) protocol: String,
    pub(super) client: Option<String>,
    pub(super) since: u64,
    pub(super) command: Option<String>,
    pub(super) path: Option<String>,
    pub(super) direction: Option<String>,
    pub(super) bytes: u64,
    pub(super) bytes_per_second: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Kicked {
    pub(super) kicked: u64,
    pub(super) missing: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Bans {
    pub(super) bans: Vec<Ban>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ban {
    pub(super) address: String,
    pub(super) seconds: u64,
    pub(super) by: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Banned {
    pub(super) banned: String,
    pub(super) seconds: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Lifted {
    pub(super) lifted: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Drained {
    pub(super) node: String,
    pub(super) state: String,
    pub(super) phase: String,
    pub(super) sessions: u64,
    pub(super) transfers: u64,
    pub(super) seconds_left: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogLevel {
    pub(super) node: String,
    pub(super) level: String,
    pub(super) configured: String,
    /// `None`: until a reload.
    pub(super) seconds_left: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ports {
    pub(super) mode: String,
    pub(super) range: String,
    /// `None`: each node has the whole range.
    pub(super) blocks: Option<Blocks>,
    pub(super) nodes: Vec<NodePorts>,
    pub(super) missing: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Blocks {
    pub(super) size: u64,
    pub(super) count: u64,
    pub(super) free: u64,
    pub(super) owners: Vec<Owner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) node: String,
    pub(super) alive: bool,
    pub(super) relay: Option<String>,
    pub(super) blocks: u64,
    pub(super) ports: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodePorts {
    pub(super) id: String,
    pub(super) listening: u64,
    pub(super) pending: u64,
    pub(super) lingering: u64,
    pub(super) granted: u64,
    pub(super) exhausted: u64,
    pub(super) blocks: Vec<Value>,
    pub(super) withdrawn: Vec<Value>,
    pub(super) relays: Relays,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Relays {
    pub(super) active: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) bytes: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Policy {
    pub(crate) revision: u64,
    pub(crate) by: String,
    pub(crate) limits: BTreeMap<String, Value>,
    pub(crate) share: BTreeMap<String, Value>,
    pub(crate) storage: String,
    pub(crate) tickets: u64,
    pub(crate) listeners: Vec<Listener>,
    /// `None`: the node is of a version that does not tell.
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) front: Front,
}

/// What stands in front.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Front {
    pub(crate) addresses: Vec<FrontAddress>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FrontAddress {
    pub(crate) zone: Option<String>,
    pub(crate) address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Listener {
    pub(crate) service: String,
    pub(crate) address: String,
    pub(crate) mode: String,
    pub(crate) reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Keepalive {
    pub(crate) smallest_ms: Option<u64>,
    pub(crate) timers: Vec<Timer>,
    pub(crate) probes: Probes,
    pub(crate) ssh_ms: Option<u64>,
    pub(crate) ftp_idle: Option<IdleLimit>,
    pub(crate) payload_ms: Option<u64>,
    pub(crate) progress_lines: bool,
    pub(crate) cuts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Timer {
    pub(crate) name: String,
    pub(crate) after_ms: u64,
    pub(crate) source: String,
    pub(crate) resets: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Probes {
    pub(crate) idle_ms: u64,
    pub(crate) interval_ms: u64,
    pub(crate) count: u64,
    pub(crate) user_timeout_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IdleLimit {
    pub(crate) after_ms: u64,
    pub(crate) reason: String,
}

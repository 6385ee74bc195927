//! Answers of the admin API, as far as they are shown. What a node of another version leaves out has
//! its default, what it adds is left alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Nodes {
    pub(super) pool: String,
    #[serde(rename = "self")]
    pub(super) own: String,
    pub(super) store: Store,
    pub(super) leader: Option<String>,
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Store {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) since_s: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) reasons: BTreeMap<String, String>,
    pub(super) version: String,
    pub(super) zone: Option<String>,
    pub(super) addresses: Vec<String>,
    pub(super) sessions: u64,
    pub(super) transfers: u64,
    pub(super) bytes_per_second: u64,
    pub(super) cpu_percent: f64,
    pub(super) lag_ms: u64,
    pub(super) weight: u64,
    pub(super) config: String,
    pub(super) differs: Vec<String>,
    pub(super) beat_ms_ago: Option<u64>,
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
pub(super) struct Policy {
    pub(super) revision: u64,
    pub(super) by: String,
    pub(super) limits: BTreeMap<String, Value>,
    pub(super) share: BTreeMap<String, Value>,
    pub(super) storage: String,
    pub(super) tickets: u64,
    pub(super) listeners: Vec<Listener>,
    /// `None`: the node is of a version that does not tell.
    pub(super) keepalive: Option<Keepalive>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listener {
    pub(super) service: String,
    pub(super) address: String,
    pub(super) mode: String,
    pub(super) reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Keepalive {
    pub(super) smallest_ms: Option<u64>,
    pub(super) timers: Vec<Timer>,
    pub(super) probes: Probes,
    pub(super) ssh_ms: Option<u64>,
    pub(super) ftp_idle: Option<IdleLimit>,
    pub(super) payload_ms: Option<u64>,
    pub(super) progress_lines: bool,
    pub(super) cuts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timer {
    pub(super) name: String,
    pub(super) after_ms: u64,
    pub(super) source: String,
    pub(super) resets: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Probes {
    pub(super) idle_ms: u64,
    pub(super) interval_ms: u64,
    pub(super) count: u64,
    pub(super) user_timeout_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct IdleLimit {
    pub(super) after_ms: u64,
    pub(super) reason: String,
}

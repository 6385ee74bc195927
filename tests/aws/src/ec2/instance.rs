//! Instances.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::Tags;

/// One instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// As `i-0123456789abcdef0`.
    pub id: String,
    /// As `c7i.large`.
    pub kind: String,
    /// Whether it may be taken away at any time.
    pub spot: bool,
    /// As `eu-central-1a`.
    pub zone: String,
    /// What has become of it.
    pub state: State,
    /// Name of its role, if it has one.
    pub role: Option<String>,
    /// Of that role.
    pub access_key: Option<String>,
    /// By key.
    pub tags: Tags,
    /// Whether its metadata have the tags.
    pub metadata_tags: bool,
    /// When it was made.
    pub launched: SystemTime,
    /// It will be taken away.
    pub notice: Option<Spot>,
    /// Since when it is likely to be.
    pub rebalance: Option<SystemTime>,
    /// What its group wants of it: `InService`, `Terminated`, `Standby`.
    pub target_state: Option<String>,
}

/// What has become of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It starts.
    Pending,
    /// It runs.
    Running,
    /// It ends.
    ShuttingDown,
    /// It is shown for an hour.
    Terminated,
    /// It is being stopped.
    Stopping,
    /// It could be started again.
    Stopped,
}

/// When and how an instance will be taken away.
#[derive(Clone, Debug)]
pub struct Spot {
    /// `terminate`, `stop` or `hibernate`.
    pub action: String,
    /// By the clock of the world.
    pub time: SystemTime,
    /// The same time.
    pub due: Instant,
}

impl State {
    /// Code and name, as descriptions show them.
    pub(crate) fn code(self) -> (u16, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        }
    }
}

/// What an instance is made with; what is not said is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewInstance {
    /// Primary address of its primary interface.
    pub private: Option<Ipv4Addr>,
    /// None for an instance in a private network.
    pub public: Option<Ipv4Addr>,
    /// Often none.
    pub ipv6: Option<Ipv6Addr>,
    /// Private and public address of each further interface.
    pub more: Vec<(Ipv4Addr, Option<Ipv4Addr>)>,
    /// `c7i.large` where nothing is said.
    pub kind: String,
    /// Whether it may be taken away.
    pub spot: bool,
    /// Letter of its zone: `a` where nothing is said.
    pub zone: String,
    /// By key.
    pub tags: Tags,
    /// Whether its metadata have the tags.
    pub metadata_tags: bool,
    /// It has no role, and so no credentials.
    pub no_role: bool,
    /// Ids of security groups of all its interfaces; the default group where nothing is said.
    pub groups: Vec<String>,
}

//! Passive data ports: who may connect where, and to whom the connection is given.
//!
//! The range is interleaved over the arbiters ([`PortRange::share`]); each has a [`PortShard`] that
//! alone binds and accepts on its ports, so that in the normal case a grant, its connection and its
//! end touch one thread only and take no lock. (A connection that another node brings may cross
//! threads once.) A port serves many clients: pending [`Grant`]s are keyed by (port, client address),
//! and no two grants whose [`PeerRule`]s overlap ever share a port, so an arriving connection belongs
//! to one grant or to nobody. Listeners are bound when first needed and stay open; a file costs one
//! `accept4`.
//!
//! In mode `shared` the range is the pool's: all of it is listened on from the start, grants come from the blocks
//! that this node may offer (`SetRoutes`), and what nobody here waits for is carried to the owner of the port
//! (`relay`). Before that a connection passes the `gate`: a balancer may say first whose it is.
//!
//! Only when its own ports are used up (or it has none: a range smaller than the number of
//! arbiters) does a shard ask the others, over bounded channels; accepted connections then cross
//! threads as plain descriptors, under a lock of their grant.
//!
//! # Invariants
//! - A connection is handed to the grant whose rule admits its address, or to the node that owns the port, or closed
//!   at once.
//! - A port is not granted to an address while it is pending for it, nor for `linger` after a
//!   grant that nobody connected to: a late connection can not reach the wrong transfer, but where TLS proves who comes.
//! - No grant waits for longer than `wait_max`: until then the port's block is no other node's.
//! - No port outside the range is ever bound. Exhaustion is an answer, not a wait.

mod accept;
mod actor;
mod counts;
pub(crate) mod ephemeral;
mod gate;
mod grant;
mod inbox;
mod lent;
mod listener;
mod places;
mod pooled;
mod remote;
mod rule;
mod shard;
mod slot;
#[cfg(test)]
mod tests;
mod wait;

use std::time::Duration;

use flotilla_cluster::ports::PortRange;

pub(crate) use accept::Trouble;
pub(crate) use actor::{PortParts, PortsUsed, Report, SetRoutes, SetRules};
pub use actor::{Ports, ReadCounts};
pub use counts::PortCounts;
pub(crate) use gate::PortRules;
pub use grant::{Accepted, Grant, GrantRequest, Via};
pub(crate) use listener::socket;
pub(crate) use pooled::Hosts;
pub use rule::{PeerPolicy, PeerRule};
pub use shard::{PortShard, ShardSeed};
pub(crate) use wait::STRANGERS_MAX;

use crate::config::Config;

/// How ports are used; the same for all shards.
#[derive(Clone, Copy, Debug)]
pub struct PortSettings {
    /// The ports, all shards together.
    pub range: PortRange,
    /// How long a port stays closed to an address after a grant that nobody connected to, until a reload says
    /// otherwise.
    pub linger: Duration,
    /// Where all of them are listened on, if they are the pool's.
    pub(crate) shared: Option<Hosts>,
}

impl PortSettings {
    /// The usual settings for a range: a connection later than the `data_connect` time-out belongs
    /// to nobody, and one within it may still be under way, hence the longer of both.
    pub fn new(range: PortRange, data_connect: Duration) -> Self {
        Self { range, linger: linger(data_connect), shared: None }
    }
}

fn linger(data_connect: Duration) -> Duration {
    data_connect.max(LINGER_MIN)
}

/// How long somebody may wait on a port after it was given to a client: until a command uses it, while the storage
/// opens the file, and until the connection comes, which is reckoned as the linger time, the longer one. So one that no
/// command used has lingered by then too. One for which a transfer waited in vain may linger on: nobody waits there.
pub(crate) fn wait_max(config: &Config) -> Duration {
    let connect = config.timeouts.data_connect;
    let parts = [connect, config.storage.timeout, linger(connect)];
    parts.into_iter().fold(Duration::ZERO, Duration::saturating_add)
}

/// The least linger time: a client's SYN is sent again after 1, 3, 7 and 15 s; 30 s covers them.
pub const LINGER_MIN: Duration = Duration::from_secs(30);

//! Load balancers of AWS in front of the pool: what is wrong with them, what they do to silent connections, which
//! addresses clients must be told, and what may be changed.
//!
//! [`State`] is what was read, [`Want`] what a node needs; everything is a function of the two.
//!
//! - [`check()`]: findings, each with what was seen and what to do.
//! - [`plan()`]: changes that mend some of them, where that is permitted; [`leave`] for a node that goes; [`plan_pool`] for all nodes.
//! - [`timers`], [`network_card`]: for the policy of keepalives. [`addresses`]: for replies.
//! - [`front()`]: of these what all nodes must know.
//! - [`Listing`]: the listeners of a pool that is behind one address, within the few that there may be.
//!
//! # What is never done
//! Listeners, groups and balancers are made, and removed, by whoever owns them; what they need is printed. No change
//! cuts a connection, and nothing is changed that does not bear the tag of the pool.

mod absence;
mod address;
mod attribute;
mod change;
mod check;
mod facts;
mod finding;
#[cfg(test)]
mod fixture;
mod front;
mod listing;
mod owner;
mod plan;
mod pool;
mod step;
mod timer;
mod want;

use std::time::Duration;

pub use absence::Absences;
pub use address::addresses;
pub use attribute::{Attributes, Header, HealthCheck};
pub use change::{Change, Plan, Registration};
pub use check::check;
pub use facts::{
    Balancer, CLASSIC_LISTENERS_MAX, Group, Health, Kind, LISTENERS_MAX, Listener, Protocol, State,
    TARGETS_MAX, Target, TargetKind, Zone,
};
pub use finding::{Finding, Severity};
pub use front::{Front, front};
pub use listing::{Capacity, Listing, ListingWant, Row, Sharing};
pub use plan::{Drains, Permitted, drains, leave, plan};
pub use pool::{Node, Stage, instances, plan_pool, strangers};
pub use timer::{network_card, timers};
pub use want::{Accepts, Mode, Want};

/// A time for people.
fn text(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

/// Ports for people: `21, 61000-61009`.
fn ranges(ports: &[u16]) -> String {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    ports.dedup();
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(port) => *last = port,
            _ => runs.push((port, port)),
        }
    }
    let text = |(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What the API takes as `ConnectionSettings.IdleTimeout` (its console says 4000).
const CLASSIC_IDLE_MAX: Duration = Duration::from_secs(3600);
/// And as `tcp.idle_timeout.seconds` of a listener.
const NETWORK_IDLE_MAX: Duration = Duration::from_secs(6000);
/// At least.
const NETWORK_IDLE_MIN: Duration = Duration::from_secs(60);

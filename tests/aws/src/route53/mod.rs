//! Route 53: zones and their records, changes in batches, health checks that connect, answers to DNS.
//!
//! What is not there: creating and deleting zones by the API (tests create them by [`World::add_zone`]), failover,
//! geoproximity and CIDR routing, traffic policies, private zones, aliases to anything but records of the same zone and
//! balancers (and answers for those that are classic), checks other than TCP.
//!
//! [`World::add_zone`]: crate::World::add_zone

mod action;
mod alias;
mod batch;
mod change;
mod check;
mod choice;
mod create;
mod group;
mod input;
mod list;
mod name;
mod names;
mod probe;
mod record;
mod resolve;
mod status;
mod tags;
#[cfg(test)]
mod tests;
mod update;
mod value;
mod wire;
mod zone;
mod zones;

pub(crate) use self::action::{action, perform};
pub use self::check::{Check, Checker, Probe, Reference};
pub use self::names::{Change, Names};
pub(crate) use self::probe::Prober;
pub use self::record::{Alias, Geo, Key, Record, Routing};
pub use self::resolve::{Client, Found};
pub(crate) use self::wire::Resolver;
pub use self::zone::Zone;

//! Route 53: zones and their records, changes in batches, health checks that connect, answers to DNS.
//!
//! What is not there: creating zones by the API (tests do it by [`Names::add_zone`]), failover, geoproximity and
//! CIDR routing, traffic policies, private zones, checks other than TCP.

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

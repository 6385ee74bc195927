//! What the nodes of a pool agree on. Knows nothing of FTP.
//!
//! Everything here is a pure machine with the time as an argument; sockets are under
//! [`store`] only, in the client of Redis.
//!
//! # Map
//! - [`id`]: who a node is.
//! - [`member`], [`session`], [`order`], [`policy`]: the records that nodes share.
//! - [`store`]: where they live; [`store::State`] defines what each request means.
//! - [`admission`], [`ledger`]: sessions and the limits that they count against.
//! - [`ban`]: failed logins and banned addresses.
//! - [`ports`]: the passive range and its arithmetic.

pub mod admission;
pub mod ban;
pub mod id;
pub mod ledger;
pub mod member;
pub mod order;
pub mod policy;
pub mod ports;
pub mod session;
pub mod store;

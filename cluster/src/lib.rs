//! What the nodes of a pool agree on, as pure machines that know nothing of FTP.
//!
//! # Map
//! - [`admission`]: sessions and the limits that they count against.
//! - [`ban`]: failed logins and banned addresses.
//! - [`ports`]: the passive range and its arithmetic.

pub mod admission;
pub mod ban;
pub mod ports;

//! What the nodes of a pool agree on, as pure machines that know nothing of FTP.
//!
//! # Map
//! - [`ports`]: the passive range and its arithmetic.

pub mod ports;

//! The pool: what always holds, what fails and heals, and why it is built as it is.
//!
//! - [`invariants`]: what holds, how that is judged, and when it does not hold.
//! - [`failures`]: what fails, what nodes do, what clients notice, how it heals.
//! - [`decisions`]: the reasons, and where the code differs from the design.
//! - [`redis`]: keys, memory, rights, Sentinels and clusters.
//!
//! What operators do with a pool is in the manual of the node.

pub mod decisions;
pub mod failures;
pub mod invariants;
pub mod redis;

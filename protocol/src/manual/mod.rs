//! Decisions and their reasons: what a reader of the code would otherwise have to guess.
//!
//! - [`defaults`]: the numbers and forms that were chosen, and why.
//! - [`missing`]: what is not implemented, what the client hears instead, and why.
//! - [`progress`]: a final reply that begins in mid-transfer, where a balancer counts payload alone.
//! - [`scp`]: the same for `scp` and the other commands of SSH `exec` requests.
//! - [`vulnerabilities`]: mistakes that other servers made, and what stands against them here.

pub mod defaults;
pub mod missing;
pub mod progress;
pub mod scp;
pub mod vulnerabilities;

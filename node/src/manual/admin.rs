//! The admin API: what an operator can ask of the pool over HTTP, from any of its nodes. The verbs of
//! the command line use it. Every request becomes one [question](crate::pool::Question).
//!
#![doc = include_str!("admin.md")]

//! A pool, for its operators: setting it up, looking at it, upgrading it, and what it does when something fails.
//!
#![doc = include_str!("pool.md")]

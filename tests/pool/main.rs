//! Several nodes that are one server (design, section 4), on a real Redis: what holds for all of them
//! together, and what is left when one of them or Redis is gone.

use std::time::Duration;

mod admin;
mod admission;
mod ban;
mod cluster;
mod drain;
mod drift;
mod membership;
mod policy;
mod redis;
mod secret;
mod sentinel;
mod storage;
mod storm;
mod upgrade;
mod upload;
mod who;

/// What must be known to all nodes within a second, and half of one for a busy machine: a heartbeat
/// alone would take up to two.
const HINTED: Duration = Duration::from_millis(1500);

/// Six seconds of silence, and a heartbeat to tell of them.
const DEAD: Duration = Duration::from_secs(8);

/// What comes with the next heartbeats, on a busy machine.
const BEATS: Duration = Duration::from_secs(6);

/// What takes a new master of Redis, or a new look at one that was away.
const RECOVERY: Duration = Duration::from_secs(20);

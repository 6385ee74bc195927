//! A real Redis (Debian's `redis-server`): alone, under Sentinels, as a cluster.
//!
//! Each has a folder and a loopback address of its own, so any port of that address is free. All of
//! its processes end with it.

mod client;
mod cluster;
mod process;
mod sentinel;
mod single;

#[cfg(test)]
mod tests;

pub use client::{Access, Answer, Client};
pub use cluster::RedisCluster;
pub use process::Process;
pub use sentinel::Sentinels;
pub use single::{Builder, Redis, Snapshot};

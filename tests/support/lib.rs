//! What the whole-system tests share: the real server as a child process, a client that sends and
//! reads raw bytes, certificates, content, and programs run under a deadline.
//!
//! Every [`Server`] has a folder and a loopback address of its own, so tests run in parallel and
//! beside other copies of themselves. Nothing here sleeps to let something happen: whatever is
//! waited for is waited for by name and with a deadline ([`wait`]).

use std::io::Write;

pub mod authority;
pub mod config;
pub mod content;
pub mod curl;
pub mod data;
pub mod fleet;
pub mod folder;
pub mod hanging;
pub mod health;
pub mod loopback;
pub mod network;
pub mod program;
pub mod proxy;
pub mod redis;
pub mod relay;
pub mod server;
pub mod sftp;
pub mod ssh;
pub mod tls;
pub mod traffic;
pub mod user;
pub mod wait;
pub mod wire;

pub use authority::{Authority, Identity};
pub use config::{Config, Value};
pub use content::Content;
pub use curl::Curl;
pub use data::Data;
pub use fleet::Fleet;
pub use folder::Folder;
pub use hanging::Hanging;
pub use network::Network;
pub use program::Program;
pub use proxy::Proxy;
pub use redis::{Redis, RedisCluster, Sentinels};
pub use relay::Relay;
pub use server::Server;
pub use sftp::Sftp;
pub use ssh::Ssh;
pub use tls::TlsClient;
pub use traffic::Traffic;
pub use user::{PASSWORD, User};
pub use wait::DEADLINE;
pub use wire::{Reply, Wire};

/// Says that something can not be tested on this machine, past the capture of output: a test that
/// proves nothing must not look like one that passed.
pub fn skipped(what: &str) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "\nNOT TESTED in {name}: {what}");
}

/// Whether there is time for the long forms of some tests: `FLOTILLA_LONG` is set.
pub fn long() -> bool {
    std::env::var_os("FLOTILLA_LONG").is_some()
}

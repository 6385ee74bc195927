//! A Redis of our own, for the nodes of one pool.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::peer::{Launch, Server, free_port};

/// Starts one that writes nothing to disk; it is ended with its value.
pub(crate) fn start(parent: &Path, host: Ipv4Addr) -> Result<(SocketAddr, Server)> {
    let address = SocketAddr::from((host, free_port()?));
    let folder = parent.join(format!("redis-{}", address.port()));
    fs::create_dir(&folder)?;
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &address.port().to_string(), "--bind", &address.ip().to_string()])
        .args(["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"])
        .arg("--dir")
        .arg(&folder);
    let launch = Launch { command, outside: None };
    let server = Server::start(launch, &folder, address)
        .context("redis-server can not be started: apt-get install redis-server")?;
    Ok((address, server))
}

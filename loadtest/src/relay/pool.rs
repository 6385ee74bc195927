//! The nodes that are measured, and their Redis.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::node::{Node, Plan, SECRET};
use crate::client::account::Account;
use crate::client::dialer::Dialer;
use crate::client::ftp::tls;
use crate::client::{Protocol, Target, Wire};
use crate::ground::Ground;
use crate::peer::{Launch, PASSWORD, Server, USER, free_port};

/// Two nodes that share the passive range, and one of another pool that does not; ended with this value,
/// Redis last.
#[derive(Debug)]
pub(super) struct Pool {
    /// Has the sessions, and so the ports.
    pub(super) owner: Node,
    /// Carries data connections to the owner.
    pub(super) relaying: Node,
    /// In mode `direct`.
    pub(super) direct: Node,
    _redis: Server,
}

/// How a session's data connections go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To a node in mode `direct`, which is where the session is.
    Direct,
    /// To a node in mode `shared`, which is where the session is.
    Straight,
    /// To the other node of the pool.
    Relayed,
}

impl Pool {
    /// Starts all and waits until a connection is relayed.
    pub(super) fn start(ground: &Ground) -> Result<Self> {
        let secret = ground.folder.join(SECRET);
        fs::write(&secret, "the secret of both nodes while they are measured")?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
        let (store, redis) = redis(&ground.folder)?;
        let plan = |id, last, mode, pool| Plan {
            id,
            host: host(last),
            mode,
            ports: PORTS,
            pool: Some((pool, store)),
            memory: None,
        };
        let pool = Self {
            owner: Node::start(ground, plan("owner", 1, "shared", "shared"))?,
            relaying: Node::start(ground, plan("relaying", 2, "shared", "shared"))?,
            direct: Node::start(ground, plan("direct", 3, "direct", "direct"))?,
            _redis: redis,
        };
        for node in [&pool.owner, &pool.relaying, &pool.direct] {
            node.wait()?;
        }
        pool.wait()?;
        Ok(pool)
    }

    /// Whom to load so that data connections go this way.
    pub(super) fn target(&self, way: Way, protocol: Protocol) -> Result<Target> {
        let wire = match protocol {
            Protocol::Ftps => Wire::Tls(tls::configuration()?),
            Protocol::Ftp | Protocol::Sftp => Wire::Clear,
        };
        let account = Arc::new(Account::new(USER.to_owned(), PASSWORD.to_owned(), 1));
        let address = match way {
            Way::Direct => self.direct.address(),
            Way::Straight | Way::Relayed => self.owner.address(),
        };
        let data = (way == Way::Relayed).then(|| self.relaying.address().ip());
        Ok(Target { address, data, account, wire })
    }

    /// Waits until the other node knows whose the owner's ports are.
    fn wait(&self) -> Result<()> {
        let dialer = Dialer::new(&self.target(Way::Relayed, Protocol::Ftp)?)?;
        let end = Instant::now() + ROUTES_DEADLINE;
        // What it does not know yet it closes, and the owner waits for long.
        std::thread::sleep(BEATS);
        loop {
            let mut session = dialer.open()?;
            session.prepare()?;
            match session.list(".") {
                Ok(_) => return Ok(session.quit()?),
                Err(error) if Instant::now() > end => {
                    return Err(error).context("nothing is relayed");
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }
}

/// One of a number of addresses of the loopback. The client has 127.0.0.1, whichever it dials.
pub(super) fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 77, last)
}

/// A Redis that writes nothing to disk.
fn redis(parent: &Path) -> Result<(SocketAddr, Server)> {
    let folder = parent.join("redis");
    fs::create_dir(&folder)?;
    let address = SocketAddr::from((host(0), free_port()?));
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

/// Passive ports, below Linux's ephemeral range.
pub(super) const PORTS: (u16, u16) = (24_000, 24_999);

/// Nodes tell each other of their ports with their heartbeats: some of them.
const BEATS: Duration = Duration::from_secs(3);

/// Two attempts that fail, of half a minute each.
const ROUTES_DEADLINE: Duration = Duration::from_secs(60);

/// Between two attempts.
const LOOK: Duration = Duration::from_millis(250);

//! The nodes that are measured, and their Redis.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::client::account::Account;
use crate::client::dialer::Dialer;
use crate::client::ftp::tls;
use crate::client::{Protocol, Target, Wire};
use crate::ground::Ground;
use crate::node::{Node, Plan, write_secret};
use crate::peer::{PASSWORD, Server, USER, free_port};
use crate::redis;

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
        write_secret(ground)?;
        let (store, redis) = redis::start(&ground.folder, host(0))?;
        let start = |id, last, mode, pool| -> Result<Node> {
            let pool = Some((pool, store));
            Node::start(ground, Plan { pool, ..plan(id, host(last), mode)? })
        };
        let pool = Self {
            owner: start("owner", 1, "shared", "shared")?,
            relaying: start("relaying", 2, "shared", "shared")?,
            direct: start("direct", 3, "direct", "direct")?,
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
            Way::Direct => self.direct.address(protocol),
            Way::Straight | Way::Relayed => self.owner.address(protocol),
        };
        let data = (way == Way::Relayed).then(|| self.relaying.address(protocol).ip());
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

/// A node without a pool, without SSH, with the common range of ports.
pub(super) fn plan<'a>(id: &'a str, host: Ipv4Addr, mode: &'a str) -> Result<Plan<'a>> {
    Ok(Plan {
        id,
        host,
        port: free_port()?,
        ssh: None,
        mode,
        ports: PORTS,
        pool: None,
        memory: None,
        more: "",
    })
}

/// One of a number of addresses of the loopback. The client has 127.0.0.1, whichever it dials.
pub(super) fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 77, last)
}

/// Passive ports, below Linux's ephemeral range.
pub(super) const PORTS: (u16, u16) = (24_000, 24_999);

/// Nodes tell each other of their ports with their heartbeats: some of them.
const BEATS: Duration = Duration::from_secs(3);

/// Two attempts that fail, of half a minute each.
const ROUTES_DEADLINE: Duration = Duration::from_secs(60);

/// Between two attempts.
const LOOK: Duration = Duration::from_millis(250);

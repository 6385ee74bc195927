//! A node, by its command line and configuration file like anybody's.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cpu::Probe;
use crate::ground::Ground;
use crate::peer::{HASH, Launch, Server, USER, enter, free_port};

/// How a node is configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    /// Its name, and that of its folder.
    pub(super) id: &'static str,
    /// All its listeners are there.
    pub(super) host: Ipv4Addr,
    /// Of `[ingress]`.
    pub(super) mode: &'static str,
    /// Passive ports, the first and the last.
    pub(super) ports: (u16, u16),
    /// The pool and its Redis; none: it is alone.
    pub(super) pool: Option<(&'static str, SocketAddr)>,
    /// A control group that counts its memory, entered before it starts.
    pub(super) memory: Option<&'a Path>,
}

/// A node that runs; it is ended with its value.
#[derive(Debug)]
pub(super) struct Node {
    server: Server,
    health: SocketAddr,
}

impl Node {
    /// Writes its configuration and starts it.
    pub(super) fn start(ground: &Ground, plan: Plan<'_>) -> Result<Self> {
        let folder = ground.folder.join(plan.id);
        fs::remove_dir_all(&folder).ok();
        fs::create_dir(&folder)?;
        let address = SocketAddr::from((plan.host, free_port()?));
        let health = SocketAddr::from((plan.host, free_port()?));
        let config = folder.join("flotilla.toml");
        fs::write(&config, configuration(ground, &folder, plan, address, health)?)?;
        let mut command = Command::new(ground.flotilla.as_ref().context("no program")?);
        command.arg("serve").arg("--config").arg(config);
        if let Some(group) = plan.memory {
            command = enter(group, &command);
        }
        let launch = Launch { command, outside: None };
        let server = Server::start(launch, &folder, address).context(plan.id)?;
        Ok(Self { server, health })
    }

    /// Its control port.
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Its process.
    pub(super) fn probe(&self) -> &Probe {
        &self.server.probe
    }

    /// Waits until it says that it is ready: it has ports to offer.
    pub(super) fn wait(&self) -> Result<()> {
        let end = Instant::now() + READY_DEADLINE;
        loop {
            let (status, text) = self.ask("/readyz")?;
            if status == 200 {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("a node is not ready after {} s: {text}", READY_DEADLINE.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// A figure of `/metrics` that has no labels.
    pub(super) fn metric(&self, name: &str) -> Result<u64> {
        let (_, text) = self.ask("/metrics")?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let value = lines.find(|(found, _)| *found == name).map(|(_, value)| value);
        value.with_context(|| format!("no metric {name}"))?.parse().context(name.to_owned())
    }

    fn ask(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.health)?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: node\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Ok((status.context("no status")?, body.to_owned()))
    }
}

fn configuration(
    ground: &Ground,
    folder: &Path,
    plan: Plan<'_>,
    address: SocketAddr,
    health: SocketAddr,
) -> Result<String> {
    let users = folder.join("users.toml");
    fs::write(
        &users,
        format!("[[user]]\nname = \"{USER}\"\npassword = \"{HASH}\"\nhome = \".\"\n"),
    )?;
    let Plan { id, host, mode, ports: (low, high), .. } = plan;
    let pool = match plan.pool {
        None => String::new(),
        Some((name, redis)) => format!(
            "[pool]\nname = \"{name}\"\nstore = \"redis://{redis}\"\nshared_storage = true\n\
             secret_file = \"{}\"\n",
            ground.folder.join(SECRET).display()
        ),
    };
    let relay = free_port()?;
    Ok(format!(
        r#"{pool}[node]
id = "{id}"
data_dir = "{folder}"
[ingress]
mode = "{mode}"
[relay]
listen = "{host}:{relay}"
[ftp]
listen = ["{address}"]
[ftp.passive]
ports = "{low}-{high}"
[ssh]
listen = []
[tls]
certificate = "{certificate}"
key = "{key}"
[users]
file = "{users}"
[storage]
root = "{root}"
[health]
listen = "{health}"
"#,
        folder = folder.display(),
        certificate = ground.certificate.display(),
        key = ground.key.display(),
        users = users.display(),
        root = ground.files.display(),
    ))
}

/// The secret of the pool, in the common folder.
pub(super) const SECRET: &str = "pool.secret";

/// A node of a new pool waits some heartbeats before it takes ports.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// How long a node may take to say how it is.
const ANSWER: Duration = Duration::from_secs(10);

/// Between two looks at whether it is ready; start times are as exact as that.
const LOOK: Duration = Duration::from_millis(2);

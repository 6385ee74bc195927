//! A node of a pool, by its command line and configuration file like anybody's.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::client::Protocol;
use crate::cpu::Probe;
use crate::ground::Ground;
use crate::peer::{HASH, Launch, Server, USER, enter, free_port};

/// How a node is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    /// Its name, and that of its folder.
    pub(crate) id: &'a str,
    /// All its listeners are there.
    pub(crate) host: Ipv4Addr,
    /// Its control port.
    pub(crate) port: u16,
    /// Its port of SSH; none: it has no SSH.
    pub(crate) ssh: Option<u16>,
    /// Of `[ingress]`.
    pub(crate) mode: &'a str,
    /// Passive ports, the first and the last.
    pub(crate) ports: (u16, u16),
    /// The pool and its Redis; none: it is alone.
    pub(crate) pool: Option<(&'a str, SocketAddr)>,
    /// A control group that counts its memory, entered before it starts.
    pub(crate) memory: Option<&'a Path>,
    /// More settings: whole tables of TOML that [`configuration`] has not.
    pub(crate) more: &'a str,
}

/// A node that runs; it is ended with its value.
#[derive(Debug)]
pub(crate) struct Node {
    server: Server,
    ssh: Option<SocketAddr>,
    desk: Desk,
}

/// Where a node answers questions.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    health: SocketAddr,
    /// The token that may only look; the node makes it at its start.
    token: PathBuf,
}

/// A node as the pool sees it.
#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) id: String,
    /// `ready` takes clients.
    pub(crate) state: String,
    /// Its share of new clients.
    #[serde(default)]
    pub(crate) weight: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Members {
    nodes: Vec<Member>,
}

impl Node {
    /// Writes its configuration and starts it.
    pub(crate) fn start(ground: &Ground, plan: Plan<'_>) -> Result<Self> {
        let folder = ground.folder.join(plan.id);
        fs::remove_dir_all(&folder).ok();
        fs::create_dir(&folder)?;
        let address = SocketAddr::from((plan.host, plan.port));
        let health = SocketAddr::from((plan.host, free_port()?));
        let config = folder.join("flotilla.toml");
        fs::write(&config, configuration(ground, &folder, plan, address, health)?)?;
        let mut command = Command::new(ground.flotilla.as_ref().context("no program")?);
        command.arg("serve").arg("--config").arg(config);
        if let Some(group) = plan.memory {
            command = enter(group, &command);
        }
        let launch = Launch { command, outside: None };
        let server = Server::start(launch, &folder, address).context(plan.id.to_owned())?;
        let ssh = plan.ssh.map(|port| SocketAddr::from((plan.host, port)));
        let desk = Desk { health, token: folder.join("run/admin-read.token") };
        Ok(Self { server, ssh, desk })
    }

    /// Where it speaks the protocol; its control port if it does not.
    pub(crate) fn address(&self, protocol: Protocol) -> SocketAddr {
        match (protocol, self.ssh) {
            (Protocol::Sftp, Some(ssh)) => ssh,
            _ => self.server.address,
        }
    }

    /// Its process.
    pub(crate) fn probe(&self) -> &Probe {
        &self.server.probe
    }

    /// Where it answers.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Asks it to end, its clients' transfers last.
    pub(crate) fn drain(&self) -> Result<()> {
        self.server.terminate()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.server.ended()
    }

    /// Waits until it says that it is ready: it has ports to offer.
    pub(crate) fn wait(&self) -> Result<()> {
        let end = Instant::now() + READY_DEADLINE;
        loop {
            let (status, text) = self.desk.ask("/readyz")?;
            if status == 200 {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("a node is not ready after {} s: {text}", READY_DEADLINE.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Desk {
    /// A figure of `/metrics` that has no labels.
    pub(crate) fn metric(&self, name: &str) -> Result<u64> {
        let (_, text) = self.ask("/metrics")?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let value = lines.find(|(found, _)| *found == name).map(|(_, value)| value);
        value.with_context(|| format!("no metric {name}"))?.parse().context(name.to_owned())
    }

    /// The nodes that it knows, as `flotilla nodes --json` prints them.
    pub(crate) fn members(&self) -> Result<Vec<Member>> {
        let (status, text) = self.ask("/v1/nodes")?;
        if status != 200 {
            bail!("/v1/nodes: {status} {text}");
        }
        Ok(serde_json::from_str::<Members>(&text)?.nodes)
    }

    fn ask(&self, path: &str) -> Result<(u16, String)> {
        // Not there yet, or not needed.
        let token = fs::read_to_string(&self.token).unwrap_or_default();
        let mut stream = TcpStream::connect(self.health)?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: node\r\nAuthorization: Bearer {}\r\n\r\n",
            token.trim()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Ok((status.context("no status")?, body.to_owned()))
    }
}

/// Makes the secret that the nodes of a pool share.
pub(crate) fn write_secret(ground: &Ground) -> Result<()> {
    let secret = ground.folder.join(SECRET);
    fs::write(&secret, "the secret of all nodes while they are measured")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    Ok(())
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
    let Plan { id, host, mode, ports: (low, high), more, .. } = plan;
    let pool = match plan.pool {
        None => String::new(),
        Some((name, redis)) => format!(
            "[pool]\nname = \"{name}\"\nstore = \"redis://{redis}\"\nshared_storage = true\n\
             secret_file = \"{}\"\n",
            ground.folder.join(SECRET).display()
        ),
    };
    let ssh = plan.ssh.map_or_else(String::new, |port| {
        format!("\"{host}:{port}\"]\nhost_keys = [\"{}\"", ground.host_key.display())
    });
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
listen = [{ssh}]
[tls]
certificate = "{certificate}"
key = "{key}"
[users]
file = "{users}"
[storage]
root = "{root}"
[health]
listen = "{health}"
{more}"#,
        folder = folder.display(),
        certificate = ground.certificate.display(),
        key = ground.key.display(),
        users = users.display(),
        root = ground.files.display(),
    ))
}

/// The secret of the pool, in the common folder.
const SECRET: &str = "pool.secret";

/// A node of a new pool waits some heartbeats before it takes ports.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// How long a node may take to say how it is.
const ANSWER: Duration = Duration::from_secs(10);

/// Between two looks at whether it is ready; start times are as exact as that.
const LOOK: Duration = Duration::from_millis(2);

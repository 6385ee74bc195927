//! The servers that are compared: each is configured, started on loopback, and ended.

mod burden;
mod flotilla;
mod openssh;
mod proftpd;
mod pure_ftpd;
mod pyftpdlib;
mod unftp;
mod vsftpd;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;

use crate::client::Protocol;
use crate::client::account::Account;
use crate::client::sftp::ssh::Cipher;
use crate::cpu::{Group, Probe};
use crate::ground::Ground;
use burden::{Burden, Room};

/// A server that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    Flotilla,
    Vsftpd,
    PureFtpd,
    Pyftpdlib,
    Proftpd,
    Openssh,
    Unftp,
}

/// What a server is started for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    pub(crate) protocol: Protocol,
    /// 1: [`USER`] alone; more: as many numbered users beside it.
    pub(crate) users: usize,
}

/// How to start a server that is configured.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) command: Command,
    /// A file outside the ground that goes when the server goes.
    pub(crate) outside: Option<Passing>,
}

/// A file that is removed when this value goes.
#[derive(Debug)]
pub(crate) struct Passing(PathBuf);

/// A server that runs; dropping it ends its process group and removes what it left.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    group: Option<Group>,
    _outside: Option<Passing>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its processes.
    pub(crate) probe: Probe,
}

impl Peer {
    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flotilla => "flotilla",
            Self::Vsftpd => "vsftpd",
            Self::PureFtpd => "pure-ftpd",
            Self::Pyftpdlib => "pyftpdlib",
            Self::Proftpd => "proftpd",
            Self::Openssh => "openssh",
            Self::Unftp => "unftp",
        }
    }

    /// Whether the server has MLSD.
    pub(crate) fn has_mlsd(self) -> bool {
        self != Self::Vsftpd
    }

    /// Whether the server has the protocol.
    pub(crate) fn speaks(self, protocol: Protocol) -> bool {
        match self {
            Self::Flotilla | Self::Proftpd => true,
            Self::Openssh => protocol == Protocol::Sftp,
            Self::Vsftpd | Self::PureFtpd | Self::Pyftpdlib | Self::Unftp => {
                protocol != Protocol::Sftp
            }
        }
    }

    /// Whether the server has the cipher.
    pub(crate) fn has_cipher(self, cipher: Cipher) -> bool {
        self != Self::Proftpd || cipher == Cipher::Aes128Gcm
    }

    /// How many users it makes sense to give. Servers that read their users line by line get one:
    /// they verify the password in each login anyway, and a long list would cost them a long way
    /// through it.
    pub(crate) fn users_max(self) -> usize {
        match self {
            Self::Vsftpd | Self::Proftpd | Self::Openssh => 1,
            Self::Flotilla | Self::PureFtpd | Self::Pyftpdlib | Self::Unftp => usize::MAX,
        }
    }

    /// Why the server cannot take part: what is missing and how to get it.
    pub(crate) fn missing(self, ground: &Ground) -> Option<String> {
        match self {
            Self::Flotilla => flotilla::missing(ground),
            Self::Vsftpd => vsftpd::missing(ground),
            Self::PureFtpd => pure_ftpd::missing(ground),
            Self::Pyftpdlib => pyftpdlib::missing(ground),
            Self::Proftpd => proftpd::missing(ground),
            Self::Openssh => openssh::missing(ground),
            Self::Unftp => unftp::missing(ground),
        }
    }

    /// Why so many sessions at once would be too many on this machine.
    pub(crate) fn too_many(self, protocol: Protocol, sessions: usize) -> Option<String> {
        let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
        Room::here().refusal(Burden::of(self, protocol), sessions)
    }

    /// Writes the configuration, starts the server and waits for its port.
    pub(crate) fn start(self, ground: &Ground, service: Service) -> Result<Server> {
        let folder = ground.folder.join(self.name());
        fs::remove_dir_all(&folder).ok();
        fs::create_dir(&folder)?;
        let port = free_port()?;
        let launch = match self {
            Self::Flotilla => flotilla::launch(ground, &folder, port, service),
            Self::Vsftpd => vsftpd::launch(ground, &folder, port),
            Self::PureFtpd => pure_ftpd::launch(ground, &folder, port, service),
            Self::Pyftpdlib => pyftpdlib::launch(ground, &folder, port, service),
            Self::Proftpd => proftpd::launch(ground, &folder, port, service.protocol),
            Self::Openssh => openssh::launch(ground, &folder, port),
            Self::Unftp => unftp::launch(ground, &folder, port, service),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        launch.and_then(|launch| Server::start(launch, &folder, address)).context(self.name())
    }
}

impl Service {
    /// The names of all users.
    fn names(self) -> impl Iterator<Item = String> {
        let many = if self.users > 1 { self.users } else { 0 };
        let numbered = (0..many).map(|number| Account::numbered(USER, number));
        std::iter::once(USER.to_owned()).chain(numbered)
    }
}

impl Server {
    /// Starts it and waits until it takes connections at `address`; its output goes into `folder`.
    pub(crate) fn start(launch: Launch, folder: &Path, address: SocketAddr) -> Result<Self> {
        let log = fs::File::create(folder.join("output.log"))?;
        let name = format!("flotilla-loadtest-{}-{}", std::process::id(), address.port());
        let group = Group::make(&name);
        let mut command = match &group {
            None => launch.command,
            Some(group) => enter(group.path(), &launch.command),
        };
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"));
        if let (Err(_), Some(group)) = (&child, &group) {
            fs::remove_dir(group.path()).ok();
        }
        let child = child?;
        let probe = Probe::new(child.id(), group.clone());
        let mut server = Self { child, group, _outside: launch.outside, address, probe };
        if let Err(error) = server.wait() {
            let output = fs::read_to_string(folder.join("output.log")).unwrap_or_default();
            bail!("{error}\n{}", output.trim());
        }
        Ok(server)
    }

    /// Asks it by SIGTERM to end.
    pub(crate) fn terminate(&self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        rustix::process::kill_process(pid.context("no process")?, Signal::TERM)?;
        Ok(())
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the port; no server here says on its output that it is ready.
    fn wait(&mut self) -> Result<()> {
        let end = Instant::now() + START_DEADLINE;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("ended at its start: {status}");
            }
            if Instant::now() > end {
                bail!("does not listen after {} s", START_DEADLINE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Exactly what was started here, also where a process made a process group of its own. A number that
        // was waited for may be another's by now; those in a control group are not.
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        let known = !ended || self.group.is_some();
        let others = if known { self.probe.pids().unwrap_or_default() } else { Vec::new() };
        let leader = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // Whatever has ended by itself meanwhile needs no signal.
        let _ = leader.filter(|_| !ended).map(|leader| kill_process_group(leader, Signal::KILL));
        for pid in others {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| rustix::process::kill_process(pid, Signal::KILL));
        }
        let _ = self.child.wait();
        if let Some(group) = &self.group {
            let end = Instant::now() + END_DEADLINE;
            while fs::remove_dir(group.path()).is_err() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The same command from inside a group: a shell enters it and becomes the server.
pub(crate) fn enter(group: &Path, command: &Command) -> Command {
    let mut inside = Command::new("/bin/sh");
    inside.arg("-c").arg("echo $$ > \"$0\" && exec \"$@\"").arg(group.join("cgroup.procs"));
    inside.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            inside.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    inside
}

/// What to say of a package that is missing.
fn advice(package: &str) -> String {
    format!(
        "apt-get install {package}; or unpack it, since the FTP servers of Debian exclude each other: \
         apt-get download {package} && dpkg -x {package}_*.deb DIR, then --packages DIR"
    )
}

/// A port that was free a moment ago, another one at each call.
///
/// It lies outside the ephemeral range: there, waiting for a server that does not listen yet may
/// connect to itself, and the server finds its port taken.
pub(crate) fn free_port() -> Result<u16> {
    let (low, high) = CONTROL;
    for _ in low..=high {
        let port = low + NEXT.fetch_add(1, Ordering::Relaxed) % (high - low + 1);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port from {low} to {high}")
}

/// Where `free_port` goes on.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// The account that every server knows. It exists on loopback while a comparison runs.
pub(crate) const USER: &str = "bench";
/// Its password.
pub(crate) const PASSWORD: &str = "measure-this";
/// Its sha512-crypt hash with 1000 rounds: 0.2 ms of processor time in each login.
pub(crate) const HASH: &str = "$6$rounds=1000$flotilla$pVcIf4Cj0OQwE670uj6jLJL1PKsh/ubzqfdh20I9WUfBiZl28M7RONll3YtM4czu01I77H7hFKMmI1hTtW4Yd0";

/// Ports for control connections and health, below the passive ones.
const CONTROL: (u16, u16) = (18_000, 19_999);

/// Passive ports of all servers, below Linux's ephemeral range, so that no client takes one.
pub(crate) const PASSIVE: (u16, u16) = (20_000, 29_999);

/// Sessions that servers are told to allow; the most that is asked for, and some.
const SESSIONS_MAX: u32 = 20_000;

/// Python starts in a second; a program built for debugging takes half a minute to read thousands of users.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Thousands of processes end in a second or two.
const END_DEADLINE: Duration = Duration::from_secs(10);

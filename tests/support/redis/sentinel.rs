//! Redis under Sentinels: a master, two replicas, and three sentinels that agree on who it is.

use std::io;
use std::net::SocketAddr;

use super::client::Answer;
use super::process::{Kind, Process, until_told};
use crate::loopback::Lease;
use crate::{Folder, wait};

/// Three servers and three sentinels, which take a second of silence for death.
#[derive(Debug)]
pub struct Sentinels {
    servers: Vec<Process>,
    sentinels: Vec<Process>,
    _folder: Folder,
    _lease: Lease,
}

impl Sentinels {
    /// A master that takes writes whoever listens.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A master that refuses writes when no replica has heard of it for two seconds.
    #[track_caller]
    pub fn start_careful() -> Self {
        Self::start_with(&["min-replicas-to-write 1", "min-replicas-max-lag 2"])
    }

    #[track_caller]
    fn start_with(lines: &[&str]) -> Self {
        let (folder, lease) = (Folder::new(), Lease::take());
        let host = lease.address();
        let servers = (0..SERVERS).map(|number| {
            // The kernel would choose 127.0.0.1 for its connection to the master, which tells
            // everybody else where the replica is.
            let mut own = vec![format!("replica-announce-ip {host}")];
            own.extend(lines.iter().map(|line| (*line).to_owned()));
            if number > 0 {
                own.push(format!("replicaof {host} {FIRST_SERVER}"));
            }
            let address = SocketAddr::from((host, FIRST_SERVER + number));
            Process::new(Kind::Server, &format!("server-{number}"), folder.path(), address, own)
        });
        let sentinels = (0..SENTINELS).map(|number| {
            let own = [
                format!("sentinel announce-ip {host}"),
                format!("sentinel monitor {MASTER} {host} {FIRST_SERVER} {QUORUM}"),
                format!("sentinel down-after-milliseconds {MASTER} 1000"),
                format!("sentinel failover-timeout {MASTER} 5000"),
            ];
            let address = SocketAddr::from((host, FIRST_SENTINEL + number));
            Process::new(Kind::Sentinel, &format!("sentinel-{number}"), folder.path(), address, own)
        });
        let mut all = Self {
            servers: servers.collect(),
            sentinels: sentinels.collect(),
            _folder: folder,
            _lease: lease,
        };
        all.servers.iter_mut().for_each(Process::start);
        all.wait_for_replicas();
        all.sentinels.iter_mut().for_each(Process::start);
        all.wait_for_sentinels();
        all
    }

    /// What `pool.store` is for it.
    pub fn url(&self) -> String {
        let hosts: Vec<String> =
            self.sentinels.iter().map(|sentinel| sentinel.address().to_string()).collect();
        format!("redis+sentinel://{}/{MASTER}", hosts.join(","))
    }

    /// The master of which most sentinels know.
    ///
    /// # Panics
    /// Here and below: if they do not agree in time.
    #[track_caller]
    pub fn master(&self) -> SocketAddr {
        wait::until("the sentinels to agree on a master", || self.agreed())
    }

    /// The process of the master.
    #[track_caller]
    pub fn master_process(&mut self) -> &mut Process {
        let address = self.master();
        self.server_at(address)
    }

    /// The server at an address.
    #[track_caller]
    pub fn server_at(&mut self, address: SocketAddr) -> &mut Process {
        let mut servers = self.servers.iter_mut();
        servers.find(|server| server.address() == address).expect("a server of ours")
    }

    /// The servers that are not the master.
    #[track_caller]
    pub fn replicas(&mut self) -> impl Iterator<Item = &mut Process> {
        let master = self.master();
        self.servers.iter_mut().filter(move |server| server.address() != master)
    }

    /// The sentinels.
    pub fn sentinels(&mut self) -> &mut [Process] {
        &mut self.sentinels
    }

    /// Has the sentinels choose another master, while the old one lives.
    #[track_caller]
    pub fn failover(&mut self) -> SocketAddr {
        let old = self.master();
        // A replica that is not known well enough yet is no choice (NOGOODSLAVE).
        until_told("a failover to begin", || {
            Ok(self.sentinels[0].try_ask(&["SENTINEL", "FAILOVER", MASTER])? == ok())
        });
        self.wait_for_master_other_than(old)
    }

    /// `kill -9` of the master; the next one.
    #[track_caller]
    pub fn kill_master(&mut self) -> SocketAddr {
        let old = self.master();
        self.server_at(old).kill();
        self.wait_for_master_other_than(old)
    }

    /// `kill -9` of a master whose last writes no replica has seen: what `between` does to it is
    /// acknowledged and lost. The next master.
    #[track_caller]
    pub fn lose_writes(&mut self, between: impl FnOnce(&Process)) -> SocketAddr {
        let old = self.master();
        self.replicas().for_each(|replica| replica.stop());
        // Otherwise the writes would wait for them in the sockets.
        let cut = self.server_at(old).ask(&["CLIENT", "KILL", "TYPE", "replica"]);
        assert_eq!(cut.number(), i64::from(SERVERS - 1), "replicas that listened");
        between(self.server_at(old));
        self.server_at(old).kill();
        // Of those alone that still run, in place of [`Sentinels::replicas`]: who is master is the
        // question now.
        let others = self.servers.iter().filter(|server| server.address() != old);
        others.for_each(Process::cont);
        self.wait_for_master_other_than(old)
    }

    /// Waits for a master that takes writes.
    #[track_caller]
    pub fn wait_for_master_other_than(&self, old: SocketAddr) -> SocketAddr {
        wait::until("another master", || {
            let master = self.agreed().filter(|master| *master != old)?;
            let server = self.servers.iter().find(|server| server.address() == master)?;
            (role(server).ok()? == "master").then_some(master)
        })
    }

    /// The one that more than half of all sentinels name.
    fn agreed(&self) -> Option<SocketAddr> {
        let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
        let named: Vec<SocketAddr> = self
            .sentinels
            .iter()
            .filter_map(|sentinel| {
                let answer = sentinel.try_ask(&command).ok()?;
                let [host, port] = answer.list() else { return None };
                format!("{}:{}", host.text(), port.text()).parse().ok()
            })
            .collect();
        let votes = |address: &SocketAddr| named.iter().filter(|other| *other == address).count();
        named.iter().find(|address| votes(address) >= usize::from(QUORUM)).copied()
    }

    #[track_caller]
    fn wait_for_replicas(&self) {
        for replica in &self.servers[1..] {
            until_told("a replica to have its data", || {
                let answer = replica.try_ask(&["INFO", "replication"])?;
                Ok(answer.field("master_link_status").as_deref() == Some("up"))
            });
        }
    }

    #[track_caller]
    fn wait_for_sentinels(&self) {
        for sentinel in &self.sentinels {
            until_told("a sentinel to know the others", || {
                let answer = sentinel.try_ask(&["SENTINEL", "MASTER", MASTER])?;
                let count = |name| answer.field(name).and_then(|text| text.parse::<u16>().ok());
                Ok(count("num-slaves") == Some(SERVERS - 1)
                    && count("num-other-sentinels") == Some(SENTINELS - 1))
            });
        }
    }
}

fn role(server: &Process) -> io::Result<String> {
    let answer = server.try_ask(&["ROLE"])?;
    answer.list().first().map(Answer::text).ok_or_else(|| io::Error::other("no role"))
}

fn ok() -> Answer {
    Answer::Text("OK".to_owned())
}

/// What the sentinels call the master.
const MASTER: &str = "pool";

const SERVERS: u16 = 3;
const SENTINELS: u16 = 3;

/// Sentinels that must agree.
const QUORUM: u16 = 2;

// The address is their own, so any port of it is free.
const FIRST_SERVER: u16 = 6379;
const FIRST_SENTINEL: u16 = 26_379;

//! The nodes of the pool, by number: started, killed, drained.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};

use crate::client::Protocol;
use crate::ground::Ground;
use crate::node::{Desk, Node, Plan, write_secret};
use crate::peer::{Server, free_port};
use crate::redis;

/// All nodes and their Redis; ended with this value, Redis last.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    ground: &'a Ground,
    plan: Settings,
    store: SocketAddr,
    ftp: u16,
    ssh: u16,
    running: BTreeMap<u8, Life>,
    desks: Arc<Desks>,
    _redis: Server,
}

/// What the command line says of nodes.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// By node, the last one of all that follow; empty: what a node finds by itself.
    pub(super) weights: Vec<u8>,
    /// More tables of configuration.
    pub(super) more: String,
}

/// Whom to ask about the pool: the nodes that run.
#[derive(Debug, Default)]
pub(super) struct Desks(Mutex<Vec<Desk>>);

#[derive(Debug)]
struct Life {
    node: Node,
    is_draining: bool,
}

/// A node that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) node: u8,
    pub(super) status: ExitStatus,
    /// Whether it had been told to.
    pub(super) was_told: bool,
}

impl<'a> Fleet<'a> {
    /// Starts Redis, and no node yet.
    pub(super) fn new(ground: &'a Ground, plan: Settings) -> Result<Self> {
        write_secret(ground)?;
        let (store, redis) = redis::start(&ground.folder, host(0))?;
        Ok(Self {
            ground,
            plan,
            store,
            ftp: free_port()?,
            ssh: free_port()?,
            running: BTreeMap::new(),
            desks: Arc::default(),
            _redis: redis,
        })
    }

    /// The port that all nodes have for the protocol.
    pub(super) fn port(&self, protocol: Protocol) -> u16 {
        if protocol == Protocol::Sftp { self.ssh } else { self.ftp }
    }

    /// Starts a node that does not run; it listens when this is done, and is ready some time later.
    pub(super) fn start(&mut self, number: u8) -> Result<()> {
        if self.running.contains_key(&number) {
            bail!("node {number} runs already");
        }
        let id = name(number);
        let at = usize::from(number.saturating_sub(1));
        let weight = self.plan.weights.get(at).or(self.plan.weights.last());
        let weight = weight.map_or_else(String::new, |w| format!("[aws]\ndns_weight = {w}\n"));
        let node = Node::start(
            self.ground,
            Plan {
                id: &id,
                host: host(number),
                port: self.ftp,
                ssh: Some(self.ssh),
                mode: "direct",
                ports: PORTS,
                pool: Some(("pool", self.store)),
                memory: None,
                more: &format!("{weight}{}", self.plan.more),
            },
        )?;
        self.running.insert(number, Life { node, is_draining: false });
        self.tell();
        Ok(())
    }

    /// Ends a node as a failing machine does.
    pub(super) fn kill(&mut self, number: u8) -> Result<()> {
        if self.running.remove(&number).is_none() {
            bail!("node {number} does not run");
        }
        self.tell();
        Ok(())
    }

    /// Tells a node to end when its clients' transfers have.
    pub(super) fn drain(&mut self, number: u8) -> Result<()> {
        match self.running.get_mut(&number) {
            Some(life) if !life.is_draining => {
                life.is_draining = true;
                life.node.drain()
            }
            Some(_) => bail!("node {number} drains already"),
            None => bail!("node {number} does not run"),
        }
    }

    /// What has to be started, and what drained, for so many nodes.
    pub(super) fn scale(&self, nodes: u8) -> (Vec<u8>, Vec<u8>) {
        let lives = self.running.iter();
        let taken: BTreeMap<u8, bool> = lives.map(|(n, life)| (*n, life.is_draining)).collect();
        scale(&taken, nodes)
    }

    /// The nodes that have ended since the last look.
    pub(super) fn ended(&mut self) -> Result<Vec<End>> {
        let mut ends = Vec::new();
        for (number, life) in &mut self.running {
            if let Some(status) = life.node.ended()? {
                ends.push(End { node: *number, status, was_told: life.is_draining });
            }
        }
        for end in &ends {
            self.running.remove(&end.node);
        }
        if !ends.is_empty() {
            self.tell();
        }
        Ok(ends)
    }

    /// How many run.
    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Whom to ask; follows what happens to the nodes.
    pub(super) fn desks(&self) -> &Arc<Desks> {
        &self.desks
    }

    fn tell(&self) {
        let desks = self.running.values().map(|life| life.node.desk().clone()).collect();
        *self.desks.0.lock().unwrap_or_else(PoisonError::into_inner) = desks;
    }
}

impl Desks {
    /// All, now.
    pub(super) fn all(&self) -> Vec<Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// New nodes get the lowest numbers that nobody has; those that drain count no more but still have theirs.
fn scale(taken: &BTreeMap<u8, bool>, nodes: u8) -> (Vec<u8>, Vec<u8>) {
    let serving: Vec<u8> = taken.iter().filter(|(_, drains)| !**drains).map(|(n, _)| *n).collect();
    let wanted = usize::from(nodes);
    let more = wanted.saturating_sub(serving.len());
    let free = (1..=super::script::NODES_MAX).filter(|number| !taken.contains_key(number));
    let fewer = serving.len().saturating_sub(wanted);
    (free.take(more).collect(), serving.into_iter().rev().take(fewer).collect())
}

/// A node's address on the loopback; 0 is Redis.
pub(super) fn host(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 78, number)
}

/// A node's name.
fn name(number: u8) -> String {
    format!("{NAME}{number}")
}

/// The number of a node by its name.
pub(super) fn number(name: &str) -> Option<u8> {
    name.strip_prefix(NAME)?.parse().ok()
}

const NAME: &str = "node-";

/// Passive ports, below Linux's ephemeral range; each node has an address of its own.
const PORTS: (u16, u16) = (24_000, 24_999);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_fills_gaps_and_drains_from_the_top() {
        let taken = BTreeMap::from([(1, false), (3, false), (4, true)]);
        assert_eq!(scale(&taken, 4), (vec![2, 5], vec![]));
        assert_eq!(scale(&taken, 1), (vec![], vec![3]));
        assert_eq!(scale(&taken, 2), (vec![], vec![]));
    }

    #[test]
    fn names_have_numbers() {
        assert_eq!(number(&name(7)), Some(7));
        assert_eq!(number("node-x"), None);
    }
}

//! A cluster of Redis: three masters with a replica each.

use std::net::SocketAddr;

use super::process::{Kind, Process, until_told};
use crate::loopback::Lease;
use crate::{Folder, wait};

/// Six processes, which take a second and a half of silence for death.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Process>,
    _folder: Folder,
    _lease: Lease,
}

impl RedisCluster {
    /// Starts it and waits until every replica could take over.
    #[track_caller]
    pub fn start() -> Self {
        let (folder, lease) = (Folder::new(), Lease::take());
        let host = lease.address();
        let nodes = (0..MASTERS * 2).map(|number| {
            let own = [
                "cluster-enabled yes".to_owned(),
                format!("cluster-config-file node-{number}.nodes"),
                "cluster-node-timeout 1500".to_owned(),
                format!("cluster-announce-ip {host}"),
                format!("replica-announce-ip {host}"),
            ];
            let address = SocketAddr::from((host, FIRST + number));
            Process::new(Kind::Server, &format!("node-{number}"), folder.path(), address, own)
        });
        let mut cluster = Self { nodes: nodes.collect(), _folder: folder, _lease: lease };
        cluster.nodes.iter_mut().for_each(Process::start);
        cluster.introduce();
        cluster.share_slots();
        cluster.wait_until_fine();
        cluster
    }

    /// What `pool.store` is for it.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The master that has this key.
    ///
    /// # Panics
    /// Here and below: if the cluster does not come to agree in time.
    #[track_caller]
    pub fn owner(&self, key: &str) -> SocketAddr {
        wait::until("the owner of a key", || self.nodes.iter().find_map(|node| owner(node, key)))
    }

    /// `kill -9` of the master that has this key; the next one.
    #[track_caller]
    pub fn kill_owner(&mut self, key: &str) -> SocketAddr {
        let old = self.owner(key);
        self.node_at(old).kill();
        wait::until("another owner of a key", || {
            let mut owners = self.nodes.iter().filter_map(|node| owner(node, key));
            // All who live must agree.
            let first = owners.next().filter(|new| *new != old)?;
            owners.all(|other| other == first).then_some(first)
        })
    }

    /// The node at an address.
    #[track_caller]
    pub fn node_at(&mut self, address: SocketAddr) -> &mut Process {
        let mut nodes = self.nodes.iter_mut();
        nodes.find(|node| node.address() == address).expect("a node of ours")
    }

    /// Waits until every slot is served and every node in its place.
    #[track_caller]
    pub fn wait_until_fine(&self) {
        for node in &self.nodes {
            until_told("a node of the cluster to be fine", || {
                let state = node.try_ask(&["CLUSTER", "INFO"])?.field("cluster_state");
                let replication = node.try_ask(&["INFO", "replication"])?;
                let linked = replication.field("master_link_status");
                let seen = replication.field("connected_slaves");
                // A replica whose first copy is not whole never takes over.
                let placed = linked.as_deref() == Some("up")
                    || (linked.is_none() && seen.as_deref() == Some("1"));
                Ok(state.as_deref() == Some("ok") && placed)
            });
        }
    }

    /// Makes all nodes known to each other.
    #[track_caller]
    fn introduce(&self) {
        for (epoch, node) in self.nodes.iter().enumerate() {
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(epoch + 1).to_string()]);
        }
        for other in &self.nodes[1..] {
            let (host, port) = (other.address().ip().to_string(), other.address().port());
            self.nodes[0].ask(&["CLUSTER", "MEET", &host, &port.to_string()]);
        }
        for node in &self.nodes {
            until_told("the nodes of the cluster to meet", || {
                let known = node.try_ask(&["CLUSTER", "INFO"])?.field("cluster_known_nodes");
                Ok(known.as_deref() == Some("6"))
            });
        }
    }

    /// Gives each of the first three a third of the slots and one of the others as its replica.
    #[track_caller]
    fn share_slots(&self) {
        let (masters, replicas) = self.nodes.split_at(usize::from(MASTERS));
        for ((number, master), replica) in (0..MASTERS).zip(masters).zip(replicas) {
            let bound = |number: u16| SLOTS / MASTERS * number;
            let last = if number + 1 == MASTERS { SLOTS } else { bound(number + 1) } - 1;
            let (first, last) = (bound(number).to_string(), last.to_string());
            master.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            let id = master.ask(&["CLUSTER", "MYID"]).text();
            // It may not have heard of the master yet.
            until_told("a node to become a replica", || {
                Ok(replica.try_ask(&["CLUSTER", "REPLICATE", &id])?.text() == "OK")
            });
        }
    }
}

/// The master of a key as a node has it, if all slots are served.
fn owner(node: &Process, key: &str) -> Option<SocketAddr> {
    let state = node.try_ask(&["CLUSTER", "INFO"]).ok()?.field("cluster_state")?;
    let slot = node.try_ask(&["CLUSTER", "KEYSLOT", key]).ok()?.number();
    let ranges = node.try_ask(&["CLUSTER", "SLOTS"]).ok()?;
    let range = ranges.list().iter().find(|range| {
        let [first, last, ..] = range.list() else { return false };
        (first.number()..=last.number()).contains(&slot)
    })?;
    let [host, port, ..] = range.list().get(2)?.list() else { return None };
    let address = format!("{}:{}", host.text(), port.text()).parse().ok()?;
    (state == "ok").then_some(address)
}

/// Each with a replica.
const MASTERS: u16 = 3;

/// Of every cluster.
const SLOTS: u16 = 16_384;

/// The address is their own, so any port of it is free; that of the cluster's own talk, too, which is
/// 10,000 higher.
const FIRST: u16 = 6379;

//! The nodes of the pool and how they are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flotilla_cluster::agent::{Link, Pulse};
use flotilla_cluster::id::NodeId;
use flotilla_cluster::member::{Member, Standing};
use flotilla_cluster::store::{Reply, Request, Store};
use serde_json::{Value, json};

use super::{Answering, Pool};
use crate::pool::settings;

/// A node, to be told of.
struct Told {
    node: NodeId,
    generation: u64,
    alive: bool,
    beat_ms_ago: u64,
    /// `None`: it can not be read.
    member: Option<Member>,
}

impl Pool {
    pub(super) fn nodes(&self) -> Answering {
        let now = Instant::now();
        let own = self.own(now);
        let mut told: BTreeMap<NodeId, Told> = self
            .agent
            .view()
            .nodes()
            .map(|(node, seen)| {
                let beat_ms_ago = now.saturating_duration_since(seen.beat).as_millis();
                let told = Told {
                    node: node.clone(),
                    generation: seen.generation,
                    alive: seen.alive,
                    beat_ms_ago: u64::try_from(beat_ms_ago).unwrap_or(u64::MAX),
                    member: seen.member.clone(),
                };
                (node.clone(), told)
            })
            .collect();
        told.insert(own.node.clone(), own);
        let this = self.agent.node().clone();
        let leader = self.leader(now);
        let store = self.store_state(now);
        let name = self.parts.name.clone();
        let own_settings = settings::encode(&self.parts.policy);
        let digest = settings::digest(&self.parts.policy);
        let differs = told
            .values()
            .any(|told| told.member.as_ref().is_some_and(|member| member.config != digest));
        // What they differ in is only asked for where they do.
        let configurations = differs.then(|| self.parts.store.call(Request::Configurations));
        Box::pin(async move {
            let configurations = match configurations {
                Some(call) => call.await.ok(),
                None => None,
            };
            let configurations: BTreeMap<NodeId, Vec<u8>> = match configurations {
                Some(Reply::Configurations(all)) => all.into_iter().collect(),
                _ => BTreeMap::new(),
            };
            let nodes: Vec<Value> = told
                .values()
                .map(|told| {
                    let theirs = configurations.get(&told.node);
                    let differs = theirs
                        .map(|theirs| settings::differences(&own_settings, theirs))
                        .unwrap_or_default();
                    let same = told.member.as_ref().is_none_or(|member| member.config == digest);
                    let differs = (!same).then_some(differs);
                    of(told, leader.as_ref(), &this, differs)
                })
                .collect();
            let leader = leader.as_ref().map(NodeId::as_str);
            Ok(json!({
                "pool": name, "self": this.as_str(), "store": store, "leader": leader, "nodes": nodes,
            }))
        })
    }

    /// This node as it is now, not as the pool last heard of it.
    fn own(&self, now: Instant) -> Told {
        let node = self.agent.node().clone();
        let seen = self.agent.view().node(&node);
        let beat = seen.map_or(now, |seen| seen.beat);
        let beat_ms_ago = now.saturating_duration_since(beat).as_millis();
        Told {
            generation: self.agent.generation().0,
            alive: true,
            beat_ms_ago: u64::try_from(beat_ms_ago).unwrap_or(u64::MAX),
            member: Some(self.member()),
            node,
        }
    }

    /// Who leads. Without the store nobody is known to.
    fn leader(&self, now: Instant) -> Option<NodeId> {
        match self.agent.link() {
            Link::Fine { .. } => self.agent.leader().cloned(),
            _ => self.agent.term(now).map(|_| self.agent.node().clone()),
        }
    }

    fn store_state(&self, now: Instant) -> Value {
        let (state, reason, since) = match self.agent.link() {
            Link::Fine { since } => ("fine", None, *since),
            Link::Away { since, reason } => ("degraded", Some(reason.clone()), *since),
            Link::Refused(refusal) => ("degraded", Some(refusal.to_string()), now),
        };
        let pulse = self.agent.pulse().filter(|_| !self.parts.alone);
        json!({
            "name": self.parts.store.name(),
            "state": state,
            "reason": reason,
            "since_s": now.saturating_duration_since(since).as_secs(),
            "latency_ms": pulse.map(|pulse| u64::try_from(pulse.took.as_millis()).unwrap_or(u64::MAX)),
            "clock_ms": pulse.map(|pulse| clock(&pulse, now)),
        })
    }
}

/// By how much this machine's clock is ahead of the store's, in milliseconds: within half of what the answer took.
fn clock(pulse: &Pulse, now: Instant) -> i64 {
    let since = now.saturating_duration_since(pulse.at) + pulse.took / 2;
    let store = Duration::from_millis(pulse.store_ms) + since;
    let own = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ahead = |of: Duration| i64::try_from(of.as_millis()).unwrap_or(i64::MAX);
    match own.checked_sub(store) {
        Some(early) => ahead(early),
        None => -ahead(store.saturating_sub(own)),
    }
}

/// `differs`: the keys in which it is not configured as this node, where it is not.
fn of(told: &Told, leader: Option<&NodeId>, this: &NodeId, differs: Option<Vec<String>>) -> Value {
    let unknown = Member::default();
    let member = told.member.as_ref().unwrap_or(&unknown);
    let state = match member.standing {
        _ if !told.alive => "dead",
        Standing::Ready => "ready",
        Standing::Draining => "draining",
        Standing::Unready | Standing::Unknown => "unready",
    };
    json!({
        "id": told.node.as_str(),
        "generation": told.generation,
        "leader": leader == Some(&told.node),
        "self": *this == told.node,
        "state": state,
        "reasons": member.reasons,
        "version": member.build,
        "zone": member.zone,
        "addresses": member.addresses,
        "instance": member.instance,
        "private": member.private,
        "place": member.place,
        "storage": member.storage,
        "host_keys": format!("{:016x}", member.host_keys),
        "sessions": if told.alive { member.load.sessions } else { 0 },
        "transfers": if told.alive { member.load.transfers } else { 0 },
        "bytes_per_second": if told.alive { member.load.bytes_per_second } else { 0 },
        "cpu_percent": f64::from(member.load.cpu_permille) / 10.0,
        "lag_ms": member.load.lag_ms,
        "weight": member.weight,
        "config": if differs.is_none() { "same" } else { "differs" },
        "differs": differs.unwrap_or_default(),
        "beat_ms_ago": told.beat_ms_ago,
    })
}

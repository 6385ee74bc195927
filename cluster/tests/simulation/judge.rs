//! The invariants of the design, judged after every step.

mod ports;

use std::collections::{HashMap, HashSet};

use flotilla_cluster::dns::{RecordChange, Request, removals_max};
use flotilla_cluster::ledger::Applicant;
use flotilla_cluster::store::QUARANTINE_MS;

use crate::node::{Node, names};
use crate::world::{World, is_terminated};

/// Remembers since when things are as they should be.
#[derive(Default)]
pub(crate) struct Judge {
    /// The leader and since when it leads without a break.
    leader: Option<(usize, u64)>,
    /// Since when nodes live, run, and reach the store; and since when not.
    good: HashMap<usize, u64>,
    dead: HashMap<usize, u64>,
    /// Since when nodes have no port block although there are enough.
    starving: HashMap<usize, u64>,
    leases_ms: u64,
    /// Blocks that two nodes offer, as they may.
    clashes: HashSet<(u16, usize, usize)>,
    /// Who offered each block last.
    offered: HashMap<u16, usize>,
    pub(crate) tried: Tried,
}

/// What came to be judged: nothing is proved by runs in which it never does.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tried {
    /// Two nodes offered one block, in the window in which they may.
    pub(crate) clashes: u64,
    /// Somebody looked for a node that lacks blocks, at a time when one could have had some.
    pub(crate) shares: u64,
    /// And for blocks that are not given back, at a time when they should have been.
    pub(crate) idle: u64,
    /// And for nodes that are dead and must not be answered by the DNS,
    pub(crate) out: u64,
    /// or have no record any more.
    pub(crate) gone: u64,
    /// A node offered a block that one which runs but is cut off offered before.
    pub(crate) taken_over: u64,
}

impl Tried {
    pub(crate) fn add(&mut self, other: Self) {
        self.clashes += other.clashes;
        self.shares += other.shares;
        self.idle += other.idle;
        self.out += other.out;
        self.gone += other.gone;
        self.taken_over += other.taken_over;
    }
}

/// What must hold in a scenario.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// The pool's limit is never exceeded, not even by one.
    pub(crate) exact: bool,
    /// It is exceeded by no more than one per node while the store is away.
    pub(crate) by_share: bool,
    /// Every node has port blocks while there are enough, and gives back what it does not need.
    pub(crate) leases: bool,
}

impl Judge {
    pub(crate) fn after_step(&mut self, world: &World, rules: Rules) -> Result<(), String> {
        self.watch(world);
        self.ports(world)?;
        if rules.leases && world.now_ms >= self.leases_ms + ports::LOOK_MS {
            self.leases_ms = world.now_ms;
            self.leases(world)?;
        }
        sessions(world, rules)?;
        self.leaders(world)?;
        self.names(world)
    }

    fn watch(&mut self, world: &World) {
        let now = world.now_ms;
        let leads = world.nodes.iter().position(|node| {
            let led = node.process.as_ref().and_then(|of| of.agent.term(world.now()));
            led.is_some() && node.is_running(now) && !node.cut_off
        });
        match (leads, self.leader) {
            (Some(index), Some((of, _))) if index == of => {}
            (leads, _) => self.leader = leads.map(|index| (index, now)),
        }
        for (index, node) in world.nodes.iter().enumerate() {
            let good = node.is_running(now) && !node.cut_off && !node.draining && world.store.up;
            match good {
                true => self.good.entry(index).or_insert(now),
                false => &mut self.good.remove(&index).unwrap_or_default(),
            };
            match node.process.is_none() {
                true => self.dead.entry(index).or_insert(now),
                false => &mut self.dead.remove(&index).unwrap_or_default(),
            };
        }
    }

    fn leaders(&self, world: &World) -> Result<(), String> {
        let now = world.now();
        let leads = |node: &&crate::node::Node| {
            node.process.as_ref().is_some_and(|process| process.agent.term(now).is_some())
        };
        let leaders: Vec<_> =
            world.nodes.iter().filter(leads).map(|node| node.id.to_string()).collect();
        if leaders.len() > 1 && !recently(world, world.facts.loss_ms, LEASE_MS) {
            return Err(format!("two leaders: {}", leaders.join(", ")));
        }
        Ok(())
    }

    /// I4: who serves is in the DNS, who is dead is not.
    fn names(&mut self, world: &World) -> Result<(), String> {
        let now = world.now_ms;
        let Some((_, since)) = self.leader else { return Ok(()) };
        let led = now - since;
        let calm = |within_ms| {
            !recently(world, world.facts.loss_ms, within_ms)
                && !recently(world, world.facts.clock_step_ms, within_ms)
                && now - world.facts.up_since_ms > within_ms
                && world.network.loss == 0
        };
        for (index, node) in world.nodes.iter().enumerate() {
            let good = self.good.get(&index).is_some_and(|since| now - since > IN_AFTER_MS);
            let id = names().identifier(node.id.as_str());
            let weight = world.zone.records().find(|set| set.id == id).map(|set| set.weight());
            let is_answered = weight.is_some_and(|weight| weight != Some(0));
            if good && led > IN_AFTER_MS && calm(IN_AFTER_MS) && !is_answered {
                return Err(format!("I4: {} serves and is not in the DNS", node.id));
            }
            let dead_for = |within_ms| {
                // In a quarantine nobody is taken for dead.
                let calm = calm(within_ms + QUARANTINE_MS) && led > within_ms;
                calm && self.dead.get(&index).is_some_and(|since| now - since > within_ms)
            };
            self.tried.out += u64::from(dead_for(OUT_AFTER_MS));
            if dead_for(OUT_AFTER_MS) && is_answered {
                return Err(format!("I4: {} is dead and in the DNS", node.id));
            }
            let is_gone = dead_for(GONE_AFTER_MS) && is_terminated(index);
            self.tried.gone += u64::from(is_gone);
            if is_gone && weight.is_some() {
                return Err(format!("I4: {} is gone and has a record", node.id));
            }
        }
        Ok(())
    }
}

/// I3 and I5: limits, and no session ends but by its own end.
fn sessions(world: &World, rules: Rules) -> Result<(), String> {
    let mut total = 0;
    for node in &world.nodes {
        let Some(process) = &node.process else { continue };
        let slots = process.slots.len();
        if process.agent.session_count() as usize != slots {
            return Err(format!("I5: {} lost a session", node.id));
        }
        total += slots;
    }
    if rules.exact {
        each(world, "user", world.limits.per_user, |of| of.user.to_string())?;
        each(world, "address", world.limits.per_address, |of| of.address.to_string())?;
    }
    let limit = world.limits.sessions as usize;
    if rules.exact && total > limit {
        return Err(format!("I3: {total} sessions, the limit is {limit}"));
    }
    // What nodes did not know of each other when the store went away: admitted since their last beats.
    let unknown = world.facts.unknown;
    if rules.by_share && total > limit + world.nodes.len() + unknown {
        return Err(format!("I3: {total} sessions by shares, the limit is {limit}"));
    }
    Ok(())
}

/// The limit of each user, or of each address.
fn each(
    world: &World,
    what: &str,
    limit: u32,
    key: impl Fn(&Applicant) -> String,
) -> Result<(), String> {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for process in world.nodes.iter().filter_map(|node| node.process.as_ref()) {
        for (_, applicant) in &process.slots {
            *counts.entry(key(applicant)).or_default() += 1;
        }
    }
    match counts.into_iter().find(|(_, count)| *count > limit) {
        Some((name, count)) => Err(format!("I3: {count} sessions of {what} {name}, not {limit}")),
        None => Ok(()),
    }
}

/// The leader never gives up more than a fifth of the nodes at once. Who drains goes by its own word.
pub(crate) fn changes(world: &World, request: &Request) {
    let Request::Change(changes) = request else { return };
    let is_given_up = |change: &&RecordChange| {
        let of = |node: &&Node| change.set().id == names().identifier(node.id.as_str());
        world.nodes.iter().find(of).is_some_and(|node| node.process.is_none() && !node.draining)
    };
    let given_up: Vec<_> = changes.iter().filter(is_given_up).collect();
    let is_removal = |change: &&&RecordChange| matches!(change, RecordChange::Delete { .. });
    let removed = given_up.iter().filter(is_removal).count();
    let zeroed = given_up.iter().filter(|change| change.set().weight() == Some(0)).count() - {
        given_up.iter().filter(is_removal).filter(|change| change.set().weight() == Some(0)).count()
    };
    let records = world.zone.records().count();
    // By what it has read; another one may have changed it since.
    let most = removals_max(records + removed);
    assert!(removed <= most && zeroed <= most, "{removed} and {zeroed} of {records} at once");
}

pub(super) fn recently(world: &World, event_ms: Option<u64>, within_ms: u64) -> bool {
    event_ms.is_some_and(|at| world.now_ms - at <= within_ms)
}

/// A live, ready node is in the DNS within this time of a leader existing.
const IN_AFTER_MS: u64 = 15_000;
/// A dead one is out within this.
const OUT_AFTER_MS: u64 = 30_000;
/// Its record goes when everybody has forgotten it: 60 s more, and a cycle for each of the others.
const GONE_AFTER_MS: u64 = 120_000;
/// Two terms may overlap for so long after the store has forgotten one.
const LEASE_MS: u64 = 6_000;
/// How old what a node knows of the others may be: a beat of each, and the way.
pub(crate) const STALE_MS: u64 = 6_000;

//! Who is gone: which records of nodes lead nowhere, and when they may go.
//!
//! A store that forgets, or a leader that is cut off, must not take the pool out of DNS. So it takes witnesses:
//!
//! 1. The lease of the node is gone for two lives of it, in a term that is older than one.
//! 2. EC2 says that its machine is terminated or not known; or, where EC2 says nothing of the kind, its port refuses
//!    a connection: then it only gets the weight 0.
//! 3. Of all nodes, at most a fifth or one is given up in one cycle.
//!
//! A record goes when its weight has been 0 for so long that nobody remembers it. The last node of a name stays,
//! whatever it leads to: an empty answer helps nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::name::is_within;
use super::node::Node;
use super::record::Kind;
use super::settings::Settings;
use super::state::State;
use crate::member::Standing;
use crate::store::DEAD_AFTER_MS;

/// What becomes of the records of a node that does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They get nobody.
    Zero,
    /// They go.
    Remove,
}

/// By node, as it is called in records. Who has none stays as it is; who lives is served by its weight.
pub type Fates = BTreeMap<String, Fate>;

/// A node that has records and is not among the living: what to ask the witnesses for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// As it is called in records: its name, unless that is too long.
    pub key: String,
    /// By its records.
    pub addresses: BTreeSet<IpAddr>,
    /// The port that was checked, if its health check is known.
    pub port: Option<u16>,
}

/// What others say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// EC2: the machine is there (`true`), or terminated or not known; `None`: it was not asked, or does not answer.
    pub exists: Option<bool>,
    /// A connection to its port from the leader: taken (`true`), or refused or not answered; `None`: not tried.
    pub answers: Option<bool>,
}

/// The memory of one term.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// Since when nodes with records are not among the living.
    gone: BTreeMap<String, Instant>,
    /// Since when nodes have had no weight.
    zero: BTreeMap<String, Instant>,
    /// Who said that it drains, when it was last seen alive.
    drained: BTreeSet<String>,
    witnesses: BTreeMap<String, (Witness, Instant)>,
}

/// Whom the records name, and how much weight they have in all.
pub(super) fn listed(settings: &Settings, state: &State) -> BTreeMap<String, u32> {
    let mut listed = BTreeMap::new();
    for (key, set) in state.leaves(settings) {
        *listed.entry(key.to_owned()).or_default() += u32::from(set.weight().unwrap_or(1));
    }
    listed
}

impl Collector {
    /// Takes over who lives. `is_in_force`: the records are what Route 53 answers.
    pub(super) fn look(
        &mut self,
        settings: &Settings,
        nodes: &[Node],
        state: &State,
        is_in_force: bool,
        now: Instant,
    ) {
        let listed = listed(settings, state);
        let mut living = BTreeSet::new();
        for node in nodes {
            let key = settings.key_of(&node.id);
            match node.standing {
                Standing::Draining => self.drained.insert(key.clone()),
                _ => self.drained.remove(&key),
            };
            living.insert(key);
        }
        self.gone.retain(|key, _| !living.contains(key) && listed.contains_key(key));
        self.drained.retain(|key| living.contains(key) || listed.contains_key(key));
        self.witnesses.retain(|key, _| listed.contains_key(key));
        self.zero.retain(|key, _| listed.get(key) == Some(&0));
        for (key, weight) in listed {
            if !living.contains(&key) {
                self.gone.entry(key.clone()).or_insert(now);
            }
            if weight == 0 && is_in_force {
                self.zero.entry(key).or_insert(now);
            }
        }
    }

    /// What a witness says.
    pub(super) fn on_witness(&mut self, key: &str, witness: Witness, now: Instant) {
        if self.gone.contains_key(key) {
            self.witnesses.insert(key.to_owned(), (witness, now));
        }
    }

    /// What becomes of whom. `led_for`: the age of the term.
    pub(super) fn fates(
        &self,
        settings: &Settings,
        nodes: &[Node],
        state: &State,
        led_for: Duration,
        now: Instant,
    ) -> Fates {
        let listed = listed(settings, state);
        let mut fates = Fates::new();
        for node in nodes.iter().filter(|node| node.standing == Standing::Draining) {
            let key = settings.key_of(&node.id);
            if self.is_forgotten(settings, &key, now) {
                fates.insert(key, Fate::Remove);
            }
        }
        if led_for >= LEASE {
            let (mut zeros, mut removals) =
                (removals_max(listed.len()), removals_max(listed.len()));
            for key in self.gone.keys() {
                let Some(fate) = self.fate(settings, key, now) else { continue };
                let weight = listed.get(key).copied().unwrap_or(0);
                let left = match fate {
                    Fate::Zero => &mut zeros,
                    Fate::Remove => &mut removals,
                };
                let is_done = fate == Fate::Zero && weight == 0;
                if !is_done && *left == 0 {
                    continue;
                }
                *left -= usize::from(!is_done);
                fates.insert(key.clone(), fate);
            }
        }
        spare_last(settings, nodes, state, &mut fates);
        fates
    }

    fn fate(&self, settings: &Settings, key: &str, now: Instant) -> Option<Fate> {
        let since = self.gone.get(key)?;
        // Its own word is as good as a witness. Otherwise it is gone for a lease when it counts as dead, and then
        // for one more.
        let has_drained = self.drained.contains(key);
        if !has_drained && now.saturating_duration_since(*since) < LEASE {
            return None;
        }
        let witness = self.witnesses.get(key).filter(|(_, at)| now < *at + WITNESS_HOLDS);
        let witness = witness.map_or(Witness::default(), |(witness, _)| *witness);
        let is_terminated = witness.exists == Some(false);
        match has_drained || is_terminated || witness.answers == Some(false) {
            false => None,
            true if (has_drained || is_terminated) && self.is_forgotten(settings, key, now) => {
                Some(Fate::Remove)
            }
            true => Some(Fate::Zero),
        }
    }

    fn is_forgotten(&self, settings: &Settings, key: &str, now: Instant) -> bool {
        self.zero.get(key).is_some_and(|since| now >= *since + settings.forgotten_after())
    }

    /// Whom to ask the witnesses for.
    pub(super) fn gone(&self, settings: &Settings, state: &State) -> Vec<Gone> {
        let of = |key: &String| {
            let sets = state.leaves(settings).filter(|(of, _)| of == key);
            let mut gone = Gone { key: key.clone(), addresses: BTreeSet::new(), port: None };
            for (_, set) in sets {
                gone.addresses.extend(set.value().and_then(|value| value.parse::<IpAddr>().ok()));
                let check = state.checks.iter().find(|check| set.check.as_ref() == Some(&check.id));
                gone.port = gone.port.or(check.and_then(|check| Some(check.spec?.port)));
            }
            gone
        };
        self.gone.keys().map(of).collect()
    }
}

/// How many nodes may be given up in one cycle.
pub fn removals_max(nodes: usize) -> usize {
    (nodes / 5).max(1)
}

/// Under each name one node stays in each family: the first that lives, or the first.
fn spare_last(settings: &Settings, nodes: &[Node], state: &State, fates: &mut Fates) {
    for (root, kind) in
        settings.roots().iter().flat_map(|root| [(root, Kind::A), (root, Kind::Aaaa)])
    {
        let has = |node: &Node| match kind {
            Kind::Aaaa => node.v6.is_some(),
            _ => node.v4.is_some(),
        };
        let comes =
            nodes.iter().any(|node| node.serves(root.serves) && node.weight() > 0 && has(node));
        let listed: BTreeSet<&str> = state
            .leaves(settings)
            .filter(|(_, set)| set.kind == kind && is_within(&set.name, root.name))
            .map(|(key, _)| key)
            .collect();
        let stays = |key: &&&str| fates.get(**key) != Some(&Fate::Remove);
        if comes || listed.iter().any(|key| stays(&key)) {
            continue;
        }
        let living: BTreeSet<_> = nodes.iter().map(|node| settings.key_of(&node.id)).collect();
        let spared = listed.iter().find(|key| living.contains(**key)).or(listed.first());
        if let Some(key) = spared {
            fates.insert((*key).to_owned(), Fate::Zero);
        }
    }
}

/// The life of a node's lease: after it without a beat it counts as dead.
pub(super) const LEASE: Duration = Duration::from_millis(DEAD_AFTER_MS);
/// What a witness said is not believed for longer.
const WITNESS_HOLDS: Duration = Duration::from_secs(60);

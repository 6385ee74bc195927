//! The difference between the records and checks that stand and those that are wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, RecordChange, Unit, batch};
use super::check::{self, CheckChange};
use super::collect::Fates;
use super::name::is_within;
use super::node::{Node, is_step};
use super::record::{Kind, RecordKey, RecordSet};
use super::settings::Settings;
use super::shape::RECORDS_MAX;
use super::state::State;
use super::tree::{Tree, grow, root_of};

/// What is to be done next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order. Those of records are one batch; more may follow when it is done.
    pub changes: Vec<Change>,
    /// What is odd, or can not be done: one sentence each.
    pub notes: Vec<String>,
}

/// The next changes for these living nodes. Without fates, nobody is taken for dead.
pub fn plan(settings: &Settings, nodes: &[Node], fates: &Fates, state: &State) -> Plan {
    let draft = draft(settings, nodes, fates, state);
    let checks = check::plan(settings, nodes, state, false, |_| 0);
    let records = batch(&draft.units).into_iter().map(|change| Change::Record(Box::new(change)));
    let changes = records.chain(checks.changes.into_iter().map(Change::Check)).collect();
    Plan { changes, notes: draft.notes.into_iter().chain(checks.notes).collect() }
}

/// All changes that would be made one after the other, until nothing is left to do: to be shown, not done. Health
/// checks that do not exist yet get the name `new-` and their reference.
pub fn preview(settings: &Settings, nodes: &[Node], state: &State) -> Plan {
    let mut whole = Plan::default();
    let mut state = state.clone();
    let mut notes = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let next = plan(settings, nodes, &Fates::new(), &state);
        notes.extend(next.notes);
        if next.changes.is_empty() {
            break;
        }
        for change in &next.changes {
            foresee(settings, &mut state, change);
        }
        whole.changes.extend(next.changes);
    }
    whole.notes = notes.into_iter().collect();
    whole
}

/// What is to be done to records.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) units: Vec<Unit>,
    pub(super) notes: Vec<String>,
}

pub(super) fn draft(settings: &Settings, nodes: &[Node], fates: &Fates, state: &State) -> Draft {
    let tree = grow(settings, nodes, fates, state);
    let mut units: BTreeMap<(String, Kind), Unit> = BTreeMap::new();
    for set in tree.sets.values() {
        let before = state.records.get(&set.key());
        if before.is_none_or(|before| is_worth_it(before, set)) {
            let upsert = RecordChange::Upsert { set: set.clone(), before: before.cloned() };
            let unit = units.entry((set.name.clone(), set.kind.clone())).or_default();
            unit.upserts.push(upsert);
        }
    }
    let is_settled = units.is_empty();
    let has_leaves = roots_with_leaves(settings, &tree);
    for set in state.ours(settings).filter(|set| !tree.sets.contains_key(&set.key())) {
        let root = root_of(settings, &set.name).map_or("", |root| root.name);
        let beside = has_any(&tree, &set.name, &set.kind);
        // Below a name that still refers to it, or is not complete without it, nothing goes.
        let may_go = beside || is_settled && !is_referred_to(settings, state, set);
        if may_go && has_leaves.contains(root) {
            let why = match settings.node_key(set) {
                Some(_) if beside => "the node is gone, or has drained",
                _ => "nothing refers to it any more",
            };
            let unit = units.entry((set.name.clone(), set.kind.clone())).or_default();
            unit.deletes.push(RecordChange::Delete { set: set.clone(), why });
        }
    }
    for ((name, kind), unit) in &mut units {
        let new = unit
            .upserts
            .iter()
            .filter(|change| matches!(change, RecordChange::Upsert { before: None, .. }));
        let is_full = state.at(name, kind).count() + new.count() > RECORDS_MAX;
        let mixes = |one: &RecordChange| {
            unit.deletes.iter().all(|other| one.set().routing.mixes_with(&other.set().routing))
        };
        unit.is_swap = is_full || !unit.upserts.iter().all(mixes);
    }
    Draft { units: units.into_values().collect(), notes: tree.notes.into_iter().collect() }
}

/// Whether a record differs by more than a small step of its weight.
fn is_worth_it(before: &RecordSet, wanted: &RecordSet) -> bool {
    let is_another_share = match (before.weight(), wanted.weight()) {
        (Some(standing), Some(weight)) => is_step(standing, weight),
        _ => false,
    };
    is_another_share || !before.is_alike(wanted)
}

/// A name that would have no node at all keeps what it has.
fn roots_with_leaves<'a>(settings: &'a Settings, tree: &Tree) -> BTreeSet<&'a str> {
    let leaf = |set: &&RecordSet| settings.node_key(set).is_some();
    let named = tree.sets.values().filter(leaf);
    named.filter_map(|set| root_of(settings, &set.name)).map(|root| root.name).collect()
}

fn has_any(tree: &Tree, name: &str, kind: &Kind) -> bool {
    let from = RecordKey { name: name.to_owned(), kind: kind.clone(), id: String::new() };
    tree.sets.range(from..).next().is_some_and(|(key, _)| key.name == name && key.kind == *kind)
}

fn is_referred_to(settings: &Settings, state: &State, set: &RecordSet) -> bool {
    let above = |other: &RecordSet| is_within(&set.name, &other.name) && other.kind == set.kind;
    state.ours(settings).any(|other| above(other) && other.alias() == Some(&set.name))
}

/// What a change makes of what is there.
pub(super) fn take_over(state: &mut State, change: &RecordChange) {
    match change {
        RecordChange::Upsert { set, .. } => {
            state.records.insert(set.key(), set.clone());
        }
        RecordChange::Delete { set, .. } => {
            state.records.remove(&set.key());
        }
    }
}

fn foresee(settings: &Settings, state: &mut State, change: &Change) {
    match change {
        Change::Record(change) => take_over(state, change),
        Change::Check(CheckChange::Create { reference, spec, .. }) => {
            state.checks.push(check::Check {
                id: format!("new-{reference}"),
                reference: reference.clone(),
                version: 1,
                spec: Some(*spec),
                is_disabled: false,
                is_inverted: false,
                owner: check::Owner::Nobody,
            })
        }
        Change::Check(CheckChange::Update { id, spec, .. }) => {
            for check in state.checks.iter_mut().filter(|check| check.id == *id) {
                check.spec = Some(*spec);
            }
        }
        Change::Check(CheckChange::Tag { id, .. }) => {
            for check in state.checks.iter_mut().filter(|check| check.id == *id) {
                check.owner = check::Owner::Pool(settings.owner());
            }
        }
        Change::Check(CheckChange::Delete { id, .. }) => {
            state.checks.retain(|check| check.id != *id);
        }
    }
}

/// A tree comes to rest in a few: leaves, groups, regions, what is left over, and as often again for checks.
const ROUNDS_MAX: usize = 24;

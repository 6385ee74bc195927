//! Health checks of Route 53: one per node, made once its port has answered.
//!
//! A check connects by TCP from outside the VPC; it can not reach a private address. The reference that it is created
//! with is used up for ever, also by a check that was deleted, so it has the life of the node's process in it; what
//! there is of an earlier life is used again. Ours are told by the tag `flotilla:names`.

use std::net::IpAddr;

use super::name::hash;
use super::node::Node;
use super::settings::Settings;
use super::state::State;

/// A health check as Route 53 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name in Route 53, a UUID.
    pub id: String,
    /// What it was created with.
    pub reference: String,
    /// It rises with each change of it.
    pub version: i64,
    /// What it connects to; `None`: it is of another sort than ours.
    pub spec: Option<CheckSpec>,
    /// It counts as healthy whatever happens.
    pub is_disabled: bool,
    /// It counts as healthy while nothing answers.
    pub is_inverted: bool,
    /// Whose it is.
    pub owner: Owner,
}

/// What a TCP check of ours connects to, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckSpec {
    /// Address.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
    /// Seconds: 10 or 30.
    pub interval: u8,
}

/// The tag `flotilla:names` of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Not read.
    Unread,
    /// There is none.
    Nobody,
    /// A pool and its name ([`Settings::owner`]).
    Pool(String),
}

/// What is done with health checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckChange {
    /// There is one from now on.
    Create {
        /// Of which node.
        key: String,
        /// Idempotency token, at most 64 characters.
        reference: String,
        /// What it connects to.
        spec: CheckSpec,
    },
    /// It connects to something else.
    Update {
        /// Which.
        id: String,
        /// The version that is known.
        version: i64,
        /// The interval stays.
        spec: CheckSpec,
    },
    /// It gets the tag of the pool.
    Tag {
        /// Which.
        id: String,
        /// The node, for people.
        node: String,
    },
    /// It goes.
    Delete {
        /// Which.
        id: String,
        /// Why.
        why: String,
    },
}

/// What is to be done, and what is odd.
pub(super) struct CheckPlan {
    pub(super) changes: Vec<CheckChange>,
    pub(super) notes: Vec<String>,
}

/// The changes that bring the checks to where they should be. `may_delete`: this leader has led long enough to know
/// who is gone. `tries`: how often a reference of a node was refused as used up.
pub(super) fn plan(
    settings: &Settings,
    nodes: &[Node],
    state: &State,
    may_delete: bool,
    tries: impl Fn(&str) -> u64,
) -> CheckPlan {
    let mut plan = CheckPlan { changes: Vec::new(), notes: Vec::new() };
    if !state.has_checks {
        return plan;
    }
    let mut private = 0;
    let mut used = Vec::new();
    for node in nodes {
        let chosen = of_node(settings, node, state);
        used.extend(chosen.map(|check| check.id.as_str()));
        let Some(interval) = settings.check else { continue };
        let (Some(address), true) = (node.checked(), node.port != 0) else { continue };
        if !is_reachable(address) {
            private += 1;
            continue;
        }
        let spec = CheckSpec { address, port: node.port, interval: interval.seconds() };
        let key = settings.key_of(&node.id);
        match chosen.filter(|check| is_of(check, spec.interval)) {
            Some(check) => {
                if check.owner == Owner::Nobody {
                    let (id, node) = (check.id.clone(), key.clone());
                    plan.changes.push(CheckChange::Tag { id, node });
                }
                if check.spec != Some(spec) {
                    let (id, version) = (check.id.clone(), check.version);
                    plan.changes.push(CheckChange::Update { id, version, spec });
                }
            }
            None if node.answered && node.weight() > 0 => {
                let reference = free_reference(settings, node, state, tries(&key));
                plan.changes.push(CheckChange::Create { key, reference, spec });
            }
            None => {}
        }
    }
    let wanted = nodes.len() - private;
    if settings.check.is_some() && wanted > CHECKS_MAX {
        plan.notes.push(format!(
            "{wanted} nodes want a health check each, and an account has {CHECKS_MAX} unless AWS has raised that"
        ));
    }
    if settings.check.is_some() && private > 0 {
        plan.notes.push(format!(
            "{private} nodes have private addresses, which Route 53 can not check: only the leader takes them out"
        ));
    }
    plan.notes.extend(state.checks.iter().filter(|check| is_ours(settings, check)).filter_map(odd));
    if may_delete {
        let left = state.checks.iter().filter(|check| {
            is_ours(settings, check)
                && !used.contains(&check.id.as_str())
                && !is_named(state, &check.id)
        });
        plan.changes.extend(left.map(|check| {
            let why = format!("no record and no node uses {}", check.reference);
            CheckChange::Delete { id: check.id.clone(), why }
        }));
    }
    plan
}

/// The check that a record of this node names. Where the interval has changed, which no check can, the old one goes on
/// until there is another.
pub(super) fn of_node<'a>(settings: &Settings, node: &Node, state: &'a State) -> Option<&'a Check> {
    let interval = settings.check?.seconds();
    let base = base(settings, &settings.key_of(&node.id));
    let owner = settings.owner();
    let fits = |check: &&Check| {
        let foreign = matches!(&check.owner, Owner::Pool(other) if *other != owner);
        !foreign && check.owner != Owner::Unread && check.spec.is_some()
    };
    let of =
        state.checks.iter().filter_map(|check| Some((generation(&check.reference, &base)?, check)));
    of.filter(|(_, check)| fits(check))
        .max_by_key(|(generation, check)| (is_of(check, interval), *generation))
        .map(|(_, check)| check)
}

fn is_of(check: &Check, interval: u8) -> bool {
    check.spec.is_some_and(|spec| spec.interval == interval)
}

/// Whether a check may be one of a pool of this program: its tags are worth reading.
pub fn is_candidate(reference: &str) -> bool {
    reference.starts_with(REFERENCE)
}

fn is_ours(settings: &Settings, check: &Check) -> bool {
    is_candidate(&check.reference) && check.owner == Owner::Pool(settings.owner())
}

fn is_named(state: &State, id: &str) -> bool {
    state.records.values().any(|set| set.check.as_deref() == Some(id))
}

fn odd(check: &Check) -> Option<String> {
    let Check { id, reference, .. } = check;
    match (check.is_disabled, check.is_inverted) {
        (true, _) => Some(format!(
            "health check {id} ({reference}) is disabled: its node counts as healthy whatever happens"
        )),
        (_, true) => Some(format!(
            "health check {id} ({reference}) is inverted: its node gets nobody while it answers"
        )),
        _ => None,
    }
}

/// A reference that no check has: the life of the process, or the next number.
fn free_reference(settings: &Settings, node: &Node, state: &State, tries: u64) -> String {
    let base = base(settings, &settings.key_of(&node.id));
    let taken = state.checks.iter().filter_map(|check| generation(&check.reference, &base));
    let next = taken.max().map_or(0, |last| last.saturating_add(1));
    format!("{base}{}", node.generation.max(next).saturating_add(tries))
}

/// What stands in a reference before the number.
fn base(settings: &Settings, key: &str) -> String {
    let plain = format!("{REFERENCE}{}-{key}-", settings.pool);
    match plain.len() + NUMBER_MAX <= REFERENCE_MAX {
        true => plain,
        false => format!("{REFERENCE}{:016x}-", hash(&format!("{}/{key}", settings.pool))),
    }
}

fn generation(reference: &str, base: &str) -> Option<u64> {
    let number = reference.strip_prefix(base)?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
}

/// Whether Route 53 checks such an address: it refuses those that are reserved for other things.
pub(super) fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || is_shared
                || a >= 224)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments().first().copied().unwrap_or(0);
            // Of all that there is, 2000::/3 is given out.
            first & 0xe000 == 0x2000
        }
    }
}

/// Active checks that an account has, unless AWS raises it.
pub const CHECKS_MAX: usize = 200;
/// Consecutive looks of a checker until it changes its mind.
pub const FAILURE_THRESHOLD: u8 = 3;
/// What the reference of each of our checks begins with.
const REFERENCE: &str = "fl-";
/// Characters of a reference.
const REFERENCE_MAX: usize = 64;
/// Digits of 2^64.
const NUMBER_MAX: usize = 20;

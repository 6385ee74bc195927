//! The pool as this node knows it, and what changed in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::id::{Fence, NodeId};
use crate::member::{Member, Standing};
use crate::store::{DEAD_AFTER_MS, Listed, SPARED_MS};

/// All nodes that the store lists, the dead ones included until they are tidied away.
#[derive(Clone, Debug, Default)]
pub struct View {
    nodes: BTreeMap<NodeId, Seen>,
}

/// A node as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The life of its process.
    pub generation: u64,
    /// What it is registered by.
    pub fence: Fence,
    /// Its last beat that is known.
    pub beat: Instant,
    /// Whether it lived then.
    pub alive: bool,
    /// Whether it was heard of for itself: where nobody is taken for dead, as after a loss of data, those who are
    /// silent live and were not.
    pub heard: bool,
    /// What it says of itself; `None` if that can not be read.
    pub member: Option<Member>,
}

/// A difference between two views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node came to life, or came back in another life.
    Joined(NodeId),
    /// It says something else than its load.
    Changed {
        /// Which.
        node: NodeId,
        /// What it was used for before.
        before: Standing,
        /// What it is used for now.
        now: Standing,
    },
    /// It died, or said that it leaves.
    Left(NodeId),
    /// The store listed an older life than the known one: not believed.
    Stale(NodeId),
}

impl View {
    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.nodes.iter()
    }

    /// One node.
    pub fn node(&self, node: &NodeId) -> Option<&Seen> {
        self.nodes.get(node)
    }

    /// The living.
    pub fn alive(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.nodes.iter().filter(|(_, seen)| seen.alive)
    }

    /// Takes over what the store lists now, and tells the difference.
    pub fn apply(&mut self, listed: &[Listed], now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut nodes = BTreeMap::new();
        for item in listed {
            let before = self.nodes.get(&item.node);
            if let Some(before) = before
                && before.fence > item.fence
                && before.generation >= item.generation
                && before.alive
            {
                changes.push(Change::Stale(item.node.clone()));
                nodes.insert(item.node.clone(), before.clone());
                continue;
            }
            let seen = seen(item, now);
            changes.extend(change(&item.node, before, &seen));
            nodes.insert(item.node.clone(), seen);
        }
        for (node, before) in &self.nodes {
            if before.alive && !nodes.contains_key(node) {
                changes.push(Change::Left(node.clone()));
            }
        }
        self.nodes = nodes;
        changes
    }

    /// The sessions of all living nodes but this one.
    pub fn sessions_of_others(&self, this: &NodeId) -> u32 {
        let others = self.alive().filter(|(node, _)| *node != this);
        let sessions = others.filter_map(|(_, seen)| Some(seen.member.as_ref()?.load.sessions));
        sessions.fold(0, u32::saturating_add)
    }
}

impl Seen {
    /// What it may be used for; a record that can not be read says nothing good.
    pub fn standing(&self) -> Standing {
        self.member.as_ref().map_or(Standing::Unknown, |member| member.standing)
    }

    /// Whether clients may be sent to it.
    pub fn is_ready(&self) -> bool {
        self.alive && self.standing() == Standing::Ready
    }
}

fn seen(item: &Listed, now: Instant) -> Seen {
    let beat = now.checked_sub(Duration::from_millis(item.beat_ms_ago)).unwrap_or(now);
    Seen {
        generation: item.generation,
        fence: item.fence,
        beat,
        alive: item.beat_ms_ago < DEAD_AFTER_MS,
        heard: item.beat_ms_ago < SPARED_MS,
        member: Member::decode(&item.record).ok(),
    }
}

fn change(node: &NodeId, before: Option<&Seen>, now: &Seen) -> Option<Change> {
    let node = node.clone();
    match before.filter(|before| before.alive) {
        None => now.alive.then_some(Change::Joined(node)),
        Some(_) if !now.alive => Some(Change::Left(node)),
        Some(before) if before.fence != now.fence => Some(Change::Joined(node)),
        Some(before) if lasting(before) != lasting(now) => {
            Some(Change::Changed { node, before: before.standing(), now: now.standing() })
        }
        Some(_) => None,
    }
}

/// Without what is another at every beat.
fn lasting(seen: &Seen) -> Option<Member> {
    let member = seen.member.clone()?;
    Some(Member { load: Default::default(), beat: 0, told: 0, ..member })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    fn listed(node: &str, fence: u64, beat_ms_ago: u64, standing: Standing) -> Listed {
        let load = crate::member::Load { sessions: 2, ..Default::default() };
        let member = Member { standing, load, ..Member::default() };
        let record = member.encode();
        let node = NodeId::new(node).unwrap();
        Listed { node, generation: fence, fence: Fence(fence), beat_ms_ago, record }
    }

    #[test]
    fn a_node_comes_changes_and_goes() {
        let now = start();
        let mut view = View::default();
        let a = NodeId::new("a").unwrap();
        let ready = |ago| [listed("a", 1, ago, Standing::Ready)];
        assert_eq!(view.apply(&ready(0), now), [Change::Joined(a.clone())]);
        assert_eq!(view.apply(&ready(5_999), now), []);
        let draining = [listed("a", 1, 0, Standing::Draining)];
        let (before, after) = (Standing::Ready, Standing::Draining);
        let changed = Change::Changed { node: a.clone(), before, now: after };
        assert_eq!(view.apply(&draining, now), [changed]);
        assert_eq!(view.apply(&ready(6_000), now), [Change::Left(a.clone())]);
        assert_eq!(view.apply(&ready(7_000), now), []);
        assert_eq!(view.apply(&ready(0), now), [Change::Joined(a.clone())]);
        assert_eq!(view.apply(&[], now), [Change::Left(a)]);
    }

    #[test]
    fn a_new_life_is_a_new_node_and_an_old_one_is_not_believed() {
        let now = start();
        let mut view = View::default();
        let a = NodeId::new("a").unwrap();
        view.apply(&[listed("a", 5, 0, Standing::Ready)], now);
        let young = [listed("a", 6, 0, Standing::Ready)];
        assert_eq!(view.apply(&young, now), [Change::Joined(a.clone())]);
        let old = [listed("a", 5, 0, Standing::Ready)];
        assert_eq!(view.apply(&old, now), [Change::Stale(a.clone())]);
        assert_eq!(view.node(&a).unwrap().fence, Fence(6));
    }

    #[test]
    fn records_that_can_not_be_read_are_no_reason_to_fail() {
        let now = start();
        let mut view = View::default();
        let broken = Listed { record: b"?".to_vec(), ..listed("a", 1, 0, Standing::Ready) };
        view.apply(&[broken, listed("b", 2, 0, Standing::Ready)], now);
        let a = view.node(&NodeId::new("a").unwrap()).unwrap();
        assert_eq!((a.alive, a.is_ready(), a.standing()), (true, false, Standing::Unknown));
        assert_eq!(view.sessions_of_others(&NodeId::new("b").unwrap()), 0);
        assert_eq!(view.sessions_of_others(&NodeId::new("c").unwrap()), 2);
    }
}

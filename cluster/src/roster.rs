//! Which nodes clients are sent to: the leader's plan for the records of the pool.
//!
//! [`plan`] is a pure function of the view and of the records that stand. Add before remove; a node is
//! removed when it is dead, and never more at once than a mistaken view could make a disaster of.

use std::time::{Duration, Instant};

use crate::dns::{Change, Records, Reply, Request};
use crate::id::Fence;
use crate::lease::Lease;
use crate::member::Standing;
use crate::view::{Seen, View};

/// The changes that bring the records to where the view says they should be. `may_remove`: the leader has
/// led for long enough to know who is dead.
pub fn plan(view: &View, records: &Records, may_remove: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    for (node, seen) in view.alive() {
        let weight = weight(seen);
        let standing = records.get(node);
        // Nobody needs a record that sends nobody.
        let needed = standing.is_some() || weight > 0;
        if needed && standing.is_none_or(|standing| is_step(*standing, weight)) {
            changes.push(Change::Upsert { node: node.clone(), weight });
        }
    }
    if !may_remove {
        return changes;
    }
    let added = changes.iter().filter(
        |change| matches!(change, Change::Upsert { node, .. } if !records.contains_key(node)),
    );
    let mut left = records.len() + added.count();
    let gone = records.keys().filter(|node| view.node(node).is_none_or(|seen| !seen.alive));
    for node in gone.take(removals_max(records.len())) {
        // The last record stays, whatever it leads to: an empty answer helps nobody.
        if left <= 1 {
            break;
        }
        left -= 1;
        changes.push(Change::Remove(node.clone()));
    }
    changes
}

/// How many records may go in one cycle.
pub fn removals_max(records: usize) -> usize {
    (records / 5).max(1)
}

fn weight(seen: &Seen) -> u8 {
    match (seen.standing(), &seen.member) {
        (Standing::Ready, Some(member)) => member.weight.max(1),
        _ => 0,
    }
}

/// Whether a change of weight is worth a call: to or from nothing, or by a tenth.
fn is_step(standing: u8, wanted: u8) -> bool {
    match (standing, wanted) {
        (0, 0) => false,
        (0, _) | (_, 0) => true,
        (standing, wanted) => standing.abs_diff(wanted) > standing / STEP_PART,
    }
}

/// The leader's side of the records: one call under way, and after an unknown outcome they are read again.
#[derive(Debug, Default)]
pub struct Roster {
    records: Option<Records>,
    /// The term in which they were read: whoever led in between may have changed them.
    term: Option<Fence>,
    planned: Vec<Change>,
    busy: bool,
    next: Option<Instant>,
    /// They are read again then, for others may change them by hand.
    read_next: Option<Instant>,
}

impl Roster {
    /// What to ask the DNS now.
    #[must_use]
    pub fn poll(&mut self, view: &View, lease: &Lease, now: Instant) -> Option<Request> {
        if lease.term(now) != self.term || self.read_next.is_some_and(|next| now >= next) {
            self.records = None;
            self.term = lease.term(now);
        }
        let led_for = lease.led_for(now)?;
        if self.busy || self.next.is_some_and(|next| now < next) {
            return None;
        }
        let Some(records) = &self.records else {
            self.busy = true;
            self.read_next = Some(now + READ_INTERVAL);
            return Some(Request::List);
        };
        self.next = Some(now + CYCLE);
        self.planned = plan(view, records, led_for >= YOUTH);
        if self.planned.is_empty() {
            return None;
        }
        self.busy = true;
        Some(Request::Change(self.planned.clone()))
    }

    /// The answer; `None`: it did not come.
    pub fn on_reply(&mut self, reply: Option<Reply>, now: Instant) {
        self.busy = false;
        match (reply, &mut self.records) {
            (Some(Reply::Records(records)), standing) => *standing = Some(records),
            (Some(Reply::Done), Some(records)) => {
                let mut zone = crate::dns::Zone::default();
                std::mem::swap(records, zone.records_mut());
                zone.apply(Request::Change(std::mem::take(&mut self.planned)));
                std::mem::swap(records, zone.records_mut());
            }
            _ => {
                self.records = None;
                self.next = Some(now + CYCLE);
            }
        }
    }

    /// When to poll again.
    pub fn next(&self) -> Option<Instant> {
        self.next.filter(|_| !self.busy)
    }
}

/// Between two changes.
pub const CYCLE: Duration = Duration::from_secs(5);
/// Between two looks at what is there.
const READ_INTERVAL: Duration = Duration::from_secs(60);
/// A leader that is younger removes nobody: it may not have heard of all.
const YOUTH: Duration = Duration::from_secs(6);
/// The part of a weight by which it must change.
const STEP_PART: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;
    use crate::member::Member;
    use crate::store::Listed;

    #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    fn name(number: usize) -> NodeId {
        NodeId::new(&format!("n{number}")).unwrap()
    }

    /// `ready` nodes that live and are ready with this weight, then `dead` ones.
    fn view(ready: usize, dead: usize, weight: u8) -> View {
        let listed = |number: usize| {
            let member = Member { standing: Standing::Ready, weight, ..Member::default() };
            Listed {
                node: name(number),
                generation: 1,
                fence: Fence(number as u64),
                beat_ms_ago: if number < ready { 0 } else { 60_000 },
                record: member.encode(),
            }
        };
        let listed: Vec<_> = (0..ready + dead).map(listed).collect();
        let mut view = View::default();
        view.apply(&listed, start());
        view
    }

    fn records(count: usize, weight: u8) -> Records {
        (0..count).map(|number| (name(number), weight)).collect()
    }

    #[test]
    fn the_ready_are_added_and_small_steps_are_not() {
        let upserts = plan(&view(3, 0, 100), &Records::default(), false);
        assert_eq!(upserts.len(), 3);
        assert_eq!(plan(&view(3, 0, 108), &records(3, 100), true), []);
        assert_eq!(plan(&view(3, 0, 111), &records(3, 100), true).len(), 3);
    }

    #[test]
    fn no_more_than_a_fifth_is_removed_at_once_and_never_the_last() {
        let removed = |ready, dead| {
            let all = plan(&view(ready, dead, 100), &records(ready + dead, 100), true);
            all.iter().filter(|change| matches!(change, Change::Remove(_))).count()
        };
        assert_eq!(removed(2, 1), 1);
        assert_eq!(removed(0, 10), 2);
        assert_eq!(removed(90, 30), 24);
        assert_eq!(removed(0, 1), 0);
        assert_eq!(plan(&view(0, 10, 100), &records(10, 100), false), []);
    }

    #[test]
    fn who_does_not_serve_gets_nobody() {
        let mut view = View::default();
        let member = Member { standing: Standing::Draining, weight: 9, ..Member::default() };
        let record = member.encode();
        let listed =
            Listed { node: name(0), generation: 1, fence: Fence(1), beat_ms_ago: 0, record };
        view.apply(&[listed], start());
        assert_eq!(plan(&view, &Records::default(), true), []);
        let change = Change::Upsert { node: name(0), weight: 0 };
        assert_eq!(plan(&view, &records(1, 9), true), [change]);
        assert_eq!(plan(&view, &records(1, 0), true), []);
    }
}

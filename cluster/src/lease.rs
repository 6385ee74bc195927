//! The lease of the leader, from the side of a node.
//!
//! The store counts a term down by its clock; the node by its own, from the moment at which it asked. It
//! stops a margin earlier, so that a paused or slow leader has stopped before another one begins. What a
//! leader writes carries the fence of its term, by which a late write is told.

use std::time::{Duration, Instant};

use crate::id::{Fence, NodeId};
use crate::store::Term;

/// Whether this node leads.
#[derive(Clone, Debug, Default)]
pub struct Lease {
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    term: Fence,
    since: Instant,
    until: Instant,
}

/// What an answer of the store changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// Nothing.
    None,
    /// This node leads from now on.
    Gained,
    /// It leads no more.
    Lost,
}

impl Lease {
    /// The term, while this node leads.
    pub fn term(&self, now: Instant) -> Option<Fence> {
        self.held.filter(|held| now < held.until).map(|held| held.term)
    }

    /// For how long this node has led.
    pub fn led_for(&self, now: Instant) -> Option<Duration> {
        let held = self.held.filter(|held| now < held.until)?;
        Some(now.saturating_duration_since(held.since))
    }

    /// What the store said of the leader in answer to a request that was sent then.
    pub fn on_term(
        &mut self,
        term: Option<&Term>,
        this: &NodeId,
        sent: Instant,
        now: Instant,
    ) -> LeaseChange {
        let led = self.term(now);
        let held = term.filter(|term| term.node == *this).map(|term| {
            let left = Duration::from_millis(term.left_ms).saturating_sub(MARGIN);
            let same = self.held.filter(|held| held.term == term.fence);
            let since = same.map_or(now, |held| held.since);
            Held { term: term.fence, since, until: sent + left }
        });
        self.held = held;
        match (led, self.term(now)) {
            (None, Some(_)) => LeaseChange::Gained,
            (Some(_), None) => LeaseChange::Lost,
            (before, after) if before != after => LeaseChange::Gained,
            _ => LeaseChange::None,
        }
    }

    /// This node leads no more, whatever the store has written down.
    pub fn resign(&mut self, now: Instant) -> LeaseChange {
        let led = self.term(now).is_some();
        self.held = None;
        if led { LeaseChange::Lost } else { LeaseChange::None }
    }

    /// Whether the lease ran out unnoticed; it does so once.
    pub fn expire(&mut self, now: Instant) -> LeaseChange {
        match self.held {
            Some(held) if now >= held.until => {
                self.held = None;
                LeaseChange::Lost
            }
            _ => LeaseChange::None,
        }
    }
}

/// How much earlier than the store the leader stops: more than a pause between a look at the clock and
/// the write that it allows, and than two clocks drift apart within a term.
pub const MARGIN: Duration = Duration::from_millis(1_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    fn term(node: &str, fence: u64, left_ms: u64) -> Term {
        Term { node: NodeId::new(node).unwrap(), fence: Fence(fence), left_ms }
    }

    #[test]
    fn a_lease_ends_before_the_store_ends_it() {
        let (sent, this) = (start(), NodeId::new("a").unwrap());
        let now = sent + Duration::from_millis(300);
        let mut lease = Lease::default();
        assert_eq!(lease.on_term(Some(&term("b", 1, 6000)), &this, sent, now), LeaseChange::None);
        assert_eq!(lease.on_term(Some(&term("a", 2, 6000)), &this, sent, now), LeaseChange::Gained);
        assert_eq!(lease.on_term(Some(&term("a", 2, 6000)), &this, sent, now), LeaseChange::None);
        let end = sent + Duration::from_millis(5000);
        assert_eq!(lease.term(end - Duration::from_millis(1)), Some(Fence(2)));
        assert_eq!(lease.led_for(end), None);
        assert_eq!(lease.expire(end), LeaseChange::Lost);
        assert_eq!(lease.expire(end), LeaseChange::None);
    }

    #[test]
    fn an_answer_that_came_too_late_gives_no_lease() {
        let (sent, this) = (start(), NodeId::new("a").unwrap());
        let now = sent + Duration::from_secs(6);
        let mut lease = Lease::default();
        assert_eq!(lease.on_term(Some(&term("a", 2, 6000)), &this, sent, now), LeaseChange::None);
        assert_eq!(lease.term(now), None);
    }
}

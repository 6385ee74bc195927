//! The sessions of this node, and what the pool has not heard of them yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::id::Fence;
use crate::session::SessionRecord;
use crate::store::Publish;

/// Publishes sessions, at most once a second and a bounded number at a time. Records are absolute, so one
/// whose fate is not known is simply told again.
#[derive(Debug, Default)]
pub struct Publisher {
    /// There is nobody to be told.
    alone: bool,
    sessions: BTreeMap<u64, SessionRecord>,
    /// Changed, or ended, since the pool heard of them.
    unheard: BTreeSet<u64>,
    /// The pool may know sessions that are long gone.
    anew: bool,
    under_way: Option<UnderWay>,
    next: Option<Instant>,
    sequence: u64,
    answered: u64,
}

#[derive(Debug)]
struct UnderWay {
    numbers: Vec<u64>,
    anew: bool,
    /// All is to be told anew: whether this was heard is no matter.
    void: bool,
}

impl Publisher {
    /// Knows of no session yet. One that is `alone` keeps them, and tells nobody.
    pub fn new(alone: bool) -> Self {
        Self { alone, ..Self::default() }
    }

    /// All sessions, by number.
    pub fn sessions(&self) -> &BTreeMap<u64, SessionRecord> {
        &self.sessions
    }

    /// The last publication that the pool has heard.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// What changed.
    pub fn on_gathered(&mut self, changed: Vec<(u64, SessionRecord)>, ended: &[u64]) {
        for (number, record) in changed {
            if self.sessions.get(&number) != Some(&record) {
                self.sessions.insert(number, record);
                self.note(number);
            }
        }
        for number in ended {
            if self.sessions.remove(number).is_some() {
                self.note(*number);
            }
        }
    }

    fn note(&mut self, number: u64) {
        if !self.alone {
            self.unheard.insert(number);
        }
    }

    /// The pool forgot this node, or never knew it.
    pub fn start_anew(&mut self) {
        if self.alone {
            return;
        }
        self.anew = true;
        self.answered = 0;
        self.unheard = self.sessions.keys().copied().collect();
        if let Some(under_way) = &mut self.under_way {
            under_way.void = true;
        }
        self.next = None;
    }

    /// When [`poll`](Self::poll) has something to say.
    pub fn next(&self) -> Option<Instant> {
        let waits = self.under_way.is_none() && (self.anew || !self.unheard.is_empty());
        self.next.filter(|_| waits)
    }

    /// What the pool is to hear.
    #[must_use]
    pub fn poll(&mut self, fence: Fence, now: Instant) -> Option<Publish> {
        let idle = self.unheard.is_empty() && !self.anew;
        if idle || self.under_way.is_some() || self.next.is_some_and(|next| now < next) {
            return None;
        }
        let numbers: Vec<u64> = self.unheard.iter().copied().take(RECORDS_MAX).collect();
        self.sequence += 1;
        let (sequence, anew) = (self.sequence, self.anew);
        let mut publish = Publish { fence, sequence, anew, changed: Vec::new(), ended: Vec::new() };
        for number in &numbers {
            self.unheard.remove(number);
            match self.sessions.get(number) {
                Some(record) => publish.changed.push((*number, record.encode())),
                None => publish.ended.push(*number),
            }
        }
        self.under_way = Some(UnderWay { numbers, anew: self.anew, void: false });
        self.anew = false;
        // What did not fit goes at once: a burst of logins is over sooner.
        self.next = Some(if self.unheard.is_empty() { now + INTERVAL } else { now + BURST });
        Some(publish)
    }

    /// Whether the pool heard it.
    pub fn on_reply(&mut self, heard: bool) {
        let Some(UnderWay { numbers, anew, void }) = self.under_way.take() else { return };
        if void {
            // The store counts it all the same.
        } else if heard {
            self.answered = self.sequence;
        } else {
            self.unheard.extend(numbers);
            self.anew |= anew;
        }
    }
}

/// Records of one request: about 1 ms of the store's time.
pub const RECORDS_MAX: usize = 500;
/// Between two requests.
const INTERVAL: Duration = Duration::from_secs(1);
/// Between two requests while there are more records than one takes.
const BURST: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    fn record(user: &str) -> SessionRecord {
        SessionRecord { user: user.to_owned(), ..SessionRecord::default() }
    }

    #[test]
    fn only_changes_are_told_and_once_a_second() {
        let now = start();
        let mut publisher = Publisher::default();
        assert_eq!(publisher.poll(Fence(1), now), None);
        publisher.on_gathered(vec![(1, record("a")), (2, record("b"))], &[]);
        let publish = publisher.poll(Fence(1), now).unwrap();
        assert_eq!((publish.anew, publish.changed.len(), publish.ended.len()), (false, 2, 0));
        publisher.on_gathered(vec![(1, record("a"))], &[2, 9]);
        assert_eq!(publisher.poll(Fence(1), now + INTERVAL), None, "one is under way");
        publisher.on_reply(true);
        assert_eq!(publisher.poll(Fence(1), now), None);
        let publish = publisher.poll(Fence(1), now + INTERVAL).unwrap();
        assert_eq!((publish.changed.len(), publish.ended), (0, vec![2]));
    }

    #[test]
    fn what_was_perhaps_not_heard_is_told_again() {
        let now = start();
        let mut publisher = Publisher::default();
        publisher.on_gathered(vec![(1, record("a"))], &[]);
        publisher.start_anew();
        assert!(publisher.poll(Fence(1), now).unwrap().anew);
        publisher.on_gathered(vec![], &[1]);
        publisher.on_reply(false);
        let publish = publisher.poll(Fence(1), now + INTERVAL).unwrap();
        assert_eq!((publish.anew, publish.ended), (true, vec![1]));
    }

    /// The pool forgot all while something was under way: what that brings is no matter.
    #[test]
    fn one_request_is_under_way_whatever_happens() {
        let now = start();
        let mut publisher = Publisher::default();
        publisher.on_gathered(vec![(1, record("a"))], &[]);
        assert_eq!(publisher.poll(Fence(1), now).unwrap().sequence, 1);
        publisher.start_anew();
        assert_eq!(publisher.poll(Fence(1), now + INTERVAL), None);
        publisher.on_reply(true);
        assert_eq!(publisher.answered(), 0);
        let publish = publisher.poll(Fence(1), now + INTERVAL).unwrap();
        assert_eq!((publish.sequence, publish.anew, publish.changed.len()), (2, true, 1));
        publisher.on_reply(true);
        assert_eq!(publisher.answered(), 2);
    }

    #[test]
    fn a_request_is_bounded() {
        let now = start();
        let mut publisher = Publisher::default();
        let many = (0..1_250).map(|number| (number, record("a"))).collect();
        publisher.on_gathered(many, &[]);
        let mut at = now;
        for expected in [500, 500, 250] {
            let publish = publisher.poll(Fence(1), at).unwrap();
            assert_eq!(publish.changed.len(), expected);
            publisher.on_reply(true);
            at += BURST;
        }
        assert_eq!(publisher.poll(Fence(1), at + INTERVAL), None);
    }
}

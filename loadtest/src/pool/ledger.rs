//! What happened to transfers and sessions: written by all clients, read at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::client::Error;
use crate::report::{Latency, latency};

/// All counts of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    begun: Instant,
    pub(super) counts: Counts,
    /// From the first attempt to the last reply, waits between attempts included.
    pub(super) latency: Latency,
    pub(super) nodes: BTreeMap<u8, Tally>,
    /// Why attempts failed; at most [`KINDS_MAX`] kinds and one for all others.
    pub(super) kinds: BTreeMap<String, u64>,
    /// By second since the begin; those without anything are missing.
    pub(super) seconds: BTreeMap<u64, Second>,
}

/// Counts over all nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Transfers that succeeded, at whichever attempt.
    pub(super) transfers: u64,
    /// Of these, such as took more than one attempt.
    pub(super) retried: u64,
    /// Transfers that were given up.
    pub(super) failed: u64,
    /// Transfers that the end of the run cut short between two attempts.
    pub(super) unfinished: u64,
    pub(super) bytes: u64,
    /// Sessions that were logged in.
    pub(super) sessions: u64,
    /// Of these, such as broke without a word.
    pub(super) lost: u64,
    /// And such as the node ended with 421.
    pub(super) sent_away: u64,
    /// Attempts to log in that failed.
    pub(super) refused: u64,
    /// Attempts for which the name had no node.
    pub(super) unresolved: u64,
    /// Uploads that were acknowledged and are not in the storage in their size.
    pub(super) vanished: u64,
}

/// Counts of one node, over all its lives.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Tally {
    pub(super) transfers: u64,
    pub(super) sessions: u64,
    pub(super) lost: u64,
    pub(super) sent_away: u64,
    pub(super) refused: u64,
    /// When somebody came last, whether let in or not.
    #[serde(skip)]
    pub(super) came: Option<Instant>,
    /// When a session was opened first since [`Ledger::forget_first`].
    #[serde(skip)]
    pub(super) first: Option<Instant>,
}

/// One second of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Second {
    transfers: u64,
    attempts_failed: u64,
}

impl Ledger {
    pub(super) fn new(begun: Instant) -> Result<Self> {
        Ok(Self {
            begun,
            counts: Counts::default(),
            latency: latency()?,
            nodes: BTreeMap::new(),
            kinds: BTreeMap::new(),
            seconds: BTreeMap::new(),
        })
    }

    /// Somebody goes to a node.
    pub(super) fn on_came(&mut self, node: u8, now: Instant) {
        self.node(node).came = Some(now);
    }

    /// He was let in.
    pub(super) fn on_session(&mut self, node: u8, now: Instant) {
        self.counts.sessions += 1;
        let tally = self.node(node);
        tally.sessions += 1;
        tally.first.get_or_insert(now);
    }

    /// He was not.
    pub(super) fn on_refused(&mut self, node: u8, error: &Error, now: Instant) {
        self.counts.refused += 1;
        self.node(node).refused += 1;
        self.on_fault(error.to_string(), now);
    }

    /// The name had no node.
    pub(super) fn on_unresolved(&mut self, now: Instant) {
        self.counts.unresolved += 1;
        self.on_fault("the name has no node".to_owned(), now);
    }

    /// A session broke, or was ended by its node.
    pub(super) fn on_broken(&mut self, node: u8, error: &Error, now: Instant) {
        let is_word = matches!(error, Error::Reply { code: GOODBYE, .. });
        let (all, own) = match is_word {
            true => {
                (&mut self.counts.sent_away, &mut self.nodes.entry(node).or_default().sent_away)
            }
            false => (&mut self.counts.lost, &mut self.nodes.entry(node).or_default().lost),
        };
        *all += 1;
        *own += 1;
        self.on_fault(error.to_string(), now);
    }

    /// A transfer succeeded at this attempt.
    pub(super) fn on_done(&mut self, node: u8, attempt: u32, took: Duration, bytes: u64) {
        self.counts.transfers += 1;
        self.counts.retried += u64::from(attempt > 1);
        self.counts.bytes += bytes;
        self.node(node).transfers += 1;
        self.latency.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.second(Instant::now()).transfers += 1;
    }

    /// From now on the first session of a node counts that comes next.
    pub(super) fn forget_first(&mut self, node: u8) {
        self.node(node).first = None;
    }

    fn on_fault(&mut self, kind: String, now: Instant) {
        // What servers say may be different each time; only so many are told apart.
        let new = !self.kinds.contains_key(&kind);
        let kind = if new && self.kinds.len() >= KINDS_MAX { OTHERS.to_owned() } else { kind };
        *self.kinds.entry(kind).or_default() += 1;
        self.second(now).attempts_failed += 1;
    }

    fn node(&mut self, node: u8) -> &mut Tally {
        self.nodes.entry(node).or_default()
    }

    fn second(&mut self, now: Instant) -> &mut Second {
        let passed = now.saturating_duration_since(self.begun).as_secs();
        self.seconds.entry(passed.min(SECONDS_MAX)).or_default()
    }
}

/// A node that wants its clients elsewhere (RFC 959: service not available).
const GOODBYE: u32 = 421;

/// Kinds of errors that are told apart.
const KINDS_MAX: usize = 100;
const OTHERS: &str = "other errors";

/// A day: what comes later counts for its last second.
const SECONDS_MAX: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_broke_are_told_from_those_sent_away() {
        let now = Instant::now();
        let mut ledger = Ledger::new(now).unwrap();
        ledger.on_came(1, now);
        ledger.on_session(1, now);
        ledger.on_broken(1, &Error::Closed("RETR"), now);
        let text = "draining".to_owned();
        ledger.on_broken(1, &Error::Reply { step: "PASV", code: 421, text }, now);
        ledger.on_refused(2, &Error::Refused, now + Duration::from_secs(2));
        let Counts { sessions, lost, sent_away, refused, .. } = ledger.counts;
        assert_eq!((sessions, lost, sent_away, refused), (1, 1, 1, 1));
        assert_eq!((ledger.nodes[&1].lost, ledger.nodes[&2].refused), (1, 1));
        let failed: Vec<_> =
            ledger.seconds.iter().map(|(at, s)| (*at, s.attempts_failed)).collect();
        assert_eq!(failed, [(0, 2), (2, 1)]);
        assert_eq!(ledger.kinds.values().sum::<u64>(), 3);
    }

    #[test]
    fn kinds_of_errors_are_bounded() {
        let now = Instant::now();
        let mut ledger = Ledger::new(now).unwrap();
        for number in 0..500 {
            let error = Error::reply("STOR", 550, &format!("no room for file {number}"));
            ledger.on_refused(1, &error, now);
            ledger.on_refused(1, &Error::Refused, now);
        }
        assert_eq!(ledger.kinds.len(), KINDS_MAX + 1);
        assert_eq!(ledger.kinds[&Error::Refused.to_string()], 500);
        assert_eq!(ledger.kinds[OTHERS], 500 - (KINDS_MAX as u64 - 1));
    }

    #[test]
    fn a_transfer_at_its_second_attempt_is_a_retried_one() {
        let mut ledger = Ledger::new(Instant::now()).unwrap();
        ledger.on_done(1, 1, Duration::from_millis(1), 10);
        ledger.on_done(1, 2, Duration::from_millis(500), 10);
        assert_eq!((ledger.counts.transfers, ledger.counts.retried), (2, 1));
        assert_eq!((ledger.counts.bytes, ledger.latency.len()), (20, 2));
    }
}

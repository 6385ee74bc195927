//! Whether this node has the same storage as the others: proved by a mark that one of them made.

use std::time::{Duration, Instant};

use actix::Context;
use aws_lc_rs::rand;
use flotilla_cluster::agent::Proposal;
use tracing::{debug, warn};

use super::Pool;
use crate::health::MARK;
use crate::hex;
use crate::storage::posix::Mark as Found;

/// What is known of the mark on this node's storage.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// At the last look; empty: none.
    seen: String,
    /// What the pool is to go by if this node leads: what was seen twice, where something else was before.
    proposed: String,
    /// The last look showed something else than `proposed`.
    is_doubted: bool,
    /// The mark of the policy at the last look.
    wanted: String,
    /// Looks in a row that did not show it.
    misses: u32,
    /// The storage showed a mark of the policy, and was not judged strange since then.
    is_proved: bool,
    /// The last look showed something that is no mark.
    is_foreign: bool,
    looked: Option<Instant>,
    is_looking: bool,
}

impl Mark {
    /// The mark on the storage; empty: none.
    pub(super) fn seen(&self) -> &str {
        &self.seen
    }

    /// The storage shows this, where the pool goes by the mark `wanted`. Whether something foreign has newly
    /// come there.
    fn on_look(&mut self, found: Found, wanted: &str, now: Instant) -> bool {
        self.looked = Some(now);
        let is_new = found == Found::Foreign && !self.is_foreign;
        self.is_foreign = found == Found::Foreign;
        let found = match found {
            Found::Seen(mark) => mark,
            Found::Missing | Found::Foreign => String::new(),
        };
        if found == wanted {
            self.is_proved |= !wanted.is_empty();
            self.misses = 0;
        } else if self.wanted == wanted {
            self.misses = self.misses.saturating_add(1);
        } else {
            self.misses = 1;
        }
        wanted.clone_into(&mut self.wanted);
        let is_other = !self.proposed.is_empty() && found != self.proposed;
        self.is_doubted = is_other && !self.is_doubted;
        if !self.is_doubted {
            found.clone_into(&mut self.proposed);
        }
        self.seen = found;
        is_new
    }

    /// The storage did not say what it shows, which says nothing for or against it.
    fn on_failed_look(&mut self, wanted: &str, now: Instant) {
        self.looked = Some(now);
        if self.wanted != wanted {
            self.misses = 0;
            wanted.clone_into(&mut self.wanted);
        }
    }

    /// Whether the storage is not that of a pool which goes by the mark `wanted`. A storage that was once
    /// proved is believed until some looks in a row say otherwise: a remote one may hide a file for a moment,
    /// and of a mark that is gone or made anew others and the policy may tell some time later.
    fn is_strange(&self, wanted: &str) -> bool {
        let is_sure = !self.is_proved || (self.wanted == wanted && self.misses >= MISSES_MAX);
        self.looked.is_some() && !wanted.is_empty() && self.seen != wanted && is_sure
    }
}

impl Pool {
    /// Looks at the storage now and then. A leader of a pool without a mark makes one.
    pub(super) fn look_at_mark(&mut self, context: &mut Context<Self>) {
        let now = Instant::now();
        // With another mark in the policy, what was seen before it says little.
        let due = self.mark.looked.is_none_or(|looked| now >= looked + INTERVAL)
            || self.mark.wanted != self.agent.policy().storage;
        if !self.proves_storage() || self.mark.is_looking || !due {
            return self.judge_mark();
        }
        let makes = self.agent.term(now).is_some() && !self.is_mark_seen();
        let wanted = if makes { random() } else { None };
        self.mark.is_looking = true;
        let look = self.parts.policy.storages.mark(wanted);
        self.wait(context, look, |pool, seen, _| {
            pool.mark.is_looking = false;
            let now = Instant::now();
            match seen {
                Ok(found) => {
                    if pool.mark.on_look(found, &pool.agent.policy().storage, now) {
                        let root = pool.parts.policy.config.storage.root.display();
                        warn!(
                            %root,
                            "the mark of the pool holds something else, whoever leads the pool replaces it"
                        );
                    }
                }
                // A storage that hangs is told by its own latch.
                Err(failure) => {
                    pool.mark.on_failed_look(&pool.agent.policy().storage, now);
                    debug!(?failure, "mark of the pool not read");
                }
            }
            pool.propose();
            pool.judge_mark();
        });
    }

    /// Whether there are others that should have the same storage.
    fn proves_storage(&self) -> bool {
        !self.parts.alone && self.parts.policy.config.pool.shared_storage
    }

    /// What this node would have the pool go by.
    pub(super) fn propose(&mut self) {
        let proposal = Proposal {
            storage: self.mark.proposed.clone(),
            tickets: self.secrets.tickets.version,
            ticket_key: self.secrets.tickets.name.clone(),
        };
        self.agent.on_proposal(proposal, Instant::now());
    }

    /// Whether some living node sees the mark of the policy.
    fn is_mark_seen(&self) -> bool {
        let mark = &self.agent.policy().storage;
        !mark.is_empty()
            && self
                .agent
                .view()
                .alive()
                .any(|(_, seen)| seen.member.as_ref().is_some_and(|member| member.storage == *mark))
    }

    /// A node is unready if another one sees the mark and it does not.
    fn judge_mark(&mut self) {
        if !self.proves_storage() {
            return self.parts.readiness.clear(MARK);
        }
        let mark = &self.agent.policy().storage;
        let this = self.agent.node();
        let others = self.agent.view().alive().filter(|(node, _)| *node != this);
        let mut seen_by = others
            .filter(|(_, seen)| seen.member.as_ref().is_some_and(|member| member.storage == *mark))
            .map(|(node, _)| node.to_string());
        let readiness = &self.parts.readiness;
        match seen_by.next() {
            Some(other) if self.mark.is_strange(mark) => {
                self.mark.is_proved = false;
                let root = self.parts.policy.config.storage.root.display();
                readiness.set(
                    MARK,
                    format!(
                        "the storage of this node is not that of the pool: {root} does not show the mark \
                         that {other} sees (storage.root, pool.shared_storage)"
                    ),
                );
            }
            _ => readiness.clear(MARK),
        }
    }
}

fn random() -> Option<String> {
    let mut bytes = [0; MARK_BYTES];
    rand::fill(&mut bytes).ok()?;
    Some(hex::text(&bytes))
}

/// Between two looks: one small read each.
const INTERVAL: Duration = Duration::from_secs(2);
/// As many looks in a row must not show the mark before a storage that was proved is doubted. Others have
/// looked and said so by then: their looks and beats come every two seconds too.
const MISSES_MAX: u32 = 3;
/// As many as keep two pools apart.
const MARK_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(mark: &str) -> Found {
        Found::Seen(mark.to_owned())
    }

    #[test]
    fn a_mark_is_gone_after_some_looks_in_a_row() {
        let now = Instant::now();
        let mut mark = Mark::default();
        let mut look = |found| {
            mark.on_look(found, "a", now);
            (mark.proposed.clone(), mark.is_strange("a"))
        };
        let told = |proposed: &str, is_strange| (proposed.to_owned(), is_strange);
        assert_eq!(look(Found::Missing), told("", true), "it was never proved");
        assert_eq!(look(seen("a")), told("a", false));
        for gone in [Found::Missing, Found::Foreign, seen("b")] {
            assert_eq!(look(gone), told("a", false));
            assert_eq!(look(seen("a")), told("a", false));
        }
        assert_eq!(look(Found::Missing), told("a", false));
        assert_eq!(look(Found::Foreign), told("", false));
        assert_eq!(look(seen("b")), told("b", true));
        assert_eq!(look(seen("a")), told("b", false));
        assert_eq!(look(seen("a")), told("a", false));
        assert_eq!(mark.seen(), "a");
    }

    #[test]
    fn a_mark_that_is_made_anew_makes_nobody_strange() {
        let now = Instant::now();
        let mut mark = Mark::default();
        assert!(!mark.is_strange("a"), "nobody has looked");
        mark.on_look(seen("a"), "a", now);
        // The policy comes before the next look, and then the other way round.
        assert!(!mark.is_strange("b"));
        mark.on_look(seen("b"), "b", now);
        assert!(!mark.is_strange("b"));
        mark.on_look(seen("c"), "b", now);
        assert!(!mark.is_strange("b") && !mark.is_strange("c"));
        mark.on_look(seen("c"), "c", now);
        assert!(!mark.is_strange("c"));
        (0..MISSES_MAX).for_each(|_| assert!(!mark.on_look(Found::Missing, "c", now)));
        assert!(mark.is_strange("c") && !mark.is_strange("d") && !mark.is_strange(""));
        // Once it was judged so, it must be proved again.
        mark.is_proved = false;
        assert!(mark.is_strange("d"));
        mark.on_look(seen("d"), "d", now);
        assert!(!mark.is_strange("d") && mark.is_proved);
    }

    #[test]
    fn what_is_foreign_is_told_once_until_it_is_mended() {
        let now = Instant::now();
        let mut mark = Mark::default();
        let found = [Found::Foreign, Found::Foreign, seen("a"), Found::Foreign, Found::Missing];
        let told = found.map(|found| mark.on_look(found, "a", now));
        assert_eq!(told, [true, false, false, true, false]);
    }
}

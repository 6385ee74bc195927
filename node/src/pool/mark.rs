//! Whether this node has the same storage as the others: proved by a mark that one of them made.

use std::time::{Duration, Instant};

use actix::Context;
use aws_lc_rs::rand;
use flotilla_cluster::agent::Proposal;
use tracing::debug;

use super::Pool;
use crate::health::MARK;
use crate::hex;

/// What is known of the mark on this node's storage.
#[derive(Debug, Default)]
pub(super) struct Mark {
    seen: String,
    looked: Option<Instant>,
    is_looking: bool,
}

impl Mark {
    /// The mark on the storage; empty: none.
    pub(super) fn seen(&self) -> &str {
        &self.seen
    }
}

impl Pool {
    /// Looks at the storage now and then. A leader of a pool without a mark makes one.
    pub(super) fn look_at_mark(&mut self, context: &mut Context<Self>) {
        let now = Instant::now();
        let config = &self.parts.policy.config;
        let due = self.mark.looked.is_none_or(|looked| now >= looked + INTERVAL);
        if self.parts.alone || !config.pool.shared_storage || self.mark.is_looking || !due {
            return self.judge_mark();
        }
        let makes = self.agent.term(now).is_some() && !self.is_mark_seen();
        let wanted = if makes { random() } else { None };
        self.mark.is_looking = true;
        let look = self.parts.policy.storages.mark(wanted);
        self.wait(context, look, |pool, seen, _| {
            pool.mark.is_looking = false;
            pool.mark.looked = Some(Instant::now());
            match seen {
                Ok(seen) => pool.mark.seen = seen.unwrap_or_default(),
                // A storage that hangs is told by its own latch.
                Err(failure) => debug!(?failure, "mark of the pool not read"),
            }
            pool.propose();
            pool.judge_mark();
        });
    }

    /// What this node would have the pool go by.
    pub(super) fn propose(&mut self) {
        let proposal = Proposal {
            storage: self.mark.seen.clone(),
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
        let mark = &self.agent.policy().storage;
        let this = self.agent.node();
        let others = self.agent.view().alive().filter(|(node, _)| *node != this);
        let mut seen_by = others
            .filter(|(_, seen)| seen.member.as_ref().is_some_and(|member| member.storage == *mark))
            .map(|(node, _)| node.to_string());
        let readiness = &self.parts.readiness;
        let is_known = self.mark.looked.is_some() && !mark.is_empty();
        match seen_by.next() {
            Some(other) if is_known && self.mark.seen != *mark => {
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
/// As many as keep two pools apart.
const MARK_BYTES: usize = 8;

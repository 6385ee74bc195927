//! What the leader does for all: policy, order in the store, DNS.

use std::time::{Duration, Instant};

use super::{Agent, Lane};
use crate::balancer::Front;
use crate::keepalive::{Keepalive, decide};
use crate::member::Member;
use crate::policy::Policy;
use crate::store::Request;

impl Agent {
    pub(super) fn next_duty(&mut self, now: Instant) -> Option<(Lane, Request)> {
        let term = self.lease.term(now)?;
        if now >= self.policy_next && self.is_free(Lane::Policy, now) {
            self.policy_next = now + POLICY_INTERVAL;
            if let Some(policy) = self.policy.differs_from(self.decide(now)) {
                return Some((Lane::Policy, Request::SetPolicy { term, policy: policy.encode() }));
            }
        }
        if now >= self.tidy_next && self.is_free(Lane::Tidy, now) {
            self.tidy_next = now + TIDY_INTERVAL;
            return Some((Lane::Tidy, Request::Tidy));
        }
        None
    }

    /// The policy as it should be: by the configuration of this node, with what the pool already has.
    fn decide(&self, now: Instant) -> Policy {
        let proposal = &self.proposal;
        let storage = match self.is_mark_obsolete() {
            true => proposal.storage.clone(),
            false => self.policy.storage.clone(),
        };
        // A leader that has no keys yet leaves those that the pool has.
        let (tickets, ticket_key) = match proposal.ticket_key.is_empty() {
            true => (self.policy.tickets, self.policy.ticket_key.clone()),
            false => (proposal.tickets, proposal.ticket_key.clone()),
        };
        // One whose ports are its own leaves what the others go by.
        let ports =
            self.setup.ports.map_or_else(|| self.policy.ports.clone(), |ports| ports.to_string());
        let front = self.front(now);
        Policy {
            by: self.setup.node.to_string(),
            limits: self.setup.limits,
            storage,
            tickets,
            ticket_key,
            ports,
            keepalive: self.keepalive(&front),
            front,
            ..Policy::default()
        }
    }

    /// What is known of what stands in front: by this node if it leads and has looked, else by whoever led before.
    pub(super) fn front(&self, now: Instant) -> Front {
        if !self.setup.reads_front {
            return Front::default();
        }
        let term = self.lease.term(now);
        let own = self.front.as_ref().filter(|(of, _)| Some(*of) == term);
        own.map_or_else(|| self.policy.front.clone(), |(_, front)| front.clone())
    }

    /// How connections are kept alive, by the configuration of this node and what stands in front.
    pub(super) fn keepalive(&self, front: &Front) -> Keepalive {
        decide(&self.setup.path.clone().with_read(&front.timers))
    }

    /// Whether no living node sees the mark of the policy: the storage was changed for all, or there is no
    /// mark yet.
    fn is_mark_obsolete(&self) -> bool {
        let mark = &self.policy.storage;
        let sees = |member: &Member| member.storage == *mark;
        let seen = self.view.alive().filter_map(|(_, seen)| seen.member.as_ref()).any(sees);
        mark.is_empty() || !seen && !self.proposal.storage.is_empty()
    }
}

/// A policy that was not accepted, or that the store forgot, is written again.
const POLICY_INTERVAL: Duration = Duration::from_secs(2);
/// Between two parts of the leader's cleaning.
const TIDY_INTERVAL: Duration = Duration::from_secs(10);

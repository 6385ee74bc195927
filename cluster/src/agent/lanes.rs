//! What the store is asked next: the most urgent first, one request per lane.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Agent, Lane};
use crate::store::Request;

impl Agent {
    pub(super) fn next_call(&mut self, now: Instant) -> Option<(Lane, Request)> {
        let free = |busy: &BTreeSet<Lane>, lane| !busy.contains(&lane);
        if free(&self.busy, Lane::Beat)
            && let Some(beat) = self.next_beat(now)
        {
            return Some((Lane::Beat, Request::Beat(beat)));
        }
        let identity = self.identity.clone().filter(|_| self.is_fine())?;
        if let Some(admit) = self.ledger.poll(&identity) {
            return Some((Lane::Admit, Request::Admit(admit)));
        }
        if let Some(publish) = self.publisher.poll(identity.fence, now) {
            return Some((Lane::Publish, Request::Publish(publish)));
        }
        if free(&self.busy, Lane::Score)
            && let Some(request) = self.next_score()
        {
            return Some((Lane::Score, request));
        }
        if free(&self.busy, Lane::Grant)
            && let Some((wanted, blocks)) = self.blocks.poll(now)
        {
            return Some((Lane::Grant, Request::Grant { asking: identity, blocks, wanted }));
        }
        if free(&self.busy, Lane::Return) {
            let held = self.blocks.surplus();
            if !held.is_empty() {
                return Some((Lane::Return, Request::Return { fence: identity.fence, held }));
            }
        }
        self.next_duty(now)
    }
}

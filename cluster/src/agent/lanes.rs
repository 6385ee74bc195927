//! What the store is asked next: the most urgent first, one request per lane.

use std::time::{Duration, Instant};

use super::{Agent, Event, Lane};
use crate::store::{Identity, Request};

/// A lane whose requests fail although the store answers beats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    failures: u32,
    until: Instant,
}

impl Agent {
    pub(super) fn next_call(&mut self, now: Instant) -> Option<(Lane, Request)> {
        if !self.busy.contains(&Lane::Beat)
            && let Some(beat) = self.next_beat(now)
        {
            return Some((Lane::Beat, Request::Beat(beat)));
        }
        let identity = self.identity.clone().filter(|_| self.is_fine())?;
        if self.is_free(Lane::Admit, now) {
            if self.ledger.is_away() {
                self.ledger.on_store_back(false);
            }
            if let Some(admit) = self.ledger.poll(&identity, now) {
                return Some((Lane::Admit, Request::Admit(admit)));
            }
        }
        if self.is_free(Lane::Publish, now)
            && let Some(publish) = self.publisher.poll(identity.fence, now)
        {
            return Some((Lane::Publish, Request::Publish(publish)));
        }
        if self.is_free(Lane::Score, now)
            && let Some(request) = self.next_score(now)
        {
            return Some((Lane::Score, request));
        }
        self.next_of_ports(&identity, now).or_else(|| self.next_duty(now))
    }

    fn next_of_ports(&mut self, identity: &Identity, now: Instant) -> Option<(Lane, Request)> {
        let (grants, returns) = (self.is_free(Lane::Grant, now), self.is_free(Lane::Return, now));
        let blocks = self.ports.blocks.as_mut()?;
        if grants && let Some((wanted, blocks)) = blocks.poll_grant(now) {
            let asking = identity.clone();
            return Some((Lane::Grant, Request::Grant { asking, blocks, wanted }));
        }
        if returns && blocks.next_return().is_some() {
            let held = blocks.poll_return();
            self.ports.touch();
            return Some((Lane::Return, Request::Return { fence: identity.fence, held }));
        }
        None
    }

    /// Whether the lane may be used.
    pub(super) fn is_free(&self, lane: Lane, now: Instant) -> bool {
        let waits = self.troubled.get(&lane).is_some_and(|trouble| now < trouble.until);
        !self.busy.contains(&lane) && !waits
    }

    /// When a lane that would say something then may do so; `None`: its answer comes first.
    pub(super) fn next_of(&self, lane: Lane, wish: Option<Instant>) -> Option<Instant> {
        let wish = wish.filter(|_| self.is_fine() && !self.busy.contains(&lane))?;
        Some(self.troubled.get(&lane).map_or(wish, |trouble| wish.max(trouble.until)))
    }

    /// A request failed. Whether the store is away, the next beat tells; if it is not, the lane rests for a
    /// while, and logins are decided here meanwhile.
    pub(super) fn on_trouble(&mut self, lane: Lane, reason: String, now: Instant) {
        let failures = self.troubled.get(&lane).map_or(0, |trouble| trouble.failures);
        let wait = REST.saturating_mul(1 << failures.min(RESTS_DOUBLED));
        let trouble = Trouble { failures: failures.saturating_add(1), until: now + wait };
        self.troubled.insert(lane, trouble);
        if lane == Lane::Admit {
            self.ledger.on_store_away(now);
        }
        if failures == 0 {
            self.beat.hurry(now);
        }
        if failures == TOLD_AFTER {
            self.events.push_back(Event::Troubled { lane, reason });
        }
    }
}

/// After the first failure of a lane; it doubles.
const REST: Duration = Duration::from_millis(500);
/// Up to 32 s.
const RESTS_DOUBLED: u32 = 6;
/// One failure alone is most likely the store that goes away, which the beat tells.
const TOLD_AFTER: u32 = 1;

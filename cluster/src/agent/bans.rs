//! Failed logins and bans: judged here at once, and told to the pool.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Agent, Event, millis};
use crate::admission;
use crate::ban::{BAN_AFTER_MAX, BANS_MAX};
use crate::store::{BanChange, Request, Score};

impl Agent {
    /// A login failed.
    pub fn on_failure(&mut self, address: IpAddr, now: Instant) {
        if self.bans.is_exempt(address) || self.bans.rules().ban_after == 0 {
            return;
        }
        let origin = admission::origin(address);
        if let Some(until) = self.bans.on_failure(address, now) {
            self.events.push_back(Event::Banned { origin, until, manual: false });
            self.tell_ban(origin, Wish { until: Some(until), manual: false });
        } else if !self.setup.alone && self.failures.len() < FAILURES_MAX {
            self.failures.push_back(origin);
        }
    }

    /// Bans an address for so long, in the whole pool; here at once.
    pub fn ban(&mut self, address: IpAddr, lasting: Duration, now: Instant) {
        let origin = admission::origin(address);
        let lasting = Duration::from_millis(millis(lasting));
        let until = now.checked_add(lasting).unwrap_or(now);
        self.bans.ban(origin, until);
        self.events.push_back(Event::Banned { origin, until, manual: true });
        self.tell_ban(origin, Wish { until: Some(until), manual: true });
    }

    /// Lifts a ban in the whole pool; here at once. Whether this node knew of it.
    pub fn unban(&mut self, address: IpAddr, now: Instant) -> bool {
        let known = self.lift_here(address, now);
        let origin = admission::origin(address);
        self.tell_ban(origin, Wish { until: None, manual: true });
        known
    }

    /// As [`unban`](Self::unban), but whoever calls this tells the store.
    pub fn lift_here(&mut self, address: IpAddr, now: Instant) -> bool {
        let origin = admission::origin(address);
        // What the store has not heard of it must not be told after the lift.
        self.unheard_bans.remove(&origin);
        self.telling.take_if(|(told, _)| *told == origin);
        self.events.push_back(Event::Lifted { origin });
        self.bans.unban(origin, now)
    }

    /// Failed logins, or a ban, that the store has not heard of.
    pub(super) fn next_score(&mut self, now: Instant) -> Option<Request> {
        while let Some((origin, wish)) = self.unheard_bans.pop_first() {
            let left = wish.until.map(|until| until.saturating_duration_since(now));
            if left.is_some_and(|left| left.is_zero()) {
                continue;
            }
            self.telling = Some((origin, wish));
            let for_ms = left.map(millis);
            return Some(Request::Ban(BanChange { origin, for_ms, manual: wish.manual }));
        }
        if self.failures.is_empty() {
            return None;
        }
        let rules = self.bans.rules();
        Some(Request::Score(Score {
            origins: self.failures.drain(..self.failures.len().min(SCORE_MAX)).collect(),
            ban_after: rules.ban_after.min(BAN_AFTER_MAX),
            window_ms: millis(rules.ban_window),
            ban_for_ms: millis(rules.ban_for),
        }))
    }

    /// The store heard of a ban, or perhaps did not: then it is told again, for that changes nothing.
    pub(super) fn on_told(&mut self, heard: bool) {
        if let Some((origin, wish)) = self.telling.take().filter(|_| !heard) {
            // Something newer may wait for the same address.
            self.unheard_bans.entry(origin).or_insert(wish);
        }
    }

    /// The store forgot bans: they are told again, by all nodes if there are few, else by the leader.
    pub(super) fn restore_bans(&mut self, now: Instant) {
        if self.bans.count() > RESTORED_BY_ALL && self.lease.term(now).is_none() {
            return;
        }
        self.owes_bans = false;
        for ban in self.bans.list(now) {
            let wish = Wish { until: Some(ban.until), manual: ban.manual };
            self.unheard_bans.entry(ban.address).or_insert(wish);
        }
    }

    /// The last wish for an address counts. Bounded by the bans that this node keeps and those that it lifted
    /// since the store was last heard.
    fn tell_ban(&mut self, origin: IpAddr, wish: Wish) {
        let is_lift = wish.until.is_none();
        if is_lift || self.unheard_bans.len() < BANS_MAX || self.unheard_bans.contains_key(&origin)
        {
            self.unheard_bans.insert(origin, wish);
        }
    }
}

/// What the pool is to be told of an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Banned until then; `None`: not banned.
    until: Option<Instant>,
    manual: bool,
}

/// So many bans each node tells again by itself: a second of calls.
const RESTORED_BY_ALL: usize = 1_000;
/// Failed logins that wait for the store; more are scored on this node alone.
const FAILURES_MAX: usize = 4_096;
/// Failed logins of one request.
const SCORE_MAX: usize = 128;

//! Failed logins and bans: judged here at once, and told to the pool.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Agent, Event, millis};
use crate::admission;
use crate::ban::{BAN_AFTER_MAX, BANS_MAX, Ban};
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
            let for_ms = Some(millis(until.saturating_duration_since(now)));
            self.tell_ban(BanChange { origin, for_ms, manual: false });
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
        self.tell_ban(BanChange { origin, for_ms: Some(millis(lasting)), manual: true });
    }

    /// Lifts a ban in the whole pool; here at once. Whether this node knew of it.
    pub fn unban(&mut self, address: IpAddr, now: Instant) -> bool {
        let known = self.lift_here(address, now);
        let origin = admission::origin(address);
        self.tell_ban(BanChange { origin, for_ms: None, manual: true });
        known
    }

    /// As [`unban`](Self::unban), but whoever calls this tells the store.
    pub fn lift_here(&mut self, address: IpAddr, now: Instant) -> bool {
        let origin = admission::origin(address);
        // What the store has not heard of it must not be told after the lift.
        self.unheard_bans.retain(|change| change.origin != origin);
        self.telling.take_if(|change| change.origin == origin);
        self.events.push_back(Event::Lifted { origin });
        self.bans.unban(origin, now)
    }

    /// Failed logins, or a ban, that the store has not heard of.
    pub(super) fn next_score(&mut self) -> Option<Request> {
        if let Some(change) = self.unheard_bans.pop_front() {
            self.telling = Some(change.clone());
            return Some(Request::Ban(change));
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
        if let Some(change) = self.telling.take().filter(|_| !heard) {
            self.unheard_bans.push_front(change);
        }
    }

    /// The leader tells the store again what it forgot.
    pub(super) fn restore_bans(&mut self, now: Instant) {
        let change = |ban: Ban| {
            let for_ms = Some(millis(ban.until.saturating_duration_since(now)));
            BanChange { origin: ban.address, for_ms, manual: ban.manual }
        };
        // What is newer is told after it.
        let newer = std::mem::take(&mut self.unheard_bans);
        self.unheard_bans = self.bans.list(now).into_iter().map(change).collect();
        self.unheard_bans.extend(newer);
        self.unheard_bans.truncate(2 * BANS_MAX);
    }

    fn tell_ban(&mut self, change: BanChange) {
        // As many as there may be bans: what comes then is known to this node alone.
        if self.unheard_bans.len() < BANS_MAX {
            self.unheard_bans.push_back(change);
        }
    }
}

/// Failed logins that wait for the store; more are scored on this node alone.
const FAILURES_MAX: usize = 4_096;
/// Failed logins of one request.
const SCORE_MAX: usize = 128;

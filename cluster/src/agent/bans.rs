//! Failed logins and bans: judged here at once, and told to the pool.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Agent, Event, millis};
use crate::admission;
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
        let until = now.checked_add(lasting).unwrap_or(now);
        self.bans.ban(origin, until);
        self.events.push_back(Event::Banned { origin, until, manual: true });
        self.tell_ban(BanChange { origin, for_ms: Some(millis(lasting)), manual: true });
    }

    /// Lifts a ban in the whole pool; here at once. Whether this node knew of it.
    pub fn unban(&mut self, address: IpAddr, now: Instant) -> bool {
        let origin = admission::origin(address);
        let known = self.bans.unban(origin, now);
        self.events.push_back(Event::Lifted { origin });
        self.tell_ban(BanChange { origin, for_ms: None, manual: true });
        known
    }

    /// Failed logins, or a ban, that the store has not heard of.
    pub(super) fn next_score(&mut self) -> Option<Request> {
        if let Some(change) = self.unheard_bans.pop_front() {
            return Some(Request::Ban(change));
        }
        if self.failures.is_empty() {
            return None;
        }
        let rules = self.bans.rules();
        Some(Request::Score(Score {
            origins: self.failures.drain(..self.failures.len().min(SCORE_MAX)).collect(),
            ban_after: rules.ban_after.min(crate::ban::BAN_AFTER_MAX),
            window_ms: millis(rules.ban_window),
            ban_for_ms: millis(rules.ban_for),
        }))
    }

    pub(super) fn tell_ban(&mut self, change: BanChange) {
        self.unheard_bans.retain(|standing| standing.origin != change.origin);
        if self.unheard_bans.len() < crate::ban::BANS_MAX {
            self.unheard_bans.push_back(change);
        }
    }
}

/// Failed logins that wait for the store; more are scored on this node alone.
const FAILURES_MAX: usize = 4_096;
/// Failed logins of one request.
const SCORE_MAX: usize = 128;

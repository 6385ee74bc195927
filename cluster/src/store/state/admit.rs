//! Admission: counts are absolute per node, and only those of the living count.

use super::State;
use crate::id::Fence;
use crate::store::reply::Full;
use crate::store::{Admit, Ledger, Login, Verdict};

impl State {
    pub(super) fn admit(&mut self, admit: &Admit, now_us: u64) -> Vec<Verdict> {
        let now = now_us / 1000;
        let fence = admit.identity.fence;
        let last = self.admissions.get(&fence).copied().unwrap_or(0);
        if !self.beats.contains_key(&fence) || admit.sequence <= last {
            return vec![Verdict::Stale; admit.logins.len()];
        }
        self.admissions.insert(fence, admit.sequence);
        for ledger in &admit.counts {
            self.set_count(fence, &ledger.key, ledger.count);
        }
        let mut admitted: Vec<&Login> = Vec::new();
        let verdicts = admit.logins.iter().map(|login| {
            let own = admit.sessions + u32::try_from(admitted.len()).unwrap_or(u32::MAX);
            let before = |of: &Ledger, key: fn(&Login) -> &Ledger| {
                let same = admitted.iter().filter(|login| key(login).key == of.key).count();
                of.count + u32::try_from(same).unwrap_or(u32::MAX)
            };
            let of_user = before(&login.user, |login| &login.user);
            let from_origin = before(&login.origin, |login| &login.origin);
            match self.full(admit, login, (own, of_user, from_origin), now_us) {
                Some(full) => Verdict::Full(full),
                None => {
                    self.sessions.insert(fence, own + 1);
                    self.set_count(fence, &login.user.key, of_user + 1);
                    self.set_count(fence, &login.origin.key, from_origin + 1);
                    admitted.push(login);
                    let limited = admit.limits.sessions > 0;
                    let others = if limited { self.others(fence, now) } else { 0 };
                    Verdict::In { sessions: if limited { others + own + 1 } else { 0 } }
                }
            }
        });
        let verdicts: Vec<Verdict> = verdicts.collect();
        if admit.logins.is_empty() || admitted.is_empty() {
            self.sessions.insert(fence, admit.sessions);
        }
        verdicts
    }

    /// The first limit that is reached. Takes a token of the login rate only if none is.
    fn full(
        &mut self,
        admit: &Admit,
        login: &Login,
        (own, of_user, from_origin): (u32, u32, u32),
        now_us: u64,
    ) -> Option<Full> {
        let (fence, limits, now) = (admit.identity.fence, &admit.limits, now_us / 1000);
        let reached = |limit: u32, count: u32| limit != 0 && count >= limit;
        if limits.sessions > 0 && reached(limits.sessions, own + self.others(fence, now)) {
            return Some(Full::Sessions);
        }
        if limits.per_user > 0 || login.account_sessions > 0 {
            let count = of_user + self.others_of(&login.user.key, fence, now);
            if reached(limits.per_user, count) {
                return Some(Full::PerUser);
            }
            if reached(login.account_sessions, count) {
                return Some(Full::Account);
            }
        }
        if limits.per_address > 0 {
            let count = from_origin + self.others_of(&login.origin.key, fence, now);
            if reached(limits.per_address, count) {
                return Some(Full::PerAddress);
            }
        }
        (!self.take_token(limits.logins_per_second, now_us)).then_some(Full::LoginsPerSecond)
    }

    /// As [`Admission`](crate::admission::Admission) does it, in the store's microseconds.
    fn take_token(&mut self, rate: u32, now_us: u64) -> bool {
        if rate == 0 {
            return true;
        }
        let interval = MICROS_PER_SECOND.div_ceil(u64::from(rate));
        let burst = interval * u64::from(rate);
        let ahead = self.rate_full_at.saturating_sub(now_us);
        let lacking = if ahead > burst.max(BURST_MAX_US) { 0 } else { ahead };
        if lacking + interval > burst {
            return false;
        }
        let full_at = now_us + lacking;
        self.rate_full_at = full_at + interval;
        true
    }

    /// Sessions of all other living nodes.
    fn others(&self, fence: Fence, now: u64) -> u32 {
        let others =
            self.sessions.iter().filter(|(of, _)| **of != fence && self.is_alive(**of, now));
        others.map(|(_, count)| *count).sum()
    }

    fn others_of(&self, key: &[u8], fence: Fence, now: u64) -> u32 {
        let alive = self.beats.keys().filter(|of| **of != fence && self.is_alive(**of, now));
        alive.filter_map(|of| self.ledgers.get(&(key.to_vec(), *of))).sum()
    }

    fn set_count(&mut self, fence: Fence, key: &[u8], count: u32) {
        if key.is_empty() {
            return;
        }
        if count == 0 {
            self.ledgers.remove(&(key.to_vec(), fence));
        } else {
            self.ledgers.insert((key.to_vec(), fence), count);
        }
    }
}

const MICROS_PER_SECOND: u64 = 1_000_000;
/// A bucket holds one second's worth, and lacks no more of any earlier rate either.
const BURST_MAX_US: u64 = 2 * MICROS_PER_SECOND;

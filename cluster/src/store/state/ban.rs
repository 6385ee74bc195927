//! Failed logins, bans, and the news of them.

use std::net::IpAddr;

use super::{Ban, GARBAGE_AFTER_MS, State};
use crate::ban::BAN_AFTER_MAX;
use crate::store::{BAN_NEWS_MAX, BANS_MAX, BanChange, Banned, FOREVER_MS, News, Score};

impl State {
    /// As [`Bans`](crate::ban::Bans) does it.
    pub(super) fn score(&mut self, score: &Score, now: u64) {
        let keep = score.ban_after.min(BAN_AFTER_MAX) as usize;
        if keep == 0 {
            return;
        }
        for &origin in &score.origins {
            let failures = self.scores.entry(origin).or_default();
            failures.until = now.saturating_add(score.window_ms);
            failures.times.push_back(now);
            while failures.times.len() > keep {
                failures.times.pop_front();
            }
            let first = failures.times.front().copied().unwrap_or(now);
            if failures.times.len() >= keep && now.saturating_sub(first) < score.window_ms {
                self.scores.remove(&origin);
                let for_ms = Some(score.ban_for_ms);
                self.change_ban(&BanChange { origin, for_ms, manual: false }, now);
            }
        }
    }

    /// Makes or lifts a ban; whether something changed.
    pub(super) fn change_ban(&mut self, change: &BanChange, now: u64) -> bool {
        let known = self.bans.get(&change.origin).copied();
        let standing = known.filter(|ban| !ban.lifted && ban.until > now);
        let Some(for_ms) = change.for_ms else {
            self.scores.remove(&change.origin);
            // It is remembered until it would have ended: after that, nobody believes in it anyway.
            let lifted = standing.map(|ban| Ban { lifted: true, ..ban });
            return lifted.is_some_and(|ban| self.tell_ban(change.origin, ban));
        };
        let until = now.saturating_add(for_ms).min(FOREVER_MS);
        if known.is_none() && self.bans.len() >= BANS_MAX {
            self.tidy_bans(now);
            if self.bans.len() >= BANS_MAX {
                return false;
            }
        }
        if standing.is_some_and(|ban| ban.until >= until && (ban.manual || !change.manual)) {
            return false;
        }
        let until = standing.map_or(until, |ban| ban.until.max(until));
        let manual = change.manual || standing.is_some_and(|ban| ban.manual);
        self.tell_ban(change.origin, Ban { until, manual, lifted: false, number: 0 })
    }

    /// Writes a ban down under the next number, in place of what was known of this origin.
    fn tell_ban(&mut self, origin: IpAddr, ban: Ban) -> bool {
        self.ban_number += 1;
        let number = self.ban_number;
        if let Some(before) = self.bans.insert(origin, Ban { number, ..ban }) {
            self.ban_changes.remove(&before.number);
        }
        self.ban_changes.insert(number, origin);
        true
    }

    pub(super) fn ban_news(&self, known: u64, now: u64) -> News {
        // A store that forgot tells all that it has.
        let known = if known > self.ban_number { 0 } else { known };
        let mut changes = self.ban_changes.range(known + 1..);
        let told: Vec<_> = changes.by_ref().take(BAN_NEWS_MAX).collect();
        let more = changes.next().is_some();
        let number = match told.last() {
            Some((number, _)) if more => **number,
            _ => self.ban_number,
        };
        let changes = told.into_iter().filter_map(|(_, origin)| self.banned(*origin, now));
        News { number, more, changes: changes.collect() }
    }

    fn banned(&self, origin: IpAddr, now: u64) -> Option<Banned> {
        let ban = self.bans.get(&origin)?;
        let left_ms = if ban.lifted { 0 } else { ban.until.saturating_sub(now) };
        Some(Banned { origin, left_ms, manual: ban.manual })
    }

    /// The one that ends first comes first.
    pub(super) fn standing_bans(&self, now: u64) -> Vec<Banned> {
        let bans = self.bans.keys().filter_map(|origin| self.banned(*origin, now));
        let mut bans: Vec<Banned> = bans.filter(|ban| ban.left_ms > 0).collect();
        bans.sort_by_key(|ban| (ban.left_ms, ban.origin));
        bans
    }

    pub(super) fn tidy_bans(&mut self, now: u64) {
        let changes = &mut self.ban_changes;
        self.bans.retain(|_, ban| {
            let over = ban.until <= now;
            if over {
                changes.remove(&ban.number);
            }
            !over
        });
        self.scores.retain(|_, failures| failures.until.saturating_add(GARBAGE_AFTER_MS) > now);
    }
}

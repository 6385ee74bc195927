//! Failed logins, bans, and the news of them.

use std::net::IpAddr;

use super::{Ban, State};
use crate::store::{BAN_NEWS_MAX, BANS_MAX, BanChange, Banned, News, Score};

impl State {
    pub(super) fn score(&mut self, score: &Score, now: u64) {
        let keep = usize::try_from(score.ban_after).unwrap_or(usize::MAX);
        for &origin in &score.origins {
            let times = self.scores.entry(origin).or_default();
            times.push_back(now);
            while times.len() > keep {
                times.pop_front();
            }
            let first = times.front().copied().unwrap_or(now);
            if times.len() >= keep && now.saturating_sub(first) < score.window_ms {
                self.scores.remove(&origin);
                let for_ms = Some(score.ban_for_ms);
                self.change_ban(&BanChange { origin, for_ms, manual: false }, now);
            }
        }
    }

    /// Makes or lifts a ban; whether something changed.
    pub(super) fn change_ban(&mut self, change: &BanChange, now: u64) -> bool {
        let standing = self.bans.get(&change.origin).copied();
        let Some(for_ms) = change.for_ms else {
            self.scores.remove(&change.origin);
            return match standing {
                Some(ban) => {
                    self.bans.remove(&change.origin);
                    self.tell_ban(change.origin, Some(ban.number));
                    ban.until > now
                }
                None => false,
            };
        };
        let until = now + for_ms;
        if standing.is_none() && self.bans.len() >= BANS_MAX {
            self.tidy_bans(now);
            if self.bans.len() >= BANS_MAX {
                return false;
            }
        }
        if standing.is_some_and(|ban| ban.until >= until && (ban.manual || !change.manual)) {
            return false;
        }
        let number = self.tell_ban(change.origin, standing.map(|ban| ban.number));
        let until = standing.map_or(until, |ban| ban.until.max(until));
        let manual = change.manual || standing.is_some_and(|ban| ban.manual);
        self.bans.insert(change.origin, Ban { until, manual, number });
        true
    }

    fn tell_ban(&mut self, origin: IpAddr, before: Option<u64>) -> u64 {
        if let Some(before) = before {
            self.ban_changes.remove(&before);
        } else {
            // A ban that was lifted may be made anew.
            self.ban_changes.retain(|_, of| *of != origin);
        }
        self.ban_number += 1;
        self.ban_changes.insert(self.ban_number, origin);
        self.ban_number
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
        let changes = told.into_iter().map(|(_, origin)| self.banned(*origin, now)).collect();
        News { number, more, changes }
    }

    fn banned(&self, origin: IpAddr, now: u64) -> Banned {
        match self.bans.get(&origin) {
            Some(ban) => {
                Banned { origin, left_ms: ban.until.saturating_sub(now), manual: ban.manual }
            }
            None => Banned { origin, left_ms: 0, manual: false },
        }
    }

    pub(super) fn standing_bans(&self, now: u64) -> Vec<Banned> {
        let mut bans: Vec<Banned> = self
            .bans
            .iter()
            .filter(|(_, ban)| ban.until > now)
            .map(|(origin, _)| self.banned(*origin, now))
            .collect();
        bans.sort_by_key(|ban| (ban.left_ms, ban.origin));
        bans
    }

    pub(super) fn tidy_bans(&mut self, now: u64) {
        let gone: Vec<IpAddr> = self
            .bans
            .iter()
            .filter(|(_, ban)| ban.until <= now)
            .map(|(origin, _)| *origin)
            .collect();
        for origin in gone {
            if let Some(ban) = self.bans.remove(&origin) {
                self.ban_changes.remove(&ban.number);
            }
        }
    }
}

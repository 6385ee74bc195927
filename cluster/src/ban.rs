//! Failed logins and what they lead to: addresses that are banned for a while.
//!
//! [`Bans`] is a pure machine. Every address is judged as its [`origin`]. Memory is bounded by
//! constants of this file: an attacker with more addresses than that makes the oldest be forgotten,
//! and a table of bans that is full gives up the ban that ends next.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::admission::origin;

/// When an address is banned, and which ones never are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Failed logins that lead to a ban (`limits.ban_after`); 0: none ever do. Taken as
    /// [`BAN_AFTER_MAX`] if it is higher.
    pub ban_after: u32,
    /// The time within which they must lie (`limits.ban_window`).
    pub ban_window: Duration,
    /// How long a ban lasts (`limits.ban_for`).
    pub ban_for: Duration,
    /// Networks whose failed logins are not counted: balancers, monitors. A ban by hand holds there
    /// too.
    pub exempt: Vec<IpNet>,
}

/// A ban in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The [`origin`] that is banned.
    pub address: IpAddr,
    /// When it ends.
    pub until: Instant,
    /// Made by the operator and not by failed logins.
    pub manual: bool,
}

impl Ban {
    /// What is banned, as a network: one IPv4 address or one IPv6 /64.
    pub fn network(&self) -> IpNet {
        let bits = if self.address.is_ipv4() { 32 } else { 64 };
        IpNet::new(self.address, bits).unwrap_or_else(|_| IpNet::from(self.address))
    }
}

/// The scores of failed logins and the bans in force.
#[derive(Debug)]
pub struct Bans {
    rules: Rules,
    /// Times of failed logins, ordered by the last one; never more than [`FAILURES_MAX`] in all.
    scores: Aged<VecDeque<Instant>>,
    failures: usize,
    /// Whether the ban was made by hand, ordered by its end.
    bans: Aged<bool>,
}

impl Bans {
    /// Nobody failed yet, nobody is banned.
    pub fn new(rules: Rules) -> Self {
        Self { rules, scores: Aged::default(), failures: 0, bans: Aged::default() }
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Puts other rules in force. Bans that stand keep their end.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// When the ban of this address ends, if there is one. Asked for each connection.
    pub fn is_banned(&self, address: IpAddr, now: Instant) -> Option<Instant> {
        self.bans.at(origin(address)).filter(|&until| until > now)
    }

    /// Whether failed logins from there are not counted.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.rules.exempt.iter().any(|network| network.contains(&address))
    }

    /// Scores one failed login. If it leads to a ban, says when that ends.
    pub fn on_failure(&mut self, address: IpAddr, now: Instant) -> Option<Instant> {
        let ban_after = self.rules.ban_after.min(BAN_AFTER_MAX) as usize;
        if ban_after == 0 || self.is_exempt(address) {
            return None;
        }
        let origin = origin(address);
        let mut times = self.scores.remove(origin).map(|(_, times)| times).unwrap_or_default();
        self.failures = self.failures.saturating_sub(times.len());
        let window = self.rules.ban_window;
        times.retain(|&at| now.saturating_duration_since(at) < window);
        times.push_back(now);
        if times.len() >= ban_after {
            let until = later(now, self.rules.ban_for);
            self.ban_origin(origin, until, false);
            return self.is_banned(origin, now);
        }
        self.failures = self.failures.saturating_add(times.len());
        self.scores.insert(origin, now, times);
        self.trim(now);
        None
    }

    /// Bans an address by hand, until then. A longer ban that stands is kept.
    pub fn ban(&mut self, address: IpAddr, until: Instant) {
        self.ban_origin(origin(address), until, true);
    }

    /// Takes over a ban of the pool; its end counts, as another node knows better.
    pub fn adopt(&mut self, origin: IpAddr, until: Instant, manual: bool) {
        self.bans.remove(origin);
        self.ban_origin(origin, until, manual);
    }

    /// Lifts the ban of an address and forgets its failed logins; `false` if there was no ban.
    pub fn unban(&mut self, address: IpAddr, now: Instant) -> bool {
        let origin = origin(address);
        if let Some((_, times)) = self.scores.remove(origin) {
            self.failures = self.failures.saturating_sub(times.len());
        }
        self.bans.remove(origin).is_some_and(|(until, _)| until > now)
    }

    /// The bans in force, the one that ends first at the front.
    pub fn list(&self, now: Instant) -> Vec<Ban> {
        self.bans
            .iter()
            .filter(|&(until, ..)| until > now)
            .map(|(until, address, &manual)| Ban { address, until, manual })
            .collect()
    }

    /// How many bans are kept, those included that have ended a moment ago.
    pub fn count(&self) -> usize {
        self.bans.len()
    }

    /// Addresses with failed logins that are remembered.
    pub fn tracked(&self) -> usize {
        self.scores.len()
    }

    /// Forgets what is over. Inputs do it by themselves as far as bounds need it; called now and
    /// then, it gives memory back after an attack.
    pub fn on_tick(&mut self, now: Instant) {
        self.trim(now);
        while self.bans.first().is_some_and(|until| until <= now) {
            self.bans.pop_first();
        }
    }

    fn ban_origin(&mut self, origin: IpAddr, until: Instant, manual: bool) {
        if let Some((standing, by_hand)) = self.bans.remove(origin) {
            self.bans.insert(origin, standing.max(until), manual || by_hand);
            return;
        }
        self.bans.insert(origin, until, manual);
        while self.bans.len() > BANS_MAX {
            self.bans.pop_first();
        }
    }

    /// Drops scores whose last failure is out of the window, then the oldest above the bounds.
    fn trim(&mut self, now: Instant) {
        let window = self.rules.ban_window;
        let over = |last: Instant| now.saturating_duration_since(last) >= window;
        while self.scores.len() > ADDRESSES_MAX
            || self.failures > FAILURES_MAX
            || self.scores.first().is_some_and(over)
        {
            let Some(times) = self.scores.pop_first() else { return };
            self.failures = self.failures.saturating_sub(times.len());
        }
    }
}

/// `now + wait`; a wait beyond what the clock can say is taken as ten years.
fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).or_else(|| now.checked_add(TEN_YEARS)).unwrap_or(now)
}

/// A map by address whose entries are also ordered by a time.
#[derive(Debug)]
struct Aged<V> {
    entries: HashMap<IpAddr, (Instant, V)>,
    /// Exactly the keys of `entries` with their times.
    order: BTreeSet<(Instant, IpAddr)>,
}

impl<V> Default for Aged<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<V> Aged<V> {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn at(&self, address: IpAddr) -> Option<Instant> {
        self.entries.get(&address).map(|&(at, _)| at)
    }

    fn first(&self) -> Option<Instant> {
        self.order.first().map(|&(at, _)| at)
    }

    fn insert(&mut self, address: IpAddr, at: Instant, value: V) {
        if let Some((old, _)) = self.entries.insert(address, (at, value)) {
            self.order.remove(&(old, address));
        }
        self.order.insert((at, address));
    }

    fn remove(&mut self, address: IpAddr) -> Option<(Instant, V)> {
        let (at, value) = self.entries.remove(&address)?;
        self.order.remove(&(at, address));
        Some((at, value))
    }

    fn pop_first(&mut self) -> Option<V> {
        let (_, address) = self.order.pop_first()?;
        self.entries.remove(&address).map(|(_, value)| value)
    }

    fn iter(&self) -> impl Iterator<Item = (Instant, IpAddr, &V)> {
        self.order.iter().filter_map(|&(at, address)| {
            self.entries.get(&address).map(|(_, value)| (at, address, value))
        })
    }
}

/// The most failed logins that a ban can be made to wait for.
pub const BAN_AFTER_MAX: u32 = 1000;

/// Addresses whose failed logins are remembered; about 200 bytes each, 13 MB when full.
pub const ADDRESSES_MAX: usize = 65_536;

/// Failed logins remembered over all addresses; 16 bytes each, 8 MiB when full.
pub const FAILURES_MAX: usize = 524_288;

/// Bans at once; about 150 bytes each.
pub const BANS_MAX: usize = 65_536;

const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);

#[cfg(test)]
mod tests;

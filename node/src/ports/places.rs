//! The grants of one listener, by the addresses that they admit.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::hash_map::{self, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use super::rule::{PeerRule, last_of_prefix, prefix};
use super::wait::Wait;

/// Pending and lingering grants. No two of them overlap in the addresses they admit, but for lingering ones under
/// [`PeerRule::Any`]: who comes late for one of those does not pass for the next client where TLS proves who it is.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Grants for exactly one address, pending or lingering.
    exact: BTreeMap<IpAddr, Place>,
    /// Pending ones among those.
    pending: usize,
    /// Pending grants for a prefix each.
    prefixes: HashMap<IpAddr, Rc<Wait>>,
    /// The pending one for networks or for anybody; there is no second, for they overlap.
    broad: Option<Rc<Wait>>,
}

/// A grant's place.
#[derive(Debug)]
enum Place {
    Pending(Rc<Wait>),
    /// Closed until then.
    Lingering(Instant),
}

/// What the end of a wait left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Released {
    /// Its place was gone before.
    Nothing,
    /// Its place is free.
    Free,
    /// It lingers, and nothing has lingered there before.
    Lingers,
    /// It lingers, in the place of another one that did.
    LingersOn,
}

impl Places {
    /// Pending and lingering ones, expired or not.
    pub(super) fn count(&self) -> usize {
        self.exact.len() + self.prefixes.len() + usize::from(self.broad.is_some())
    }

    /// Whether there is any that has not expired.
    pub(super) fn is_taken(&self, now: Instant) -> bool {
        self.broad.is_some()
            || !self.prefixes.is_empty()
            || self.exact.values().any(|place| !place.expired(now))
    }

    /// Whether nothing that waits or lingers has an address in common with this rule.
    pub(super) fn has_room(&self, rule: &PeerRule, now: Instant) -> bool {
        let is_clear = |place: &Place| place.expired(now);
        if self.broad.as_ref().is_some_and(|wait| wait.rule.overlaps(rule)) {
            return false;
        }
        match rule {
            PeerRule::Same(client) => {
                !self.prefixes.contains_key(&prefix(*client))
                    && self.exact.get(client).is_none_or(is_clear)
            }
            PeerRule::Prefix(client) => {
                let first = prefix(*client);
                let mut within = self.exact.range(first..=last_of_prefix(*client));
                !self.prefixes.contains_key(&first) && within.all(|(_, place)| is_clear(place))
            }
            PeerRule::Networks(..) => {
                let mut all = self.exact.iter();
                self.prefixes.is_empty()
                    && all.all(|(client, place)| is_clear(place) || !rule.admits(*client))
            }
            PeerRule::Any => self.prefixes.is_empty() && self.pending == 0,
        }
    }

    /// Begins a wait, for which there is room. Tells whether that ended a lingering one.
    pub(super) fn insert(&mut self, wait: &Rc<Wait>) -> bool {
        let wait = Rc::clone(wait);
        match wait.rule {
            PeerRule::Same(client) => {
                self.pending += 1;
                self.exact.insert(client, Place::Pending(wait)).is_some()
            }
            PeerRule::Prefix(client) => {
                self.prefixes.insert(prefix(client), wait);
                false
            }
            PeerRule::Networks(..) | PeerRule::Any => {
                self.broad = Some(wait);
                false
            }
        }
    }

    /// The wait that admits `peer`; removed unless it may get more connections. Lingerers in the
    /// way have expired if a pending wait admits the same address, or it proves who comes.
    pub(super) fn claim(&mut self, peer: IpAddr) -> Option<Rc<Wait>> {
        let wait = self.admitting(peer)?;
        if !wait.stays() {
            self.remove(&wait);
        }
        Some(wait)
    }

    fn admitting(&self, peer: IpAddr) -> Option<Rc<Wait>> {
        if let Some(Place::Pending(wait)) = self.exact.get(&peer) {
            return Some(Rc::clone(wait));
        }
        let broad = self.broad.as_ref().filter(|wait| wait.rule.admits(peer));
        self.prefixes.get(&prefix(peer)).or(broad).map(Rc::clone)
    }

    /// Ends a wait: its place is free if it was served, and lingers until then otherwise.
    pub(super) fn release(&mut self, wait: &Rc<Wait>, until: Instant) -> Released {
        if !self.remove(wait) {
            return Released::Nothing;
        }
        if wait.served() {
            return Released::Free;
        }
        // Of all that it admits only this session's client can still come late; others need not be kept away.
        match self.exact.insert(wait.client, Place::Lingering(until)) {
            None => Released::Lingers,
            Some(_) => Released::LingersOn,
        }
    }

    /// Takes a pending wait out; whether it was there.
    fn remove(&mut self, wait: &Rc<Wait>) -> bool {
        match wait.rule {
            PeerRule::Same(client) => {
                let Entry::Occupied(entry) = self.exact.entry(client) else { return false };
                if !entry.get().holds(wait) {
                    return false;
                }
                entry.remove();
                self.pending = self.pending.saturating_sub(1);
                true
            }
            PeerRule::Prefix(client) => {
                let hash_map::Entry::Occupied(entry) = self.prefixes.entry(prefix(client)) else {
                    return false;
                };
                let is_it = Rc::ptr_eq(entry.get(), wait);
                if is_it {
                    entry.remove();
                }
                is_it
            }
            PeerRule::Networks(..) | PeerRule::Any => {
                self.broad.take_if(|broad| Rc::ptr_eq(broad, wait)).is_some()
            }
        }
    }

    /// Drops what has lingered long enough; how much that was.
    pub(super) fn sweep(&mut self, now: Instant) -> usize {
        let before = self.exact.len();
        self.exact.retain(|_, place| !place.expired(now));
        before - self.exact.len()
    }
}

impl Place {
    /// Whether it need not be kept any longer.
    fn expired(&self, now: Instant) -> bool {
        matches!(self, Self::Lingering(until) if *until <= now)
    }

    /// Whether this is the place of that wait.
    fn holds(&self, wait: &Rc<Wait>) -> bool {
        matches!(self, Self::Pending(pending) if Rc::ptr_eq(pending, wait))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::grant::GrantRequest;
    use super::*;

    fn wait(client: [u8; 4], rule: impl Fn(IpAddr) -> PeerRule) -> Rc<Wait> {
        let client = IpAddr::from(client);
        let request = GrantRequest { client, local: client, rule: rule(client), proves: false };
        Rc::new(Wait::here(&request))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_lingers_is_counted_once() {
        let (now, mut places) = (Instant::now(), Places::default());
        let first = wait([10, 0, 0, 1], PeerRule::Same);
        assert!(!places.insert(&first));
        assert_eq!(places.release(&first, now + SECOND), Released::Lingers);
        assert_eq!(places.release(&first, now + SECOND), Released::Nothing);
        // Who lingers is no obstacle where TLS proves who comes.
        let proven = wait([10, 0, 0, 1], |_| PeerRule::Any);
        assert!(places.has_room(&proven.rule, now));
        assert!(!places.insert(&proven));
        assert_eq!(places.release(&proven, now + SECOND), Released::LingersOn);
        assert_eq!((places.count(), places.sweep(now + SECOND)), (1, 1));
        // It has expired, and nobody swept.
        places.insert(&first);
        assert_eq!(places.release(&first, now + SECOND), Released::Lingers);
        assert!(places.has_room(&first.rule, now + SECOND));
        assert!(places.insert(&first), "one lingers less");
    }

    fn any_rule() -> impl Strategy<Value = ([u8; 4], PeerRule)> {
        let networks: Arc<[_]> = vec!["10.0.1.0/28".parse().unwrap()].into();
        (0u8..3, 0u8..32, 0u8..6).prop_map(move |(third, last, kind)| {
            let client = [10, 0, third, last];
            let address = IpAddr::from(client);
            let rule = match kind {
                0..3 => PeerRule::Same(address),
                3 => PeerRule::Prefix(address),
                4 => PeerRule::Networks(address, networks.clone()),
                _ => PeerRule::Any,
            };
            (client, rule)
        })
    }

    proptest! {
        /// As a list of all that wait and linger has it.
        #[test]
        fn nothing_overlaps(steps in prop::collection::vec((any_rule(), 0usize..8, 0u32..3), 1..80)) {
            let (mut now, mut places) = (Instant::now(), Places::default());
            let mut pending: Vec<Rc<Wait>> = Vec::new();
            let mut lingering: Vec<(IpAddr, Instant)> = Vec::new();
            for ((client, rule), ended, passed) in steps {
                now += SECOND * passed;
                lingering.retain(|(_, until)| *until > now);
                let room = pending.iter().all(|wait| !wait.rule.overlaps(&rule))
                    && (rule == PeerRule::Any
                        || lingering.iter().all(|(client, _)| !rule.admits(*client)));
                prop_assert_eq!(places.has_room(&rule, now), room);
                if room {
                    let wait = wait(client, |_| rule.clone());
                    places.insert(&wait);
                    pending.push(wait);
                }
                let peer = IpAddr::from(client);
                let admits = pending.iter().position(|wait| wait.rule.admits(peer));
                prop_assert_eq!(
                    places.admitting(peer).map(|wait| Rc::as_ptr(&wait)),
                    admits.map(|index| Rc::as_ptr(&pending[index]))
                );
                if ended < pending.len() {
                    let wait = pending.swap_remove(ended);
                    prop_assert_ne!(places.release(&wait, now + 2 * SECOND), Released::Nothing);
                    lingering.retain(|(client, _)| *client != wait.client);
                    lingering.push((wait.client, now + 2 * SECOND));
                }
                prop_assert_eq!(places.is_taken(now), !pending.is_empty() || !lingering.is_empty());
            }
        }
    }
}

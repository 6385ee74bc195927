//! The grants of one listener, by the addresses that they admit.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use super::rule::PeerRule;
use super::wait::Wait;

/// Pending and lingering grants. No two of them overlap in the addresses they admit.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Grants for exactly one address.
    pub(super) exact: HashMap<IpAddr, Place>,
    /// All others; few, mostly one.
    pub(super) broad: Vec<(PeerRule, Place)>,
}

/// A grant's place.
#[derive(Debug)]
pub(super) enum Place {
    Pending(Rc<Wait>),
    /// Closed until then.
    Lingering(Instant),
}

impl Places {
    /// Whether there is any that has not expired.
    pub(super) fn is_taken(&self, now: Instant) -> bool {
        let mut places = self.exact.values().chain(self.broad.iter().map(|(_, place)| place));
        places.any(|place| !place.expired(now))
    }

    /// The wait that admits `peer`; removed unless it may get more connections. Lingerers in the
    /// way have expired if a pending wait admits the same address.
    pub(super) fn claim(&mut self, peer: IpAddr) -> Option<Rc<Wait>> {
        if let Entry::Occupied(entry) = self.exact.entry(peer)
            && let Place::Pending(wait) = entry.get()
        {
            let wait = Rc::clone(wait);
            if !wait.stays() {
                entry.remove();
            }
            return Some(wait);
        }
        let admitting = |(rule, place): &(PeerRule, Place)| match place {
            Place::Pending(wait) if rule.admits(peer) => Some(Rc::clone(wait)),
            _ => None,
        };
        let (index, wait) = self
            .broad
            .iter()
            .enumerate()
            .find_map(|(index, entry)| admitting(entry).map(|wait| (index, wait)))?;
        if !wait.stays() {
            self.broad.swap_remove(index);
        }
        Some(wait)
    }
}

impl Place {
    /// Whether it need not be kept any longer.
    pub(super) fn expired(&self, now: Instant) -> bool {
        matches!(self, Self::Lingering(until) if *until <= now)
    }

    /// Whether this is the place of that wait.
    pub(super) fn holds(&self, wait: &Rc<Wait>) -> bool {
        matches!(self, Self::Pending(pending) if Rc::ptr_eq(pending, wait))
    }
}

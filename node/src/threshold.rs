//! The threshold: connections that are open and not logged in, counted for the node and by address.
//!
//! Whoever is not logged in is a stranger, and one stranger must not fill the node for the whole of
//! `timeouts.login`. A connection of any protocol enters when it is accepted and leaves when its login
//! is granted or it ends. That costs one atomic step and one lock of a small table at each of the two,
//! and nothing in between.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flotilla_cluster::admission::origin;

use crate::metrics::Occupied;

/// The threshold of a node; a clone is the same one.
#[derive(Clone, Debug)]
pub(crate) struct Threshold(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: AtomicU64,
    /// The count of the node, which is a metric as well.
    occupied: Occupied,
    hasher: RandomState,
    /// By [`origin`], spread over locks so that arbiters hardly meet.
    shards: [Mutex<HashMap<IpAddr, u32>>; SHARDS],
}

/// How many may stand on it at once; 0: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// On the node (`limits.unauthenticated`).
    pub(crate) node: u32,
    /// From one [`origin`] (`limits.unauthenticated_per_address`).
    pub(crate) per_address: u32,
}

/// Which limit keeps a connection out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// `limits.unauthenticated`.
    Node,
    /// `limits.unauthenticated_per_address`.
    Address,
}

/// One connection on the threshold; dropped, it has left.
#[derive(Debug)]
pub(crate) struct Entrance {
    shared: Arc<Shared>,
    origin: IpAddr,
}

impl Threshold {
    /// A threshold with nobody on it, which counts into this metric.
    pub(crate) fn new(limits: Limits, occupied: Occupied) -> Self {
        Self(Arc::new(Shared {
            limits: AtomicU64::new(limits.packed()),
            occupied,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }))
    }

    /// Other limits, for those who come from now on; nobody is sent away.
    pub(crate) fn set_limits(&self, limits: Limits) {
        self.0.limits.store(limits.packed(), Ordering::Relaxed);
    }

    /// Takes a place, unless the node or the address has no more of them.
    pub(crate) fn enter(&self, address: IpAddr) -> Result<Entrance, Crowded> {
        self.take(address, Limits::unpacked(self.0.limits.load(Ordering::Relaxed)))
    }

    /// As [`enter`](Self::enter), for an address that stands for many clients: only the node's limit counts.
    pub(crate) fn enter_unnamed(&self, address: IpAddr) -> Result<Entrance, Crowded> {
        let limits = Limits::unpacked(self.0.limits.load(Ordering::Relaxed));
        self.take(address, Limits { per_address: 0, ..limits })
    }

    /// Takes a place for somebody who was logged in until now, past the limits if it must be: those who
    /// come after are kept out instead.
    pub(crate) fn come_back(&self, address: IpAddr) -> Option<Entrance> {
        self.take(address, Limits { node: 0, per_address: 0 }).ok()
    }

    fn take(&self, address: IpAddr, limits: Limits) -> Result<Entrance, Crowded> {
        let shared = &self.0;
        let origin = origin(address);
        if !shared.occupied.add_below(most(limits.node)) {
            return Err(Crowded::Node);
        }
        let mut places = shared.shard(origin);
        let held = places.entry(origin).or_insert(0);
        if *held >= most(limits.per_address) {
            // It is not empty: the limit is 1 at least.
            drop(places);
            shared.occupied.subtract();
            return Err(Crowded::Address);
        }
        *held = held.saturating_add(1);
        drop(places);
        Ok(Entrance { shared: Arc::clone(shared), origin })
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        if let Entry::Occupied(mut held) = self.shared.shard(self.origin).entry(self.origin) {
            match held.get().checked_sub(1) {
                None | Some(0) => drop(held.remove()),
                Some(left) => *held.get_mut() = left,
            }
        }
        self.shared.occupied.subtract();
    }
}

impl Shared {
    fn shard(&self, origin: IpAddr) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        let [.., last] = self.hasher.hash_one(origin).to_be_bytes();
        let [first, ..] = &self.shards;
        let shard = self.shards.get(usize::from(last) % SHARDS).unwrap_or(first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    fn packed(self) -> u64 {
        u64::from(self.node) << 32 | u64::from(self.per_address)
    }

    fn unpacked(packed: u64) -> Self {
        Self { node: (packed >> 32) as u32, per_address: packed as u32 }
    }
}

impl Crowded {
    /// The last words to a client.
    pub(crate) fn farewell(self) -> &'static str {
        match self {
            Self::Node => "Too many connections without a login (limits.unauthenticated).",
            Self::Address => {
                "Too many connections without a login from this address (limits.unauthenticated_per_address)."
            }
        }
    }
}

/// What a limit allows.
fn most(limit: u32) -> u32 {
    if limit == 0 { u32::MAX } else { limit }
}

/// Locks of the table: some per core of a large machine, so that two arbiters seldom want the same one.
const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Crowded, Limits, Threshold};
    use crate::metrics::Occupied;

    fn threshold(node: u32, per_address: u32) -> (Threshold, Occupied) {
        let occupied = Occupied::default();
        (Threshold::new(Limits { node, per_address }, occupied.clone()), occupied)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_holds_no_more_than_its_places() {
        let (threshold, occupied) = threshold(0, 2);
        let first = threshold.enter(ip("192.0.2.1")).unwrap();
        let _second = threshold.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(threshold.enter(ip("192.0.2.1")).unwrap_err(), Crowded::Address);
        assert_eq!(occupied.count(), 2);
        let _other = threshold.enter(ip("192.0.2.2")).unwrap();
        drop(first);
        let _again = threshold.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(occupied.count(), 3);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let (threshold, _) = threshold(0, 1);
        let _held = threshold.enter(ip("2001:db8::1")).unwrap();
        assert_eq!(threshold.enter(ip("2001:db8::ffff:1")).unwrap_err(), Crowded::Address);
        assert!(threshold.enter(ip("2001:db8:0:1::1")).is_ok());
        let _v4 = threshold.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(threshold.enter(ip("::ffff:192.0.2.1")).unwrap_err(), Crowded::Address);
    }

    #[test]
    fn the_node_has_a_limit_of_its_own() {
        let (threshold, occupied) = threshold(2, 0);
        let held: Vec<_> =
            ["192.0.2.1", "192.0.2.2"].map(|text| threshold.enter(ip(text)).unwrap()).into();
        assert_eq!(threshold.enter(ip("192.0.2.3")).unwrap_err(), Crowded::Node);
        let back = threshold.come_back(ip("192.0.2.3")).unwrap();
        assert_eq!(occupied.count(), 3);
        threshold.set_limits(Limits { node: 0, per_address: 0 });
        let more = threshold.enter(ip("192.0.2.3")).unwrap();
        drop((held, back, more));
        assert_eq!(occupied.count(), 0);
        assert!(threshold.0.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }

    /// From many threads: never above the limit, and nothing is left.
    #[test]
    fn the_count_is_exact_over_threads() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let (threshold, occupied) = threshold(0, 5);
        let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        if let Ok(entrance) = threshold.enter(ip("192.0.2.1")) {
                            most.fetch_max(
                                inside.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            std::thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(entrance);
                        }
                    }
                });
            }
        });
        assert!((1..=5).contains(&most.into_inner()));
        assert_eq!(occupied.count(), 0);
    }
}

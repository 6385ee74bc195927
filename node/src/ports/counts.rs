//! Counters of the data ports.

use std::sync::atomic::{AtomicU64, Ordering};

use flotilla_cluster::ports::PortRange;

/// The data ports at one moment, all shards together. Shards publish as they go, so that the sums
/// may be off by what happens while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortCounts {
    /// The configured range.
    pub range: PortRange,
    /// Open listeners, (port, local address) each.
    pub listening: u64,
    /// Grants that still may get a connection.
    pub pending: u64,
    /// (Port, address) pairs that are closed for a while after a grant nobody connected to;
    /// expired ones leave this count within 15 s.
    pub lingering: u64,
    /// Grants given since the start.
    pub granted_total: u64,
    /// Connections closed because nobody waited for their address.
    pub refused_total: u64,
    /// Requests that found no port.
    pub exhausted_total: u64,
    /// Ports that could not be bound, since another program has them; each again after a while.
    pub conflicts_total: u64,
}

/// The counters of one shard: written by its arbiter alone, read by anybody.
#[derive(Debug, Default)]
#[repr(align(128))] // two cache lines: no false sharing with a neighbour's counters
pub(super) struct Counters {
    pub(super) listening: Gauge,
    pub(super) pending: Gauge,
    pub(super) lingering: Gauge,
    pub(super) granted: Gauge,
    pub(super) refused: Gauge,
    pub(super) exhausted: Gauge,
    pub(super) conflicts: Gauge,
}

/// A number with one writer, so that a load and a store do for an atomic addition.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicU64);

impl Gauge {
    pub(super) fn up(&self) {
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }

    pub(super) fn down(&self) {
        self.0.store(self.get().saturating_sub(1), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sums the shards up.
pub(super) fn sum<'a>(range: PortRange, shards: impl Iterator<Item = &'a Counters>) -> PortCounts {
    let mut counts = PortCounts {
        range,
        listening: 0,
        pending: 0,
        lingering: 0,
        granted_total: 0,
        refused_total: 0,
        exhausted_total: 0,
        conflicts_total: 0,
    };
    for shard in shards {
        counts.listening += shard.listening.get();
        counts.pending += shard.pending.get();
        counts.lingering += shard.lingering.get();
        counts.granted_total += shard.granted.get();
        counts.refused_total += shard.refused.get();
        counts.exhausted_total += shard.exhausted.get();
        counts.conflicts_total += shard.conflicts.get();
    }
    counts
}

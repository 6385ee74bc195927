//! The part of a lane that one thread uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Slots, and who waits for one.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) permits: Arc<Semaphore>,
    /// For long jobs, which need one of these besides.
    pub(super) turns: Arc<Semaphore>,
    pub(super) waiting: AtomicUsize,
    /// Per running job the moment by which it must be done; 0: free.
    pub(super) slots: Box<[AtomicU64]>,
}

impl Shard {
    pub(super) fn new(running: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(running)),
            turns: Arc::new(Semaphore::new((running / LONG_DIVISOR).max(1))),
            waiting: AtomicUsize::new(0),
            slots: (0..running).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Marks a free slot with its deadline. There is one for every permit.
    pub(super) fn take(&self, due: u64) -> Option<usize> {
        self.slots.iter().position(|slot| {
            slot.compare_exchange(0, due, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        })
    }

    /// Jobs that run, and those of them that are late.
    pub(super) fn count(&self, now: u64) -> (usize, usize) {
        self.slots
            .iter()
            .map(|slot| slot.load(Ordering::Acquire))
            .filter(|&due| due != 0)
            .fold((0, 0), |(running, stuck), due| (running + 1, stuck + usize::from(due <= now)))
    }
}

/// Milliseconds since the lane was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) epoch: Instant,
    pub(super) deadline: Duration,
}

impl Clock {
    pub(super) fn now(self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When a step that begins now must be done; never 0, which marks a free slot.
    pub(super) fn due(self) -> u64 {
        let deadline = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
        self.now().saturating_add(deadline).max(1)
    }
}

/// A place among those who wait.
pub(super) struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    pub(super) fn take(waiting: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < limit).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The share of the slots that long jobs may take: four of sixteen readers keep a disk busy.
const LONG_DIVISOR: usize = 4;

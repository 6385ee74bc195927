//! What others may see of a transfer under way.

use std::cell::Cell;
use std::time::Instant;

use crate::metrics::Counter;

/// Shared by a transfer and its session in an `Rc`: the one writes, the other reads for STAT and
/// for its idle time.
#[derive(Debug)]
pub struct Progress {
    bytes: Cell<u64>,
    started: Instant,
    moved: Cell<Instant>,
    /// Of all transfers of its kind.
    counter: Counter,
}

impl Progress {
    /// Of a transfer that begins now.
    pub fn new(now: Instant) -> Self {
        Self::counted(now, Counter::default())
    }

    /// The same, whose bytes are counted there too as they move.
    pub(crate) fn counted(now: Instant, counter: Counter) -> Self {
        Self { bytes: Cell::new(0), started: now, moved: Cell::new(now), counter }
    }

    /// Bytes of the data connection so far, those of TLS not counted. A download's were handed to
    /// the kernel, the client need not have them yet.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// When it began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When bytes moved last; the start before that.
    pub fn moved(&self) -> Instant {
        self.moved.get()
    }

    pub(crate) fn add(&self, bytes: u64, now: Instant) {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        self.moved.set(now);
        self.counter.add(bytes);
    }
}

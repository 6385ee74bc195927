//! What others may see of a transfer under way.

use std::cell::Cell;
use std::future::Future;
use std::time::{Duration, Instant};

use crate::metrics::Counter;

/// Shared by a transfer and its session in an `Rc`: the one writes, the other reads for STAT and
/// for its idle time.
#[derive(Debug)]
pub struct Progress {
    bytes: Cell<u64>,
    started: Instant,
    moved: Cell<Instant>,
    first: Cell<Option<Instant>>,
    /// How long the storage was waited for; `None`: that is not measured.
    waited: Cell<Option<Duration>>,
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
        let (first, waited) = (Cell::new(None), Cell::new(None));
        Self { bytes: Cell::new(0), started: now, moved: Cell::new(now), first, waited, counter }
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

    /// When the first bytes moved.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.first.get()
    }

    /// From now on the waits for the storage are measured.
    pub(crate) fn measure(&self) {
        self.waited.set(Some(Duration::ZERO));
    }

    /// How long the storage was waited for, if that was measured.
    pub(crate) fn waited(&self) -> Option<Duration> {
        self.waited.get()
    }

    /// Waits for the storage.
    pub(crate) async fn stored<F: Future>(&self, work: F) -> F::Output {
        let began = self.waited.get().map(|_| Instant::now());
        let done = work.await;
        if let (Some(began), Some(waited)) = (began, self.waited.get()) {
            self.waited.set(Some(waited + began.elapsed()));
        }
        done
    }

    pub(crate) fn add(&self, bytes: u64, now: Instant) {
        if self.first.get().is_none() {
            self.first.set(Some(now));
        }
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        self.moved.set(now);
        self.counter.add(bytes);
    }
}

//! What the clients of a run share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;

use super::arrival::Arrival;
use super::clock::Clock;
use super::mix::{Action, LOGIN};
use super::scenario::Scenario;
use super::tally::Tally;
use crate::client::payload::Payload;
use crate::client::{Error, Protocol, Target};

/// The scenario, the servers and the books.
#[derive(Debug)]
pub(super) struct Shared {
    /// What is to be done.
    pub(super) scenario: Scenario,
    /// The servers, in the order of the scenario's protocols.
    pub(super) targets: Vec<Target>,
    /// What uploads consist of.
    pub(super) payload: Payload,
    /// The time.
    pub(super) clock: Clock,
    /// Numbers for the progress bar and the plots.
    pub(super) gauges: Gauges,
    /// How long a slot of the books is.
    pub(super) slot: Duration,
    /// Clients take turns, so that they seldom wait for each other.
    books: Vec<Mutex<Tally>>,
}

/// Numbers of the moment.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    /// Sessions that are logged in.
    pub(super) sessions: AtomicU64,
    /// The most there were at once.
    pub(super) sessions_max: AtomicU64,
    /// Operations that run.
    pub(super) running: AtomicU64,
    /// Operations that were finished.
    pub(super) done: AtomicU64,
    /// Operations that failed.
    pub(super) failed: AtomicU64,
    /// Arrivals that nobody was free for and that could not wait.
    pub(super) missed: AtomicU64,
}

impl Gauges {
    /// Counts a session that has begun.
    pub(super) fn enter(&self) {
        let before = self.sessions.fetch_add(1, Ordering::Relaxed);
        self.sessions_max.fetch_max(before + 1, Ordering::Relaxed);
    }

    /// Counts a session that has ended.
    pub(super) fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Opens the books.
    pub(super) fn new(scenario: Scenario, targets: Vec<Target>, clock: Clock) -> Result<Self> {
        let slot = (scenario.duration / SLOTS).max(SLOT_MIN);
        let rows = (scenario.mix.tasks().len() + 1) * targets.len();
        let books = (0..BOOKS).map(|_| Tally::new(rows, slot).map(Mutex::new));
        Ok(Self {
            books: books.collect::<Result<_>>()?,
            payload: Payload::new()?,
            gauges: Gauges::default(),
            scenario,
            targets,
            clock,
            slot,
        })
    }

    /// A client's book.
    pub(super) fn book(&self, client: usize) -> Option<MutexGuard<'_, Tally>> {
        let book = self.books.get(client % self.books.len().max(1))?;
        Some(book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All books in one.
    pub(super) fn total(&self) -> Result<Tally> {
        let mut total = Tally::new(self.rows().len(), self.slot)?;
        for client in 0..self.books.len() {
            if let Some(book) = self.book(client) {
                total.add(&book);
            }
        }
        Ok(total)
    }

    /// Counts a failure.
    pub(super) fn fail(&self, client: usize, row: usize, error: &Error) {
        self.gauges.failed.fetch_add(1, Ordering::Relaxed);
        if let Some(mut book) = self.book(client) {
            book.fail(row, error.to_string(), self.clock.now());
        }
    }

    /// Counts an arrival.
    pub(super) fn arrive(&self, arrival: &Arrival) {
        if let Some(mut book) = self.book(usize::try_from(arrival.number).unwrap_or(0)) {
            book.arrive(arrival.due);
        }
    }

    /// Counts an arrival that was never taken up, to the operation that it would have begun with.
    pub(super) fn miss(&self, arrival: &Arrival) {
        self.gauges.missed.fetch_add(1, Ordering::Relaxed);
        let row = self.row(arrival.task, arrival.protocol);
        if let Some(mut book) = self.book(usize::try_from(arrival.number).unwrap_or(0)) {
            book.miss(row, arrival.due);
        }
    }

    /// Notes when an arrival was taken up.
    pub(super) fn start(&self, client: usize, due: Duration) {
        let late = self.clock.now().saturating_sub(due);
        if let Some(mut book) = self.book(client) {
            book.start(late);
        }
    }

    /// The row of a task over a protocol; of the login for `None`. Both are given by their places.
    pub(super) fn row(&self, task: Option<usize>, protocol: usize) -> usize {
        let login = |task: &usize| match self.scenario.mix.tasks().get(*task) {
            Some(task) => task.action == Action::Login,
            None => true,
        };
        let line = task.filter(|task| !login(task)).map_or(0, |task| task + 1);
        line * self.targets.len() + protocol
    }

    /// The names of all rows, and what they are over. Those of tasks that are logins stay empty.
    pub(super) fn rows(&self) -> Vec<(&str, Protocol)> {
        let tasks = self.scenario.mix.tasks().iter().map(|task| task.name.as_str());
        let protocols = || self.targets.iter().map(Target::protocol);
        let row = |name| protocols().map(move |protocol| (name, protocol));
        std::iter::once(LOGIN).chain(tasks).flat_map(row).collect()
    }
}

/// Slots that the time of a run is cut into: as many points as a plot can show.
const SLOTS: u32 = 240;

/// The shortest slot: percentiles of less say little.
const SLOT_MIN: Duration = Duration::from_millis(500);

/// Few processors have more than a few clients that write at the same time.
const BOOKS: usize = 4;

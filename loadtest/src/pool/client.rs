//! A client that follows the name: it logs in where the resolver says, transfers, logs out, and where that
//! fails waits and tries again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::ledger::Ledger;
use super::names::Resolver;
use crate::chance::Chance;
use crate::client::dialer::Dialer;
use crate::client::payload::Payload;
use crate::client::{Session, Target};
use crate::worker::Gate;

/// What all clients do.
pub(super) struct Work {
    /// How a node is spoken to; its address is put in.
    pub(super) target: Target,
    /// Where a node is.
    pub(super) address: fn(u8, u16) -> SocketAddr,
    /// The same port on all nodes, since a name tells none.
    pub(super) port: u16,
    /// Bytes of a file.
    pub(super) size: u64,
    /// What is downloaded.
    pub(super) source: String,
    /// Where the nodes store their files.
    pub(super) files: PathBuf,
    /// Transfers of a session.
    pub(super) transfers: u32,
    /// Attempts at a transfer.
    pub(super) attempts: u32,
    /// Between two transfers.
    pub(super) think: Duration,
    pub(super) payload: Payload,
    pub(super) ledger: Mutex<Ledger>,
    /// Closed when the run is over.
    pub(super) gate: Gate,
}

/// One client, on a thread of its own.
pub(super) struct Client {
    work: Arc<Work>,
    resolver: Arc<Resolver>,
    chance: Chance,
    number: usize,
    uploads: u64,
    dialers: BTreeMap<u8, Dialer>,
    session: Option<Open>,
}

struct Open {
    node: u8,
    session: Session,
    /// Transfers until it logs out.
    left: u32,
}

/// A transfer that succeeded.
struct Done {
    node: u8,
    bytes: u64,
    /// When its last reply had come; what is done after that is no part of it.
    at: Instant,
}

/// A transfer; the same at each attempt.
enum Job {
    Download,
    Upload(String),
}

impl Client {
    pub(super) fn new(
        work: &Arc<Work>,
        resolver: &Arc<Resolver>,
        chance: Chance,
        number: usize,
    ) -> Self {
        Self {
            work: Arc::clone(work),
            resolver: Arc::clone(resolver),
            chance,
            number,
            uploads: 0,
            dialers: BTreeMap::new(),
            session: None,
        }
    }

    /// Works until the gate closes.
    pub(super) fn run(mut self) -> Result<()> {
        while !self.work.gate.stopped() {
            let job = self.next_job();
            self.carry_out(&job)?;
            self.work.gate.sleep(self.work.think);
        }
        if let Some(open) = self.session.take() {
            // The run is over: how this ends changes nothing.
            let _ = open.session.quit();
        }
        Ok(())
    }

    fn next_job(&mut self) -> Job {
        if self.chance.below(2) == 0 {
            return Job::Download;
        }
        self.uploads += 1;
        Job::Upload(format!("pool-{}-{}.bin", self.number, self.uploads))
    }

    fn carry_out(&mut self, job: &Job) -> Result<()> {
        let begun = Instant::now();
        let mut wait = WAIT_LEAST;
        for attempt in 1..=self.work.attempts {
            if let Some(Done { node, bytes, at }) = self.attempt(job)? {
                let is_there = self.is_stored(job);
                let mut ledger = self.ledger();
                ledger.on_done(node, attempt, at.saturating_duration_since(begun), bytes);
                ledger.counts.vanished += u64::from(!is_there);
                return Ok(());
            }
            if self.work.gate.stopped() {
                self.ledger().counts.unfinished += 1;
                return Ok(());
            }
            if attempt < self.work.attempts {
                self.work.gate.sleep(wait);
                wait = (wait * 2).min(WAIT_MOST);
            }
        }
        self.ledger().counts.failed += 1;
        Ok(())
    }

    /// One attempt, if it succeeded. What failed is in the ledger then.
    fn attempt(&mut self, job: &Job) -> Result<Option<Done>> {
        if self.session.is_none() {
            self.session = self.open()?;
        }
        let Some(mut open) = self.session.take() else { return Ok(None) };
        let work = Arc::clone(&self.work);
        let moved = match job {
            Job::Download => open.session.download(&work.source, work.size),
            Job::Upload(name) => open.session.upload(name, &work.payload, work.size),
        };
        let (node, at) = (open.node, Instant::now());
        match moved {
            Ok(moved) => {
                open.left = open.left.saturating_sub(1);
                if open.left > 0 {
                    self.session = Some(open);
                } else if let Err(error) = open.session.quit() {
                    self.ledger().on_broken(node, &error, Instant::now());
                }
                Ok(Some(Done { node, bytes: moved.bytes, at }))
            }
            Err(error) => {
                self.ledger().on_broken(node, &error, Instant::now());
                Ok(None)
            }
        }
    }

    /// Logs in at the first node of the answer that lets it in.
    fn open(&mut self) -> Result<Option<Open>> {
        let answer = self.resolver.resolve(Instant::now());
        if answer.is_empty() {
            self.ledger().on_unresolved(Instant::now());
        }
        for node in answer {
            self.ledger().on_came(node, Instant::now());
            let opened = self.dialer(node)?.open().and_then(|mut session| {
                session.prepare()?;
                Ok(session)
            });
            match opened {
                Ok(session) => {
                    self.ledger().on_session(node, Instant::now());
                    return Ok(Some(Open { node, session, left: self.work.transfers }));
                }
                Err(error) => self.ledger().on_refused(node, &error, Instant::now()),
            }
        }
        Ok(None)
    }

    fn dialer(&mut self, node: u8) -> Result<&Dialer> {
        use std::collections::btree_map::Entry;
        let work = &self.work;
        Ok(match self.dialers.entry(node) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let address = (work.address)(node, work.port);
                entry.insert(Dialer::new(&Target { address, ..work.target.clone() })?)
            }
        })
    }

    /// Whether an upload that was acknowledged lies in the storage; then it goes.
    fn is_stored(&self, job: &Job) -> bool {
        let Job::Upload(name) = job else { return true };
        let path = self.work.files.join(name);
        let is_there = std::fs::metadata(&path).is_ok_and(|facts| facts.len() == self.work.size);
        let _ = std::fs::remove_file(&path);
        is_there
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.work.ledger()
    }
}

impl Work {
    /// The counts; a client that failed left them whole.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Not derived: sessions and dialers hold what says nothing to a reader.
impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "client {}", self.number)
    }
}

/// Between the first attempt and the second; then twice as long each time.
const WAIT_LEAST: Duration = Duration::from_millis(250);
const WAIT_MOST: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests;

//! Closed-loop work: each client starts its next operation when the last one is done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvError};
use std::sync::{Arc, RwLock};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::client::dialer::Dialer;
use crate::client::payload::Payload;
use crate::client::{Error, Moved, Passive, Session};
use crate::cpu::{self, Probe};
use crate::report::{self, Outcome};
use crate::scenario::{Plan, Scenario};

/// What the clients of a run share: how much may still be done, and how much was.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Set by Ctrl-C: no operation starts any more.
    pub(crate) stop: AtomicBool,
    /// Operations that were finished, for the progress bar.
    pub(crate) done: AtomicU64,
}

impl Gate {
    /// Whether the run was interrupted.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sleeps, but not past an interruption.
    pub(crate) fn sleep(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.stopped() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(STOP_LATENCY));
        }
    }
}

/// Runs a plan and measures it. The sessions are opened, and the files made, before the clock and
/// the server's processor time start.
pub(crate) fn measure(plan: &Plan, probe: Option<&Probe>, gate: &Gate) -> Result<Outcome> {
    if let (Some(processor), Some(probe)) = (plan.placement.server(), probe) {
        probe.pin(processor)?;
    }
    let outcome = match plan.scenario {
        Scenario::Idle => crate::idle::measure(plan, probe, gate),
        _ => run(plan, probe, gate),
    };
    outcome.with_context(|| plan.scenario.name())
}

fn run(plan: &Plan, probe: Option<&Probe>, gate: &Gate) -> Result<Outcome> {
    let payload = Arc::new(Payload::new()?);
    prepare_files(plan, &payload)?;
    let workers: Vec<_> = (0..plan.clients)
        .map(|index| Worker::new(plan, Arc::clone(&payload), index))
        .collect::<Result<_>>()?;
    let tickets = AtomicU64::new(plan.count.unwrap_or(u64::MAX));
    // Held while the sessions are opened.
    let start = RwLock::new(());
    let (ready, opened) = mpsc::channel();
    let (parts, before, beside_before, begin) = std::thread::scope(|scope| -> Result<_> {
        let held = start.write();
        let mut threads = Vec::new();
        for mut worker in workers {
            let (ready, start, tickets) = (ready.clone(), &start, &tickets);
            let body = move || {
                if let Some(processor) = plan.placement.client() {
                    cpu::pin_self(processor).ok();
                }
                worker.open_or_fail();
                drop(ready);
                drop(start.read());
                worker.work(tickets, gate)
            };
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, body);
            // Those that run already must find nothing to do.
            threads.push(thread.inspect_err(|_| tickets.store(0, Ordering::Relaxed))?);
        }
        drop(ready);
        // Nothing is ever sent: the channel ends when every client has dropped its side.
        let (Ok(()) | Err(RecvError)) = opened.recv();
        // What the logins set off in the server must not be counted to the work.
        std::thread::sleep(SETTLE);
        let before = probe.map(Probe::time).transpose();
        let beside = times(&plan.beside);
        let begin = Instant::now();
        drop(held);
        let parts: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
        Ok((parts, before, beside, begin))
    })?;
    let elapsed = begin.elapsed();
    std::thread::sleep(SETTLE);
    let after = probe.map(Probe::time).transpose()?;
    let beside_after = times(&plan.beside)?;
    let mut outcome = Outcome::new(plan)?;
    for part in parts {
        let (part, _session) = part.map_err(|_| anyhow!("a client failed"))?;
        outcome.add(part);
    }
    outcome.elapsed = elapsed;
    outcome.cpu = after.zip(before?).map(|(after, before)| after.saturating_sub(before));
    let spent = beside_after.iter().zip(beside_before?);
    outcome.beside = spent.map(|(after, before)| after.saturating_sub(before)).collect();
    Ok(outcome)
}

fn times(probes: &[Probe]) -> Result<Vec<Duration>> {
    probes.iter().map(Probe::time).collect()
}

/// Stores what will be downloaded, unless it is there in that size.
fn prepare_files(plan: &Plan, payload: &Payload) -> Result<()> {
    let mut session = Dialer::new(&plan.target)?.open()?;
    session.prepare()?;
    let reads = [Scenario::Download, Scenario::SmallDownload, Scenario::FirstByte];
    if reads.contains(&plan.scenario) {
        let path = source(plan);
        if session.size(&path)? != Some(plan.size) {
            session.upload(&path, payload, plan.size)?;
        }
    }
    session.quit()?;
    Ok(())
}

fn source(plan: &Plan) -> String {
    plan.path(&format!("loadtest-{}.bin", plan.size))
}

/// What one client has to say.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) latency: report::Latency,
    pub(crate) moved: Moved,
    pub(crate) operations: u64,
    pub(crate) resumed: u64,
    pub(crate) truncated: u64,
    pub(crate) errors: BTreeMap<String, u64>,
}

struct Worker<'a> {
    plan: &'a Plan,
    payload: Arc<Payload>,
    upload: String,
    dialer: Dialer,
    session: Option<Session>,
    part: Part,
}

impl<'a> Worker<'a> {
    fn new(plan: &'a Plan, payload: Arc<Payload>, index: usize) -> Result<Self> {
        let upload = plan.path(&format!("loadtest-up-{index}.bin"));
        let part = Part {
            latency: report::latency()?,
            moved: Moved::default(),
            operations: 0,
            resumed: 0,
            truncated: 0,
            errors: BTreeMap::new(),
        };
        let dialer = Dialer::new(&plan.target)?;
        Ok(Self { plan, payload, upload, dialer, session: None, part })
    }

    /// Logs in ahead of the work, where logging in is not the work.
    fn open(&mut self) -> Result<(), Error> {
        if self.plan.scenario != Scenario::Login {
            let mut session = self.dialer.open()?;
            session.prepare()?;
            self.session = Some(session);
        }
        Ok(())
    }

    fn open_or_fail(&mut self) {
        if let Err(error) = self.open() {
            self.fail(&error);
        }
    }

    /// Works until a bound is reached. Gives the session back, so that it ends after the server's
    /// time was read.
    fn work(mut self, tickets: &AtomicU64, gate: &Gate) -> (Part, Option<Session>) {
        let end = self.plan.duration.map(|duration| Instant::now() + duration);
        let take = |left: u64| left.checked_sub(1);
        loop {
            let start = Instant::now();
            let late = end.is_some_and(|end| start >= end);
            let relaxed = Ordering::Relaxed;
            if late || gate.stopped() || tickets.fetch_update(relaxed, relaxed, take).is_err() {
                return (self.part, self.session);
            }
            match self.operate() {
                Ok(moved) => {
                    let took = moved.timed.unwrap_or_else(|| start.elapsed());
                    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    self.part.latency.saturating_record(nanos);
                    self.part.add(moved);
                }
                Err(error) => {
                    self.session = None;
                    self.fail(&error);
                    gate.sleep(PENALTY);
                }
            }
            gate.done.fetch_add(1, relaxed);
        }
    }

    fn fail(&mut self, error: &Error) {
        *self.part.errors.entry(error.to_string()).or_default() += 1;
    }

    fn operate(&mut self) -> Result<Moved, Error> {
        let plan = self.plan;
        if plan.scenario == Scenario::Login {
            self.dialer.open()?.quit()?;
            return Ok(Moved::default());
        }
        if self.session.is_none() {
            self.open()?;
        }
        let Some(session) = &mut self.session else { return Err(Error::Closed("session")) };
        Ok(match plan.scenario {
            Scenario::Noop => session.noop().map(|()| Moved::default())?,
            Scenario::Pwd => session.pwd().map(|()| Moved::default())?,
            Scenario::Pasv => session.offer(Passive::Short)?,
            Scenario::Epsv => session.offer(Passive::Extended)?,
            Scenario::FirstByte => session.first_byte(&source(plan))?,
            Scenario::List => session.list(&plan.listing)?,
            Scenario::Mlsd => session.mlsd(&plan.listing)?,
            Scenario::Download | Scenario::SmallDownload => {
                session.download(&source(plan), plan.size)?
            }
            Scenario::Upload | Scenario::SmallUpload => {
                session.upload(&self.upload, &self.payload, plan.size)?
            }
            Scenario::Login | Scenario::Idle => Moved::default(),
        })
    }
}

impl Part {
    fn add(&mut self, moved: Moved) {
        self.operations += 1;
        self.moved.bytes += moved.bytes;
        self.moved.entries += moved.entries;
        self.resumed += u64::from(moved.resumed);
        self.truncated += u64::from(moved.truncated);
    }
}

/// How late an interruption may be noticed.
const STOP_LATENCY: Duration = Duration::from_millis(50);

/// What the server may take to finish work whose last reply was sent, such as ending a process.
const SETTLE: Duration = Duration::from_millis(100);

/// A client that failed waits, so that a server that refuses is not hammered.
const PENALTY: Duration = Duration::from_millis(10);

/// A client's stack: the handshakes of TLS and SSH need the most, some tens of KiB.
const STACK: usize = 1024 * 1024;

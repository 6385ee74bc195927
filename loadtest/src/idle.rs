//! Sessions that do nothing: what each costs in memory, and what all cost the others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::client::dialer::Dialer;
use crate::client::{Error, Session};
use crate::cpu::{self, Probe};
use crate::report::{Idle, Outcome};
use crate::scenario::Plan;
use crate::worker::Gate;

/// Opens the sessions, watches the server while they idle, and measures the NOOP of one more.
pub(crate) fn measure(plan: &Plan, probe: Option<&Probe>, gate: &Gate) -> Result<Outcome> {
    let mut outcome = Outcome::new(plan)?;
    // The first login makes what the server keeps for good: caches, threads, tables.
    let dialer = Dialer::new(&plan.target)?;
    dialer.open()?.quit()?;
    let before = probe.map(Probe::memory).transpose()?;
    let cpu_before = probe.map(Probe::time).transpose()?;
    let begin = Instant::now();
    let sessions = open_all(plan, gate, &mut outcome)?;
    outcome.elapsed = begin.elapsed();
    outcome.operations = sessions.len() as u64;
    gate.sleep(plan.watch / 5);
    let cpu_after = probe.map(Probe::time).transpose()?;
    outcome.cpu = cpu_after.zip(cpu_before).map(|(after, before)| after.saturating_sub(before));

    let after = probe.map(Probe::memory).transpose()?;
    let watched = Instant::now();
    let idle_before = probe.map(Probe::time).transpose()?;
    gate.sleep(plan.watch);
    let idle_after = probe.map(Probe::time).transpose()?;
    let watched = watched.elapsed();
    outcome.idle = Some(Idle {
        sessions: sessions.len(),
        memory_per_session: before.zip(after).map(|(before, after)| {
            after.saturating_sub(before) as f64 / (sessions.len().max(1)) as f64
        }),
        cpu_per_second: idle_after.zip(idle_before).map(|(after, before)| {
            after.saturating_sub(before).as_secs_f64() / watched.as_secs_f64()
        }),
    });
    if let (Some(processor), Some(probe)) = (plan.placement.server(), probe) {
        probe.pin(processor)?;
    }
    if let Some(processor) = plan.placement.client() {
        cpu::pin_self(processor)?;
    }
    let one_more = noops(&dialer, gate, &mut outcome);
    if plan.placement.client().is_some() {
        cpu::unpin_self()?;
    }
    if let Err(error) = one_more {
        *outcome.errors.entry(error.to_string()).or_default() += 1;
    }
    Ok(outcome)
}

fn open_all(plan: &Plan, gate: &Gate, outcome: &mut Outcome) -> Result<Vec<Session>> {
    let next = AtomicUsize::new(0);
    let open = |dialer: Dialer| {
        let mut sessions = Vec::new();
        let mut errors = Vec::new();
        while next.fetch_add(1, Ordering::Relaxed) < plan.sessions && !gate.stopped() {
            match dialer.open() {
                Ok(session) => sessions.push(session),
                Err(error) => errors.push(error),
            }
            gate.done.fetch_add(1, Ordering::Relaxed);
        }
        (sessions, errors)
    };
    let dialers: Vec<_> =
        (0..plan.clients).map(|_| Dialer::new(&plan.target)).collect::<Result<_>>()?;
    let parts = std::thread::scope(|scope| {
        let handles: Vec<_> =
            dialers.into_iter().map(|dialer| scope.spawn(move || open(dialer))).collect();
        handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut all = Vec::with_capacity(plan.sessions);
    for part in parts {
        let (sessions, errors) = part.map_err(|_| anyhow!("a client failed"))?;
        all.extend(sessions);
        for error in errors {
            *outcome.errors.entry(error.to_string()).or_default() += 1;
        }
    }
    Ok(all)
}

fn noops(dialer: &Dialer, gate: &Gate, outcome: &mut Outcome) -> Result<(), Error> {
    let mut session = dialer.open()?;
    for _ in 0..NOOPS {
        if gate.stopped() {
            break;
        }
        let start = Instant::now();
        session.noop()?;
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        outcome.latency.saturating_record(nanos);
    }
    session.quit()
}

/// Round trips of the one more session: enough for a p99 of 20 samples.
const NOOPS: usize = 2000;

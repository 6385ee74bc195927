//! What is looked at while a run goes on: the server's costs, the sessions, the time that is left.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::pace::Crew;
use super::shared::Shared;
use crate::cpu::Probe;
use crate::worker::Gate;

/// One look at a server and at this tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// When.
    pub(super) at: Duration,
    /// Sessions that were logged in.
    pub(super) sessions: u64,
    /// The server's processor time so far.
    pub(super) cpu: Option<Duration>,
    /// The server's memory, bytes.
    pub(super) memory: Option<u64>,
    /// This tool's own processor time so far.
    pub(super) own: Duration,
}

/// What was seen of a run.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The server's memory before the first session, bytes.
    pub(super) memory_before: Option<u64>,
    /// From the beginning of the time to its end.
    pub(super) looks: Vec<Look>,
    /// When what ran at the end had ended as well, or had no more time for it.
    pub(super) last: Look,
    /// Whether the run was ended before its time.
    pub(super) interrupted: bool,
}

/// Looks at each slot's end.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    shared: &'a Shared,
    probe: Option<&'a Probe>,
    own: Probe,
    memory_before: Option<u64>,
    looks: Vec<Look>,
}

impl<'a> Watch<'a> {
    /// Looks at the server's memory; there are no sessions yet.
    pub(super) fn new(shared: &'a Shared, probe: Option<&'a Probe>) -> Self {
        let own = Probe::new(std::process::id(), None);
        let memory_before = probe.and_then(memory);
        Self { shared, probe, own, memory_before, looks: Vec::new() }
    }

    fn look(&self) -> Result<Look> {
        // A server that ended is not an end of the run: its clients say what is wrong. What processes
        // took with them that nobody waited for was spent all the same.
        let spent = self.looks.last().and_then(|look| look.cpu);
        Ok(Look {
            cpu: self.probe.and_then(|probe| probe.time().ok()).max(spent),
            memory: self.probe.and_then(memory),
            at: self.shared.clock.now(),
            sessions: self.shared.gauges.sessions.load(Ordering::Relaxed),
            own: self.own.time()?,
        })
    }

    /// Watches to the end of the time or to an interruption, and then until what runs has ended or
    /// its time is over. Gives back what it saw.
    pub(super) fn run(mut self, crew: &Crew, gate: &Gate) -> Result<Seen> {
        let shared = self.shared;
        self.looks.push(self.look()?);
        let bar = bar(shared);
        let mut next = shared.slot;
        loop {
            let now = shared.clock.now();
            if gate.stopped() || now >= shared.scenario.duration {
                break;
            }
            if now >= next {
                self.looks.push(self.look()?);
                next += shared.slot;
            }
            show(shared, &bar, now);
            let left = shared.scenario.duration.saturating_sub(now).min(REFRESH);
            std::thread::sleep(left.min(next.saturating_sub(now)));
        }
        let interrupted = gate.stopped();
        self.looks.push(self.look()?);
        shared.clock.stop();
        let patience = if interrupted { IMPATIENCE } else { shared.scenario.drain };
        let end = shared.clock.now().saturating_add(patience);
        bar.set_prefix("waiting for the last");
        while !crew.is_done() && shared.clock.now() < end {
            show(shared, &bar, shared.clock.now());
            std::thread::sleep(DRAIN_REFRESH);
            // An interruption shortens the wait as well.
            if gate.stopped() && !interrupted {
                break;
            }
        }
        crew.dismiss(shared);
        let last = self.look()?;
        bar.finish_and_clear();
        let (memory_before, looks) = (self.memory_before, self.looks);
        Ok(Seen { memory_before, looks, last, interrupted: interrupted || gate.stopped() })
    }
}

/// A server's memory in bytes; `None` if it has ended or may not be looked at.
fn memory(probe: &Probe) -> Option<u64> {
    probe.memory().ok().filter(|bytes| *bytes > 0)
}

/// A bar on a terminal, nothing elsewhere.
fn bar(shared: &Shared) -> ProgressBar {
    let length = u64::try_from(shared.scenario.duration.as_millis()).unwrap_or(u64::MAX);
    let bar = ProgressBar::new(length);
    let form = "{prefix} {elapsed} {wide_bar} {percent} % {msg}";
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar.set_prefix(shared.scenario.title.clone());
    bar
}

fn show(shared: &Shared, bar: &ProgressBar, now: Duration) {
    let load = |gauge: &std::sync::atomic::AtomicU64| gauge.load(Ordering::Relaxed);
    let gauges = &shared.gauges;
    let (done, failed, missed) = (load(&gauges.done), load(&gauges.failed), load(&gauges.missed));
    let sessions = load(&gauges.sessions);
    bar.set_position(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    let missed = if missed > 0 { format!(", {missed} missed") } else { String::new() };
    bar.set_message(format!("{sessions} sessions, {done} done, {failed} failed{missed}"));
}

/// Visible, and nothing beside the load.
const REFRESH: Duration = Duration::from_millis(250);
const DRAIN_REFRESH: Duration = Duration::from_millis(20);

/// What runs gets so much time after Ctrl-C.
const IMPATIENCE: Duration = Duration::from_secs(2);

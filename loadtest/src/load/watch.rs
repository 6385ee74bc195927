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

/// Looks at each slot's end.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    shared: &'a Shared,
    probe: Option<&'a Probe>,
    own: Probe,
    looks: Vec<Look>,
}

impl<'a> Watch<'a> {
    /// Looks for the first time.
    pub(super) fn new(shared: &'a Shared, probe: Option<&'a Probe>) -> Result<Self> {
        let own = Probe::new(std::process::id(), None);
        let mut watch = Self { shared, probe, own, looks: Vec::new() };
        watch.look()?;
        Ok(watch)
    }

    fn look(&mut self) -> Result<()> {
        // A server that ended is not an end of the run: its clients say what is wrong. What processes
        // took with them that nobody waited for was spent all the same.
        let spent = self.looks.last().and_then(|look| look.cpu);
        let cpu = self.probe.and_then(|probe| probe.time().ok()).max(spent);
        let memory = self.probe.and_then(|probe| probe.memory().ok());
        self.looks.push(Look {
            at: self.shared.clock.now(),
            sessions: self.shared.gauges.sessions.load(Ordering::Relaxed),
            cpu,
            memory: memory.filter(|bytes| *bytes > 0),
            own: self.own.time()?,
        });
        Ok(())
    }

    /// Watches to the end of the time or to an interruption, and then until what runs has ended or
    /// its time is over. Gives back what it saw, and whether it was interrupted.
    pub(super) fn run(mut self, crew: &Crew, gate: &Gate) -> Result<(Vec<Look>, bool)> {
        let shared = self.shared;
        let bar = bar(shared);
        let mut next = shared.slot;
        loop {
            let now = shared.clock.now();
            if gate.stopped() || now >= shared.scenario.duration {
                break;
            }
            if now >= next {
                self.look()?;
                next += shared.slot;
            }
            show(shared, &bar, now);
            let left = shared.scenario.duration.saturating_sub(now).min(REFRESH);
            std::thread::sleep(left.min(next.saturating_sub(now)));
        }
        let interrupted = gate.stopped();
        self.look()?;
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
        bar.finish_and_clear();
        Ok((self.looks, interrupted || gate.stopped()))
    }
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

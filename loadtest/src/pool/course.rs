//! How a run goes: events when they are due, nodes that end, and what followed from each event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::client::Work;
use super::fleet::Fleet;
use super::names::Zone;
use super::script::{Deed, Script};

/// Something that happened, and what followed. Times are in seconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Happened {
    /// Since the clients began.
    pub(super) at_s: f64,
    pub(super) what: String,
    pub(super) node: u8,
    /// A killed or drained node: until the last client came to it; `None`: nobody came any more.
    pub(super) last_client_s: Option<f64>,
    /// And how long nobody had come when the run ended, or the node was started again.
    pub(super) quiet_s: Option<f64>,
    /// Clients that it did not let in since.
    pub(super) refused: u64,
    /// Sessions that broke on it since, and such as it ended with 421.
    pub(super) lost: u64,
    pub(super) sent_away: u64,
    /// A drained node: until its process ended.
    pub(super) ended_s: Option<f64>,
    /// A started node: until the name had it.
    pub(super) named_s: Option<f64>,
    /// And until its first session.
    pub(super) first_session_s: Option<f64>,
    /// How the process ended, if by itself.
    pub(super) status: Option<String>,
    /// Whether something went wrong that no script asked for.
    pub(super) is_fault: bool,
}

/// The events of a run.
pub(super) struct Course<'a> {
    fleet: &'a mut Fleet<'a>,
    work: Arc<Work>,
    zone: Arc<Zone>,
    begun: Instant,
    happened: Vec<Open>,
}

/// An event whose consequences are still counted.
struct Open {
    happened: Happened,
    at: Instant,
    /// The counts of the node when it happened.
    before: (u64, u64, u64),
    is_settled: bool,
    goes: bool,
}

impl<'a> Course<'a> {
    pub(super) fn new(
        fleet: &'a mut Fleet<'a>,
        work: &Arc<Work>,
        zone: &Arc<Zone>,
        begun: Instant,
    ) -> Self {
        let (work, zone) = (Arc::clone(work), Arc::clone(zone));
        Self { fleet, work, zone, begun, happened: Vec::new() }
    }

    /// Does what is due, and looks after the nodes.
    pub(super) fn tick(&mut self, script: &mut Script) -> Result<()> {
        for event in script.take_due(self.begun.elapsed()) {
            match event.deed()? {
                Deed::Kill(node) => self.act(node, "kill", Fleet::kill),
                Deed::Drain(node) => self.act(node, "drain", Fleet::drain),
                Deed::Start(node) => self.act(node, "start", Fleet::start),
                Deed::Scale(nodes) => {
                    let (more, fewer) = self.fleet.scale(nodes);
                    for node in more {
                        self.act(node, "start", Fleet::start);
                    }
                    for node in fewer {
                        self.act(node, "drain", Fleet::drain);
                    }
                }
            }
        }
        self.look_at_ends()?;
        self.look_at_starts();
        Ok(())
    }

    /// Does it, and writes down that it happened or could not.
    fn act(&mut self, node: u8, what: &str, deed: impl FnOnce(&mut Fleet<'a>, u8) -> Result<()>) {
        self.settle(node);
        let at = Instant::now();
        self.begin(node, what, at);
        if what == "start" {
            self.work.ledger().forget_first(node);
        }
        let result = deed(self.fleet, node);
        eprintln!("{:.1} s: {what} node {node}", (at - self.begun).as_secs_f64());
        if let (Err(error), Some(open)) = (result, self.happened.last_mut()) {
            eprintln!("  failed: {error:#}");
            open.happened.status = Some(format!("{error:#}"));
            open.happened.is_fault = true;
            open.is_settled = true;
        }
    }

    fn begin(&mut self, node: u8, what: &str, at: Instant) {
        let tally = self.work.ledger().nodes.get(&node).copied().unwrap_or_default();
        self.happened.push(Open {
            happened: Happened {
                at_s: (at - self.begun).as_secs_f64(),
                what: what.to_owned(),
                node,
                ..Happened::default()
            },
            at,
            before: (tally.refused, tally.lost, tally.sent_away),
            is_settled: false,
            goes: what != "start",
        });
    }

    /// Nodes whose process has ended.
    fn look_at_ends(&mut self) -> Result<()> {
        for end in self.fleet.ended()? {
            let at = Instant::now();
            if !end.was_told {
                self.settle(end.node);
                self.begin(end.node, "ended by itself", at);
                eprintln!("node {} ended by itself: {}", end.node, end.status);
            }
            let of = |open: &&mut Open| open.happened.node == end.node && !open.is_settled;
            if let Some(open) = self.happened.iter_mut().rev().find(of) {
                open.happened.ended_s = Some((at - open.at).as_secs_f64());
                open.happened.is_fault = !end.was_told || !end.status.success();
                open.happened.status = Some(end.status.to_string());
            }
        }
        Ok(())
    }

    /// Nodes that were started and are under the name now.
    fn look_at_starts(&mut self) {
        let records = self.zone.records();
        for open in self.happened.iter_mut().filter(|open| !open.goes && !open.is_settled) {
            let is_named = records.iter().any(|record| record.node == open.happened.node);
            if is_named && open.happened.named_s.is_none() {
                open.happened.named_s = Some(open.at.elapsed().as_secs_f64());
            }
        }
    }

    /// Counts what followed from the last event of a node, since another one comes or the run ends.
    fn settle(&mut self, node: u8) {
        let now = Instant::now();
        let tally = self.work.ledger().nodes.get(&node).copied().unwrap_or_default();
        let of = |open: &&mut Open| open.happened.node == node && !open.is_settled;
        for open in self.happened.iter_mut().filter(of) {
            open.is_settled = true;
            let since = |then: Instant| then.checked_duration_since(open.at);
            let seconds = |time: Duration| time.as_secs_f64();
            let happened = &mut open.happened;
            if open.goes {
                let last = tally.came.and_then(since);
                happened.last_client_s = last.map(seconds);
                let quiet = (now - open.at).saturating_sub(last.unwrap_or_default());
                happened.quiet_s = Some(seconds(quiet));
            } else {
                happened.first_session_s = tally.first.and_then(since).map(seconds);
            }
            let (refused, lost, sent_away) = open.before;
            happened.refused = tally.refused - refused;
            happened.lost = tally.lost - lost;
            happened.sent_away = tally.sent_away - sent_away;
        }
    }

    /// All that happened, counted to now.
    pub(super) fn finish(mut self) -> Vec<Happened> {
        let nodes: Vec<u8> = self.happened.iter().map(|open| open.happened.node).collect();
        for node in nodes {
            self.settle(node);
        }
        self.happened.into_iter().map(|open| open.happened).collect()
    }

    /// How many nodes run.
    pub(super) fn count(&self) -> usize {
        self.fleet.count()
    }
}

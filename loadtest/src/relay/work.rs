//! Transfers and commands, directly and through another node.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};

use super::pool::{Pool, Way};
use crate::client::Protocol;
use crate::figures::Figures;
use crate::ground::{Ground, LARGE};
use crate::limits::splice;
use crate::report::Summary;
use crate::run::Progress;
use crate::scenario::{Plan, Scenario};
use crate::worker::{self, Gate};

/// What a round needs.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) pool: &'a Pool,
    pub(super) ground: &'a Ground,
    pub(super) duration: Duration,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) figures: &'a mut Figures,
}

/// What one measurement brought.
struct Cost {
    /// Processor seconds per unit on the node that has the session.
    owner: f64,
    /// And on the one that carries its data connections.
    relaying: f64,
    summary: Summary,
}

impl Work<'_> {
    /// Large transfers.
    pub(super) fn bulk(&mut self) -> Result<()> {
        let rows = [
            ("download", Scenario::Download, Protocol::Ftp),
            ("upload", Scenario::Upload, Protocol::Ftp),
            ("download, FTPS", Scenario::Download, Protocol::Ftps),
            ("upload, FTPS", Scenario::Upload, Protocol::Ftps),
        ];
        for (name, scenario, protocol) in rows {
            for way in [Way::Straight, Way::Relayed] {
                let Some(cost) = self.measure(name, scenario, protocol, way)? else { continue };
                if way == Way::Relayed {
                    let what = format!("{name}, relayed: relaying node");
                    self.figures.add(&what, "CPU s/GiB", Some(RELAYED_GIB), cost.relaying);
                }
                let way = way.name();
                self.figures.add(&format!("{name}, {way}: owner"), "CPU s/GiB", None, cost.owner);
                let rate = cost.summary.mebibytes_per_second;
                self.figures.add(&format!("{name}, {way}"), "MiB/s", None, rate);
            }
        }
        if !self.gate.stopped() {
            let (spent, rate) = splice::measure(&self.ground.files.join(LARGE))?;
            self.figures.add("splice between two sockets, one thread", "CPU s/GiB", None, spent);
            self.figures.add("splice between two sockets", "MiB/s", None, rate);
        }
        Ok(())
    }

    /// The first byte of a transfer, and what a small one costs.
    pub(super) fn setup(&mut self) -> Result<()> {
        let mut first = [None; 2];
        for (way, first) in [Way::Straight, Way::Relayed].into_iter().zip(&mut first) {
            let (scenario, protocol) = (Scenario::FirstByte, Protocol::Ftp);
            let Some(cost) = self.measure("first byte", scenario, protocol, way)? else { continue };
            let Summary { latency_p50_us: p50, latency_p99_us: p99, .. } = cost.summary;
            *first = Some(p50);
            let name = way.name();
            self.figures.add(&format!("connect to first byte, {name}: p50"), "us", None, p50);
            self.figures.add(&format!("connect to first byte, {name}: p99"), "us", None, p99);
            self.figures.add(&format!("1 KiB, {name}: owner"), "CPU us", None, cost.owner * 1e6);
            if way == Way::Relayed {
                let relaying = cost.relaying * 1e6;
                self.figures.add("1 KiB, relayed: relaying node", "CPU us", None, relaying);
            }
        }
        if let [Some(straight), Some(relayed)] = first {
            let more = relayed - straight;
            self.figures.add("connect to first byte, relayed: more", "us", None, more);
        }
        let noop = self.measure("NOOP", Scenario::Noop, Protocol::Ftp, Way::Straight)?;
        if let Some(noop) = noop {
            let p50 = noop.summary.latency_p50_us;
            self.figures.add("a round trip (NOOP): p50", "us", None, p50);
        }
        Ok(())
    }

    /// Passive ports and direct transfers of a node that shares its ports, and of one that does not.
    pub(super) fn passive(&mut self) -> Result<()> {
        let rows = [
            ("PASV, connect, close", Scenario::Pasv),
            ("EPSV, connect, close", Scenario::Epsv),
            ("1 KiB download, 8 clients", Scenario::SmallDownload),
        ];
        for (name, scenario) in rows {
            let mut spent = [None; 2];
            for (way, spent) in [Way::Direct, Way::Straight].into_iter().zip(&mut spent) {
                let Some(cost) = self.measure(name, scenario, Protocol::Ftp, way)? else {
                    continue;
                };
                *spent = Some(cost.owner);
                let mode = way.mode();
                self.figures.add(&format!("{name}, {mode}"), "CPU us", None, cost.owner * 1e6);
                let (what, p50) = match scenario {
                    Scenario::SmallDownload => ("p50", cost.summary.latency_p50_us),
                    _ => ("to the reply p50", cost.summary.latency_p50_us),
                };
                self.figures.add(&format!("{name}, {mode}: {what}"), "us", None, p50);
            }
            if let [Some(direct), Some(shared)] = spent {
                let what = format!("{name}: shared by direct");
                self.figures.add(&what, "of the CPU", Some(SAME), shared / direct);
            }
        }
        Ok(())
    }

    /// One measurement; `None` if it was interrupted.
    fn measure(
        &mut self,
        name: &str,
        scenario: Scenario,
        protocol: Protocol,
        way: Way,
    ) -> Result<Option<Cost>> {
        if self.gate.stopped() {
            return Ok(None);
        }
        let pool = self.pool;
        let mut plan = Plan::new(scenario, pool.target(way, protocol)?);
        plan.duration = Some(self.duration);
        plan.beside = vec![pool.relaying.probe().clone()];
        let node = if way == Way::Direct { &pool.direct } else { &pool.owner };
        let before = pool.relaying.desk().metric(SENT)?;
        let bar = Progress::start(&plan, self.gate);
        let outcome = worker::measure(&plan, Some(node.probe()), self.gate);
        drop(bar);
        let summary = outcome?.summary();
        for (kind, count) in &summary.errors {
            self.figures.fail(&format!("{name}, {}", way.name()), kind, *count);
        }
        // No figure without what it claims to measure.
        let relayed = pool.relaying.desk().metric(SENT)? - before;
        let is_relayed = way == Way::Relayed && relayed >= summary.operations;
        if !is_relayed && (way == Way::Relayed || relayed > 0) {
            bail!("{name}, {}: {relayed} of {} were relayed", way.name(), summary.operations);
        }
        let relaying = summary.beside_cpu_seconds_per_unit.first().copied();
        let (Some(owner), Some(relaying)) = (summary.cpu_seconds_per_unit, relaying) else {
            bail!("{name}, {}: nothing was done", way.name());
        };
        Ok(Some(Cost { owner, relaying, summary }))
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Direct | Self::Straight => "direct",
            Self::Relayed => "relayed",
        }
    }

    fn mode(self) -> &'static str {
        match self {
            Self::Direct => "mode direct",
            Self::Straight | Self::Relayed => "mode shared",
        }
    }
}

/// Of a node that carries data connections to another one.
const SENT: &str = "flotilla_relay_sent_total";

/// Processor seconds per GiB that a relay may take.
const RELAYED_GIB: f64 = 0.35;

/// What still counts as the same.
const SAME: f64 = 1.05;

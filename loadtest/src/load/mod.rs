//! `flotilla-loadtest run SCENARIO.toml`: a scenario from a file, against one or more servers.

mod arrival;
mod client;
mod clock;
mod html;
mod keys;
mod markdown;
mod mix;
mod pace;
mod quantity;
mod ramp;
mod report;
mod scenario;
mod shared;
mod source;
mod tally;
mod text;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::client::{Protocol, Target};
use crate::cpu::Probe;
use crate::worker::Gate;
use clock::Clock;
use pace::Crew;
use report::Report;
use scenario::{Arrivals, Pacing, Scenario};
use shared::Shared;
use watch::Watch;

/// What the command line says beside the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    /// In place of the file's seed.
    pub(crate) seed: Option<u64>,
    /// In place of the file's duration.
    pub(crate) duration: Option<Duration>,
    /// In place of the file's clients, or of its concurrency.
    pub(crate) clients: Option<usize>,
    /// Users that log in in turn; each of them gets the files that are downloaded.
    pub(crate) users: usize,
    /// JSON in place of text on the standard output.
    pub(crate) json: bool,
    /// Where a table in Markdown goes.
    pub(crate) markdown: Option<PathBuf>,
    /// Where a page with plots goes.
    pub(crate) html: Option<PathBuf>,
}

/// Runs a scenario and writes its reports; whether it was without errors. `target` names the server
/// of a protocol.
pub(crate) fn run(
    file: &Path,
    order: &Order,
    target: impl Fn(Protocol) -> Result<Target>,
    probe: Option<&Probe>,
    gate: &Gate,
) -> Result<bool> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let name = file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let scenario = Scenario::parse(&text, &name).with_context(|| file.display().to_string())?;
    let scenario = order.apply(scenario);
    let targets = scenario.protocols.iter().map(|(protocol, _)| target(*protocol));
    let targets = targets.collect::<Result<_>>()?;
    let report = measure(scenario, targets, order.users, probe, gate)?;
    order.write(&report)?;
    Ok(report.totals.errors == 0)
}

/// Runs a scenario; `targets` are the servers, in the order of its protocols.
fn measure(
    scenario: Scenario,
    targets: Vec<Target>,
    users: usize,
    probe: Option<&Probe>,
    gate: &Gate,
) -> Result<Report> {
    let shared = Arc::new(Shared::new(scenario, targets, Clock::new())?);
    client::prepare(&shared, users).context("cannot prepare the files")?;
    let began = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let watch = Watch::new(&shared, probe);
    let crew = Crew::start(&shared)?;
    let seen = watch.run(&crew, gate)?;
    crew.join()?;
    Report::new(&shared, &seen, began)
}

impl Order {
    fn apply(&self, mut scenario: Scenario) -> Scenario {
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        scenario.duration = self.duration.unwrap_or(scenario.duration);
        match (self.clients, &mut scenario.pacing) {
            (Some(wanted), Pacing::Closed { clients }) => *clients = wanted.max(1),
            (Some(wanted), Pacing::Open { concurrency, arrivals, .. }) => {
                let least = match arrivals {
                    Arrivals::Tasks => scenario.protocols.len(),
                    Arrivals::Sessions => 1,
                };
                *concurrency = wanted.max(least);
            }
            (None, _) => {}
        }
        scenario
    }

    fn write(&self, report: &Report) -> Result<()> {
        if let Some(path) = &self.markdown {
            std::fs::write(path, markdown::table(report))
                .with_context(|| path.display().to_string())?;
        }
        if let Some(path) = &self.html {
            std::fs::write(path, html::page(report)).with_context(|| path.display().to_string())?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(report)?);
        } else {
            print!("{report}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

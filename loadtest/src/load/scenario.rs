//! A scenario as its file has it: who comes, how many, how fast, and what they do.

use std::time::Duration;

use anyhow::{Result, bail};

use super::keys::Keys;
use super::mix::{self, Mix};
use super::ramp::{Ramp, Shape};
use super::source::Sources;
use crate::chance::Chance;
use crate::client::Protocol;

/// A scenario that can be run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scenario {
    /// What reports call it.
    pub(super) title: String,
    /// When nothing new arrives any more.
    pub(super) duration: Duration,
    /// How long after that what runs or waits may still take.
    pub(super) drain: Duration,
    /// The same seed gives the same tasks.
    pub(super) seed: u64,
    /// Where connections come from.
    pub(super) sources: Sources,
    /// The folder on the server in which files are made and read.
    pub(super) directory: String,
    /// What is spoken, with weights, in the order of [`PROTOCOLS`]; not empty.
    pub(super) protocols: Vec<(Protocol, u64)>,
    /// Who sets the pace.
    pub(super) pacing: Pacing,
    /// How the load rises and falls.
    pub(super) ramp: Ramp,
    /// What one session is.
    pub(super) visit: Visit,
    /// What is done in it.
    pub(super) mix: Mix,
}

/// Who sets the pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pacing {
    /// The server: each client starts its next task when the last one is done and thought about.
    Closed {
        /// Sessions at once.
        clients: usize,
    },
    /// The clock, whatever the server does; latency counts from when the clock said so.
    Open {
        /// Arrivals per second at full load.
        rate: f64,
        /// Arrivals that may be in work at once; further ones wait.
        concurrency: usize,
        /// Arrivals that may wait; further ones are missed.
        backlog: usize,
        /// What arrives.
        arrivals: Arrivals,
        /// How they are spaced.
        spacing: Spacing,
    },
}

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrivals {
    /// One task for one of the sessions, which are logged in before.
    Tasks,
    /// A session: it logs in, does its tasks and leaves.
    Sessions,
}

/// How arrivals are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    /// In equal steps.
    Even,
    /// As if they did not know of each other: a Poisson process.
    Poisson,
}

/// What one session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// The least and the most tasks; `None`: until the end.
    pub(super) tasks: Option<(u64, u64)>,
    /// What passes before each task, and before each login but the first.
    pub(super) think: Duration,
    /// Whether that is exact or exponentially distributed around it.
    pub(super) random: bool,
}

impl Scenario {
    /// Reads a file; `name` is its title when it has none.
    pub(super) fn parse(text: &str, name: &str) -> Result<Self> {
        let mut keys = Keys::file(text, &KEYS)?;
        let protocols = read_protocols(&mut keys.table("protocols", &PROTOCOLS.map(|(n, _)| n))?)?;
        let pacing = Pacing::read(&mut keys.table("pacing", &PACING_KEYS)?)?;
        let scenario = Self {
            title: keys.text("title")?.unwrap_or_else(|| name.to_owned()),
            duration: keys.time("duration")?.unwrap_or(DURATION),
            drain: keys.time("drain")?.unwrap_or(DRAIN),
            seed: keys.whole("seed", 0..=u64::MAX)?.unwrap_or(1),
            sources: Sources::parse(&keys.texts("sources")?)
                .map_err(|error| error.context("sources"))?,
            directory: keys.text("directory")?.unwrap_or_default(),
            protocols,
            pacing,
            ramp: read_ramp(keys.tables("ramp", &STAGE_KEYS)?)?,
            visit: Visit::read(&mut keys.table("session", &SESSION_KEYS)?, pacing)?,
            mix: Mix::read(keys.tables("mix", &mix::KEYS)?)?,
        };
        scenario.check()?;
        Ok(scenario)
    }

    /// What one key alone can not tell.
    fn check(&self) -> Result<()> {
        if self.duration.is_zero() || self.duration > DURATION_MAX {
            bail!("duration: a time above 0 and of at most a week is needed");
        }
        if self.directory.contains(['\r', '\n']) {
            bail!("directory: a path has no line breaks");
        }
        let (clients, protocols) = (self.clients(), self.protocols.len());
        let by_tasks = matches!(self.pacing, Pacing::Open { arrivals: Arrivals::Tasks, .. });
        if by_tasks && clients < protocols {
            bail!(
                "pacing.concurrency: one for each protocol is needed, {protocols}, not {clients}"
            );
        }
        if self.visit.tasks == Some((0, 0)) {
            return Ok(());
        }
        let idle = self.protocols.iter().find(|(protocol, _)| !self.mix.serves(*protocol));
        match idle {
            None => Ok(()),
            Some(_) if self.mix.tasks().is_empty() => {
                bail!("mix: missing; without tasks, session.tasks = 0 is needed")
            }
            Some((protocol, _)) => bail!("mix: no task for {}", protocol.name()),
        }
    }

    /// Draws a protocol, by its place.
    pub(super) fn draw_protocol(&self, chance: &mut Chance) -> usize {
        let total = self.protocols.iter().map(|(_, weight)| weight).sum();
        let mut left: u64 = chance.below(total);
        let place = self.protocols.iter().position(|(_, weight)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        place.unwrap_or(0)
    }

    /// Sessions that may be at work at once.
    pub(super) fn clients(&self) -> usize {
        match self.pacing {
            Pacing::Closed { clients } => clients,
            Pacing::Open { concurrency, .. } => concurrency,
        }
    }
}

impl Pacing {
    fn read(keys: &mut Keys) -> Result<Self> {
        let open = keys.choice("mode", &[("closed", false), ("open", true)])?.unwrap_or(false);
        if !open {
            let others = ["rate", "concurrency", "backlog", "arrivals", "spacing"];
            keys.refuse(&others, "only with pacing.mode = \"open\"")?;
            let clients = keys.whole("clients", 1..=CLIENTS_MAX)?.unwrap_or(1);
            return Ok(Self::Closed { clients: usize::try_from(clients)? });
        }
        keys.refuse(&["clients"], "only with pacing.mode = \"closed\"; see pacing.concurrency")?;
        let rate = keys.number("rate", false)?.ok_or_else(|| keys.missing("rate"))?;
        let concurrency = keys.whole("concurrency", 1..=CLIENTS_MAX)?;
        let concurrency = concurrency.ok_or_else(|| keys.missing("concurrency"))?;
        let backlog = keys.whole("backlog", 0..=BACKLOG_MAX)?.unwrap_or(BACKLOG);
        let arrivals = [("tasks", Arrivals::Tasks), ("sessions", Arrivals::Sessions)];
        let spacing = [("even", Spacing::Even), ("poisson", Spacing::Poisson)];
        Ok(Self::Open {
            rate,
            concurrency: usize::try_from(concurrency)?,
            backlog: usize::try_from(backlog)?,
            arrivals: keys.choice("arrivals", &arrivals)?.unwrap_or(Arrivals::Tasks),
            spacing: keys.choice("spacing", &spacing)?.unwrap_or(Spacing::Even),
        })
    }
}

impl Visit {
    fn read(keys: &mut Keys, pacing: Pacing) -> Result<Self> {
        let by_tasks = matches!(pacing, Pacing::Open { arrivals: Arrivals::Tasks, .. });
        if by_tasks {
            let why = "tasks arrive by themselves here; see pacing.arrivals";
            keys.refuse(&SESSION_KEYS, why)?;
        }
        let arrive = matches!(pacing, Pacing::Open { .. }).then_some((1, 1));
        let shapes = [("fixed", false), ("exponential", true)];
        Ok(Self {
            tasks: keys.range("tasks", 0..=u64::MAX)?.or(arrive),
            think: keys.time("think")?.unwrap_or_default(),
            random: keys.choice("shape", &shapes)?.unwrap_or(false),
        })
    }

    /// How many tasks a session has.
    pub(super) fn draw(&self, chance: &mut Chance) -> u64 {
        self.tasks.map_or(u64::MAX, |(low, high)| chance.between(low, high))
    }

    /// How long a user thinks.
    pub(super) fn think(&self, chance: &mut Chance) -> Duration {
        if self.random { chance.time(self.think) } else { self.think }
    }
}

fn read_protocols(keys: &mut Keys) -> Result<Vec<(Protocol, u64)>> {
    let mut protocols = Vec::new();
    for (name, protocol) in PROTOCOLS {
        match keys.whole(name, 0..=CLIENTS_MAX)? {
            None | Some(0) => {}
            Some(weight) => protocols.push((protocol, weight)),
        }
    }
    if protocols.is_empty() {
        protocols.push((Protocol::Ftp, 1));
    }
    Ok(protocols)
}

fn read_ramp(stages: Vec<Keys>) -> Result<Ramp> {
    let mut ramp = Ramp::default();
    for mut keys in stages {
        let time = keys.time("for")?.ok_or_else(|| keys.missing("for"))?;
        let to = keys.number("to", true)?.ok_or_else(|| keys.missing("to"))?;
        if to > 1.0 {
            bail!("{}: a share of the full load is needed, from 0 to 1, not {to}", keys.name("to"));
        }
        let shapes = [("linear", Shape::Linear), ("step", Shape::Step)];
        ramp.push(time, to, keys.choice("shape", &shapes)?.unwrap_or_default());
    }
    Ok(ramp)
}

/// The keys at the top of a file.
const KEYS: [&str; 11] = [
    "title",
    "duration",
    "drain",
    "seed",
    "sources",
    "directory",
    "protocols",
    "pacing",
    "ramp",
    "session",
    "mix",
];
const PACING_KEYS: [&str; 7] =
    ["mode", "clients", "rate", "concurrency", "backlog", "arrivals", "spacing"];
const STAGE_KEYS: [&str; 3] = ["for", "to", "shape"];
const SESSION_KEYS: [&str; 3] = ["tasks", "think", "shape"];

/// The keys of `[protocols]`.
pub(super) const PROTOCOLS: [(&str, Protocol); 3] =
    [("ftp", Protocol::Ftp), ("ftps", Protocol::Ftps), ("sftp", Protocol::Sftp)];

/// Sessions at once, each of which has a thread: what Linux runs without its limits being raised.
const CLIENTS_MAX: u64 = 30_000;

/// Arrivals that wait: a server may stall for 50 s at 2000 per second before one is missed, and they
/// take some 5 MB. At most some 500 MB.
const BACKLOG: u64 = 100_000;
const BACKLOG_MAX: u64 = 10_000_000;

const DURATION: Duration = Duration::from_secs(60);
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
const DRAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;

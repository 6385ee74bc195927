//! `flotilla-loadtest telemetry`: what it costs a small file that somebody watches.
//!
//! One program, in alternating rounds: without a collector, with one and a hundredth of the sessions sampled, and with
//! all of them sampled.

mod sink;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::bench;
use crate::client::account::Account;
use crate::client::{Target, Wire};
use crate::figures::Figures;
use crate::ground::Ground;
use crate::output::Output;
use crate::peer::{HASH, Launch, PASSIVE, PASSWORD, Server, USER, free_port};
use crate::run::Progress;
use crate::scenario::{Plan, Scenario};
use crate::worker::{self, Gate};
use sink::Sink;

/// What the command line says.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The program, built with --release
    #[arg(long)]
    flotilla: PathBuf,
    /// The parts of the sessions that are sampled; each is measured against a server without a collector
    #[arg(long, value_delimiter = ',', default_values_t = [0.01, 1.0])]
    samples: Vec<f64>,
    /// How often each is measured
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds per measurement
    #[arg(long, default_value_t = 3.0)]
    duration: f64,
    #[command(flatten)]
    output: Output,
}

/// Measures in alternating rounds; fails when an operation failed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    bench::run(&arguments.flotilla, &arguments.output, arguments.rounds, |ground, gate, figures| {
        measure(arguments, ground, gate, figures)
    })
}

fn measure(
    arguments: &Arguments,
    ground: &Ground,
    gate: &Arc<Gate>,
    figures: &mut Figures,
) -> Result<()> {
    let sink = Sink::start()?;
    let duration = Duration::try_from_secs_f64(arguments.duration).context("--duration")?;
    let work = Work { ground, gate, duration, sink: &sink };
    let off = std::iter::once(None);
    let ways: Vec<_> = off.chain(arguments.samples.iter().copied().map(Some)).collect();
    for round in 0..arguments.rounds {
        for (name, scenario) in ROWS {
            let mut costs = vec![None; ways.len()];
            // Whoever is first finds a cooler machine: each is in turn.
            for place in 0..ways.len() {
                let place = (place + round) % ways.len();
                let (Some(way), Some(cost)) = (ways.get(place), costs.get_mut(place)) else {
                    continue;
                };
                eprintln!("{name}, round {}, {}", round + 1, called(*way));
                *cost = work.measure(name, scenario, *way, figures)?;
            }
            let Some((Some(plain), watched)) = costs.split_first() else { return Ok(()) };
            figures.add(&format!("{name}, no collector"), "CPU us", None, plain * 1e6);
            for (way, cost) in ways.iter().skip(1).zip(watched) {
                let Some(cost) = cost else { return Ok(()) };
                let name = format!("{name}, {}", called(*way));
                figures.add(&name, "CPU us", None, cost * 1e6);
                let goal = way.filter(|sample| *sample <= FEW).map(|_| AT_MOST);
                figures.add(&format!("{name}: by none"), "of the CPU", goal, cost / plain);
            }
        }
    }
    Ok(())
}

fn called(way: Option<f64>) -> String {
    way.map_or_else(|| "no collector".to_owned(), |sample| format!("sample {sample}"))
}

/// What a measurement needs.
struct Work<'a> {
    ground: &'a Ground,
    gate: &'a Arc<Gate>,
    duration: Duration,
    sink: &'a Sink,
}

impl Work<'_> {
    /// Processor seconds per file; `None` if it was interrupted.
    fn measure(
        &self,
        name: &str,
        scenario: Scenario,
        way: Option<f64>,
        figures: &mut Figures,
    ) -> Result<Option<f64>> {
        if self.gate.stopped() {
            return Ok(None);
        }
        let server = start(self.ground, way, self.sink.address)?;
        let account = Arc::new(Account::new(USER.to_owned(), PASSWORD.to_owned(), 1));
        let target = Target { address: server.address, data: None, account, wire: Wire::Clear };
        let mut plan = Plan::new(scenario, target);
        plan.duration = Some(self.duration);
        if scenario == Scenario::SmallDownload {
            plan.clients = CLIENTS;
        }
        let before = self.sink.taken();
        let bar = Progress::start(&plan, self.gate);
        let outcome = worker::measure(&plan, Some(&server.probe), self.gate);
        drop(bar);
        let summary = outcome?.summary();
        // What waits in the queue is sent at the end.
        drop(server);
        for (kind, count) in &summary.errors {
            figures.fail(&format!("{name}, {}", called(way)), kind, *count);
        }
        // No figure without what it claims to measure.
        let taken = self.sink.taken() - before;
        if way.is_none() && taken > 0 || way == Some(1.0) && taken < summary.operations {
            bail!(
                "{name}, {}: {taken} bytes of spans for {} files",
                called(way),
                summary.operations
            );
        }
        let cost = summary.cpu_seconds_per_unit;
        Ok(Some(cost.with_context(|| format!("{name}, {}: nothing was done", called(way)))?))
    }
}

fn start(ground: &Ground, way: Option<f64>, collector: SocketAddr) -> Result<Server> {
    let folder = ground.folder.join("telemetry");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir(&folder)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let config = folder.join("flotilla.toml");
    fs::write(&config, configuration(ground, &folder, address, way, collector)?)?;
    let mut command = Command::new(ground.flotilla.as_ref().context("no program")?);
    command.arg("serve").arg("--config").arg(config);
    Server::start(Launch { command, outside: None }, &folder, address)
}

fn configuration(
    ground: &Ground,
    folder: &Path,
    address: SocketAddr,
    way: Option<f64>,
    collector: SocketAddr,
) -> Result<String> {
    let users = folder.join("users.toml");
    let user = format!("[[user]]\nname = \"{USER}\"\npassword = \"{HASH}\"\nhome = \".\"\n");
    fs::write(&users, user)?;
    let (low, high) = PASSIVE;
    let health = free_port()?;
    let telemetry = way.map(|sample| {
        format!(
            "[telemetry]\notlp_endpoint = \"http://{collector}\"\notlp_protocol = \"http\"\nsample = {sample}\n"
        )
    });
    Ok(format!(
        r#"{telemetry}[node]
data_dir = "{folder}"
[ftp]
listen = ["{address}"]
[ftp.passive]
ports = "{low}-{high}"
[ssh]
listen = []
[tls]
certificate = "{certificate}"
key = "{key}"
[users]
file = "{users}"
[storage]
root = "{root}"
[limits]
unauthenticated = {CLIENTS}
unauthenticated_per_address = 0
[health]
listen = "127.0.0.1:{health}"
"#,
        telemetry = telemetry.unwrap_or_default(),
        folder = folder.display(),
        certificate = ground.certificate.display(),
        key = ground.key.display(),
        users = users.display(),
        root = ground.files.display(),
    ))
}

const ROWS: [(&str, Scenario); 2] =
    [("1 KiB download, 400 clients", Scenario::SmallDownload), ("login", Scenario::Login)];

/// Sessions are what is sampled: of so many, one in a hundred is four of them.
const CLIENTS: usize = 400;

/// What counts as few sessions.
const FEW: f64 = 0.01;

/// What few may cost.
const AT_MOST: f64 = 1.03;

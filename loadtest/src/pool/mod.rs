//! `flotilla-loadtest pool`: nodes of one pool under a name with weights, clients that follow it, and a
//! script that kills, drains, starts and scales nodes meanwhile.
//!
//! | file | what |
//! | --- | --- |
//! | `script` | what happens and when |
//! | `fleet` | the nodes and their Redis |
//! | `authority` | brings the name up to date with what the nodes publish |
//! | `names` | the name, and resolvers that remember its answers |
//! | `client` | a client that follows the name |
//! | `course` | does what is due, and what followed from it |
//! | `ledger` | counts |
//! | `report` | what came out |

mod authority;
mod client;
mod course;
mod fleet;
mod ledger;
mod names;
mod report;
mod script;

use std::fs;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::chance::Chance;
use crate::client::account::Account;
use crate::client::ftp::tls;
use crate::client::payload::Payload;
use crate::client::sftp::ssh::{Cipher, Settings};
use crate::client::{Protocol, Target, Wire};
use crate::ground::Ground;
use crate::output::Output;
use crate::peer::{PASSWORD, USER};
use crate::results::machine;
use crate::run::{Second, raise_descriptors, watch_signals};
use crate::worker::Gate;
use client::{Client, Work};
use course::Course;
use fleet::Fleet;
use ledger::Ledger;
use names::{Resolver, Zone};
use report::{Quantiles, Report, Setting};
use script::{NODES_MAX, Script};

/// What the command line says.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The program
    #[arg(long)]
    flotilla: PathBuf,
    /// Nodes at the start
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=i64::from(NODES_MAX)))]
    nodes: u8,
    /// Their weights under the name, the last one for all that follow [default: by processors]
    #[arg(long, value_delimiter = ',')]
    weights: Vec<u8>,
    /// Clients at once
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// What happens meanwhile: kill, drain, start, scale (TOML)
    #[arg(long)]
    script: Option<PathBuf>,
    /// Seconds [default: 30 more than the script, 60 without one]
    #[arg(long)]
    duration: Option<f64>,
    /// What clients speak
    #[arg(long, value_enum, default_value = "ftp")]
    protocol: Protocol,
    /// Bytes per file
    #[arg(long, default_value_t = 1024 * 1024)]
    size: u64,
    /// Transfers of a session, half of them uploads
    #[arg(long, default_value_t = 10)]
    transfers: u32,
    /// Seconds between two transfers of a client
    #[arg(long, default_value_t = 0.05)]
    think: f64,
    /// Attempts at a transfer: after the first one 0.25 s are waited, then twice as long each time up to 8 s
    #[arg(long, default_value_t = 8)]
    attempts: u32,
    /// Seconds for which a resolver gives the same answer
    #[arg(long, default_value_t = 10.0)]
    ttl: f64,
    /// Resolvers; clients share them evenly
    #[arg(long, default_value_t = 8)]
    resolvers: usize,
    /// Nodes in one answer; clients try them in turn
    #[arg(long, default_value_t = 1)]
    answers: usize,
    /// Seconds between two looks at what the nodes publish
    #[arg(long, default_value_t = 2.0)]
    publish: f64,
    /// Of all choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// More configuration of all nodes, a file of TOML tables such as `[limits]`
    #[arg(long)]
    settings: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// Runs the pool; fails when a transfer was given up or a node did what it was not told.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    raise_descriptors();
    let interrupted = Arc::new(Gate::default());
    watch_signals(&interrupted, Second::Waits)?;
    let read = |path: &PathBuf| fs::read_to_string(path).context(path.display().to_string());
    let script = arguments.script.as_ref().map(read).transpose()?.unwrap_or_default();
    let script = Script::parse(&script).context("--script")?;
    let more = arguments.settings.as_ref().map(read).transpose()?.unwrap_or_default();
    let ground = Ground::bare(&arguments.output.folder, Some(&arguments.flotilla))?;
    let settings = fleet::Settings { weights: arguments.weights.clone(), more };
    let mut fleet = Fleet::new(&ground, settings)?;
    for node in 1..=arguments.nodes {
        fleet.start(node)?;
    }
    let report = measure(arguments, &ground, &mut fleet, script, &interrupted)?;
    arguments.output.write(&report.markdown(), &report)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure<'a>(
    arguments: &Arguments,
    ground: &'a Ground,
    fleet: &'a mut Fleet<'a>,
    mut script: Script,
    interrupted: &Gate,
) -> Result<Report> {
    let work = Arc::new(work(arguments, ground, fleet)?);
    let zone = Arc::new(Zone::default());
    let desks = Arc::clone(fleet.desks());
    let publish = seconds(arguments.publish, "--publish")?;
    let duration = match arguments.duration {
        Some(duration) => seconds(duration, "--duration")?,
        None if arguments.script.is_some() => script.end() + AFTER,
        None => WITHOUT,
    };
    let clients = clients(arguments, &work, &zone)?;
    std::thread::scope(|scope| {
        // Whatever comes, the other threads are told that it is over.
        let _over = Over(&work.gate);
        let (told, gate) = (&zone, &work.gate);
        scope.spawn(move || authority::follow(&desks, told, publish, gate));
        wait_for(&zone, usize::from(arguments.nodes), interrupted)?;
        let begun = Instant::now();
        *work.ledger() = Ledger::new(begun)?;
        let threads: Vec<_> =
            clients.into_iter().map(|client| scope.spawn(|| client.run())).collect();
        let bar = bar(duration);
        let mut course = Course::new(fleet, &work, &zone, begun);
        while begun.elapsed() < duration && !interrupted.stopped() {
            course.tick(&mut script)?;
            show(&bar, &work, course.count(), begun);
            interrupted.sleep(TICK);
        }
        bar.finish_and_clear();
        let elapsed_s = begun.elapsed().as_secs_f64();
        let events = course.finish();
        work.gate.stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("a client failed"))??;
        }
        let ledger = work.ledger();
        Ok(Report {
            setting: setting(arguments),
            elapsed_s,
            counts: ledger.counts,
            transfer_ms: Quantiles::of(&ledger),
            events,
            nodes: ledger.nodes.clone(),
            errors: ledger.kinds.clone(),
            seconds: ledger.seconds.clone(),
        })
    })
}

/// Closes a gate when it goes.
struct Over<'a>(&'a Gate);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

fn work(arguments: &Arguments, ground: &Ground, fleet: &Fleet<'_>) -> Result<Work> {
    let wire = match arguments.protocol {
        Protocol::Ftp => Wire::Clear,
        Protocol::Ftps => Wire::Tls(tls::configuration()?),
        Protocol::Sftp => {
            Wire::Ssh(Arc::new(Settings::new(Cipher::Aes128Gcm, Some(ground.fingerprint))))
        }
    };
    let payload = Payload::new()?;
    let file = fs::File::create(ground.files.join(SOURCE))?;
    file.set_len(arguments.size)?;
    let account = Arc::new(Account::new(USER.to_owned(), PASSWORD.to_owned(), 1));
    let port = fleet.port(arguments.protocol);
    let address = |node, port| SocketAddr::from((fleet::host(node), port));
    Ok(Work {
        target: Target { address: address(0, port), data: None, account, wire },
        address,
        port,
        size: arguments.size,
        source: SOURCE.to_owned(),
        files: ground.files.clone(),
        transfers: arguments.transfers.max(1),
        attempts: arguments.attempts.max(1),
        think: seconds(arguments.think, "--think")?,
        payload,
        ledger: Mutex::new(Ledger::new(Instant::now())?),
        gate: Gate::default(),
    })
}

fn clients(arguments: &Arguments, work: &Arc<Work>, zone: &Arc<Zone>) -> Result<Vec<Client>> {
    let ttl = seconds(arguments.ttl, "--ttl")?;
    let resolver = |number| {
        let chance = Chance::new(arguments.seed, number);
        Arc::new(Resolver::new(zone, ttl, arguments.answers, chance))
    };
    let resolvers: Vec<_> = (0..arguments.resolvers.max(1) as u64).map(resolver).collect();
    let shared = resolvers.iter().cycle().take(arguments.clients.max(1)).enumerate();
    let client = |(number, resolver): (usize, &Arc<Resolver>)| {
        let chance = Chance::new(arguments.seed, CLIENTS + number as u64);
        Client::new(work, resolver, chance, number)
    };
    Ok(shared.map(client).collect())
}

/// Waits until so many nodes are under the name.
fn wait_for(zone: &Zone, nodes: usize, interrupted: &Gate) -> Result<()> {
    let end = Instant::now() + READY_DEADLINE;
    while zone.records().len() < nodes {
        if Instant::now() > end || interrupted.stopped() {
            bail!("only {} of {nodes} nodes are ready", zone.records().len());
        }
        interrupted.sleep(TICK);
    }
    Ok(())
}

fn setting(arguments: &Arguments) -> Setting {
    Setting {
        machine: machine(),
        nodes: arguments.nodes,
        clients: arguments.clients,
        protocol: arguments.protocol.name(),
        size_bytes: arguments.size,
        resolvers: arguments.resolvers,
        answers: arguments.answers,
        ttl_s: arguments.ttl,
        publish_s: arguments.publish,
        attempts: arguments.attempts,
        seed: arguments.seed,
    }
}

fn seconds(value: f64, name: &'static str) -> Result<Duration> {
    Duration::try_from_secs_f64(value).context(name)
}

/// A bar on a terminal, nothing elsewhere.
fn bar(duration: Duration) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(duration.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} s {wide_bar} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, work: &Work, nodes: usize, begun: Instant) {
    let counts = work.ledger().counts;
    bar.set_position(begun.elapsed().as_secs());
    bar.set_message(format!(
        "{nodes} nodes, {} transfers, {} retried, {} given up",
        counts.transfers, counts.retried, counts.failed
    ));
}

/// What is downloaded.
const SOURCE: &str = "pool-source.bin";

/// Random numbers of clients are others than those of resolvers.
const CLIENTS: u64 = 1 << 32;

/// After the last event, and without any.
const AFTER: Duration = Duration::from_secs(30);
const WITHOUT: Duration = Duration::from_secs(60);

/// How late an event may be, and how exact the ends of processes are.
const TICK: Duration = Duration::from_millis(50);

/// Nodes of a new pool wait some heartbeats before they are ready.
const READY_DEADLINE: Duration = Duration::from_secs(90);

//! `flotilla-loadtest compare`: the same rows against several servers in interleaved rounds.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use crate::client::account::Account;
use crate::client::ftp::tls;
use crate::client::sftp::ssh::Settings;
use crate::client::{Protocol, Target, Wire};
use crate::ground::{Ground, LARGE};
use crate::output::Output;
use crate::peer::{PASSWORD, Peer, Service, USER};
use crate::report::Summary;
use crate::results::{Fault, Line, Results, Sample, machine};
use crate::row::{Row, select};
use crate::run::{Progress, Second, raise_descriptors, watch_signals};
use crate::worker::{self, Gate};
use crate::{limits, scenario};

/// What the command line says.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Our own program, built with --release; without it only the peers are compared
    #[arg(long)]
    flotilla: Option<PathBuf>,
    /// Other servers
    #[arg(long, value_enum, value_delimiter = ',',
          default_values = ["vsftpd", "pure-ftpd", "pyftpdlib", "proftpd", "openssh", "unftp"])]
    peers: Vec<Peer>,
    /// Rows by name, or all of ftp, ftps or sftp [default: all]
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// How often each row is measured on each server
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds per measurement
    #[arg(long, default_value_t = 2.0)]
    duration: f64,
    /// Idle sessions
    #[arg(long, default_value_t = 2000)]
    sessions: usize,
    /// A folder with unpacked packages (DIR/usr/sbin/vsftpd and so on)
    #[arg(long)]
    packages: Option<PathBuf>,
    /// The Python that has pyftpdlib
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Runs the comparison; fails when a server failed in a row.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        bail!("the servers change users and read password files: run this as root");
    }
    raise_descriptors();
    let gate = Arc::new(Gate::default());
    watch_signals(&gate, Second::Waits)?;
    let rows = select(&arguments.rows)?;
    let (flotilla, packages) = (arguments.flotilla.as_deref(), arguments.packages.as_deref());
    let ground = Ground::prepare(&arguments.output.folder, flotilla, packages, &arguments.python)?;
    let present = present(arguments, &ground);
    if present.is_empty() {
        bail!("no server to compare");
    }
    let mut results =
        Results { machine: machine(), rounds: arguments.rounds, ..Results::default() };
    let mut clean = true;
    let large = ground.files.join(LARGE);
    for row in &rows {
        if gate.stopped() {
            break;
        }
        eprintln!("{}: the machine itself", row.key);
        limits::machine::measure(&ground.files, &large, &mut results.capacity)?;
        let peers = able(arguments, &present, *row, &mut results);
        for round in 0..arguments.rounds {
            clean &= measure(arguments, &ground, &peers, *row, round, &mut results, &gate)?;
        }
        // What was measured so far is not lost with what comes.
        write(arguments, &results, &rows, &present)?;
    }
    print!("{}", write(arguments, &results, &rows, &present)?);
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the files that the command line names, and gives the table.
fn write(arguments: &Arguments, results: &Results, rows: &[Row], peers: &[Peer]) -> Result<String> {
    let table = results.table(rows, peers);
    let whole = Whole { table: results.lines(rows, peers), results };
    arguments.output.keep(&table, &whole)?;
    Ok(table)
}

/// The JSON file: the table and every measurement.
#[derive(Serialize)]
struct Whole<'a> {
    table: Vec<Line>,
    #[serde(flatten)]
    results: &'a Results,
}

/// The servers of a row that this machine has room for.
fn able(arguments: &Arguments, peers: &[Peer], row: Row, results: &mut Results) -> Vec<Peer> {
    let sessions = row.sessions(arguments.sessions);
    let mut able = Vec::new();
    for server in peers.iter().copied().filter(|peer| row.fits(*peer)) {
        match server.too_many(row.protocol, sessions) {
            None => able.push(server),
            Some(why) => {
                let what = format!("left out: {sessions} sessions would take {why}");
                eprintln!("{}, {}: {what}", row.key, server.name());
                results.faults.push(Fault { row: row.key, server, what });
            }
        }
    }
    able
}

/// One row, one round: every server in turn, then the machine itself.
fn measure(
    arguments: &Arguments,
    ground: &Ground,
    peers: &[Peer],
    row: Row,
    round: usize,
    results: &mut Results,
    gate: &Arc<Gate>,
) -> Result<bool> {
    let mut clean = true;
    for server in peers.iter().copied() {
        if gate.stopped() {
            return Ok(clean);
        }
        eprintln!("{}, round {}, {}", row.key, round + 1, server.name());
        match measure_server(arguments, ground, server, row, gate) {
            Ok(summary) => {
                for (kind, count) in &summary.errors {
                    eprintln!("  {count} errors: {kind}");
                    clean = false;
                }
                results.samples.push(Sample { row: row.key, server, round, summary });
            }
            Err(error) => {
                eprintln!("  failed: {error:#}");
                clean = false;
                let what = format!("round {}: {error:#}", round + 1);
                results.faults.push(Fault { row: row.key, server, what });
            }
        }
    }
    if !gate.stopped() {
        let large = ground.files.join(LARGE);
        if let Some(limit) = limits::measure(&row, &ground.files, &large)? {
            results.limits.entry(row.key).or_default().push(limit);
        }
    }
    Ok(clean)
}

fn measure_server(
    arguments: &Arguments,
    ground: &Ground,
    server: Peer,
    row: Row,
    gate: &Arc<Gate>,
) -> Result<Summary> {
    let users = row.users.min(server.users_max());
    let running = server.start(ground, Service { protocol: row.protocol, users })?;
    let wire = match row.protocol {
        Protocol::Ftp => Wire::Clear,
        Protocol::Ftps => Wire::Tls(tls::configuration()?),
        Protocol::Sftp => Wire::Ssh(Arc::new(Settings::new(row.cipher, Some(ground.fingerprint)))),
    };
    let account = Arc::new(Account::new(USER.to_owned(), PASSWORD.to_owned(), users));
    let target = Target { address: running.address, data: None, account, wire };
    let duration = Duration::try_from_secs_f64(arguments.duration).context("--duration")?;
    let plan: scenario::Plan = row.plan(target, duration, arguments.sessions);
    let bar = Progress::start(&plan, gate);
    let outcome = worker::measure(&plan, Some(&running.probe), gate);
    drop(bar);
    drop(running);
    // The next server runs as another user and could not replace these.
    for entry in fs::read_dir(&ground.files)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("loadtest-up-") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(outcome?.summary())
}

/// The servers that can take part; says of the others what is missing.
fn present(arguments: &Arguments, ground: &Ground) -> Vec<Peer> {
    let own = arguments.flotilla.is_some().then_some(Peer::Flotilla);
    let others = arguments.peers.iter().copied().filter(|peer| *peer != Peer::Flotilla);
    let mut present = Vec::new();
    for peer in own.into_iter().chain(others) {
        match peer.missing(ground) {
            None => present.push(peer),
            Some(advice) => eprintln!("{} is left out: {advice}", peer.name()),
        }
    }
    present
}

//! `flotilla-loadtest compare`: the same rows against several servers in interleaved rounds.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use crate::client::data::Payload;
use crate::client::{Target, tls};
use crate::peer::{Ground, NOBODY, PASSWORD, Peer, USER};
use crate::report::{Summary, median, ratio};
use crate::row::{Row, cell};
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
          default_values = ["vsftpd", "pure-ftpd", "pyftpdlib", "proftpd"])]
    peers: Vec<Peer>,
    /// Rows by name [default: all]
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
    /// Where the served files lie; must be a tmpfs
    #[arg(long, default_value = "/dev/shm")]
    folder: PathBuf,
    /// A folder with unpacked packages (DIR/usr/sbin/vsftpd and so on)
    #[arg(long)]
    packages: Option<PathBuf>,
    /// The Python that has pyftpdlib
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Writes every measurement into this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the table into this file as well
    #[arg(long)]
    markdown: Option<PathBuf>,
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Sample {
    row: &'static str,
    server: Peer,
    round: usize,
    summary: Summary,
}

/// All that was measured.
#[derive(Debug, Serialize)]
struct Results {
    machine: String,
    rounds: usize,
    samples: Vec<Sample>,
    /// By row, each round's figures.
    limits: BTreeMap<&'static str, Vec<Vec<Option<f64>>>>,
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
    let ground = prepare(arguments)?;
    let peers = present(arguments, &ground.0);
    if peers.is_empty() {
        bail!("no server to compare");
    }
    let mut results = Results {
        machine: machine(),
        rounds: arguments.rounds,
        samples: Vec::new(),
        limits: BTreeMap::new(),
    };
    let mut clean = true;
    for row in &rows {
        for round in 0..arguments.rounds {
            clean &= measure(arguments, &ground.0, &peers, *row, round, &mut results, &gate)?;
        }
        if gate.stopped() {
            break;
        }
    }
    let table = table(&rows, &peers, &results);
    print!("{table}");
    if let Some(path) = &arguments.markdown {
        fs::write(path, &table).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &arguments.json {
        let file = fs::File::create(path).with_context(|| path.display().to_string())?;
        serde_json::to_writer_pretty(file, &results)?;
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    for server in peers.iter().copied().filter(|peer| row.fits(*peer)) {
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
            }
        }
    }
    if !row.tls && !gate.stopped() {
        let large = ground.files.join(LARGE);
        if let Some(limit) = limits::measure(row.key, &ground.files, &large)? {
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
    let running = server.start(ground, row.tls)?;
    let tls = row.tls.then(tls::configuration).transpose()?;
    let (user, password) = (USER.to_owned(), PASSWORD.to_owned());
    let target = Target { address: running.address, user, password, tls };
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

fn select(keys: &[String]) -> Result<Vec<Row>> {
    let all = Row::all();
    if let Some(unknown) = keys.iter().find(|key| !all.iter().any(|row| row.key == **key)) {
        let known: Vec<_> = all.iter().map(|row| row.key).collect();
        bail!("no row is named {unknown}; there are {}", known.join(", "));
    }
    Ok(all.into_iter().filter(|row| keys.is_empty() || keys.iter().any(|k| k == row.key)).collect())
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

/// The folder of the comparison; it goes with this value.
struct Scratch(Ground);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0.folder);
    }
}

fn prepare(arguments: &Arguments) -> Result<Scratch> {
    let folder = arguments.folder.join(format!("flotilla-loadtest-{}", std::process::id()));
    fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    let absolute = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let scratch = Scratch(Ground {
        files: folder.join("files"),
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        both: folder.join("both.pem"),
        flotilla: arguments.flotilla.as_ref().map(absolute),
        packages: arguments.packages.as_ref().map(absolute),
        python: arguments.python.clone(),
        folder,
    });
    let ground = &scratch.0;
    fs::set_permissions(&ground.folder, fs::Permissions::from_mode(0o755))?;
    fs::create_dir(&ground.files)?;
    fill(&ground.files)?;
    // The servers run as several users and each stores its files there.
    fs::set_permissions(&ground.files, fs::Permissions::from_mode(0o777))?;
    chown(&ground.files, Some(NOBODY), Some(NOBODY))?;
    certify(ground)?;
    Ok(scratch)
}

/// The files that are served: the large one, the small one, and the directory to list.
fn fill(files: &Path) -> Result<()> {
    let payload = Payload::new()?;
    let mut large = fs::File::create(files.join(LARGE))?;
    for _ in 0..LARGE_BYTES / payload.bytes().len() {
        large.write_all(payload.bytes())?;
    }
    // A virtual machine gets memory from its host at the first touch, which would be charged to
    // whoever uploads first.
    let touched = files.join("touched.bin");
    let mut touch = fs::File::create(&touched)?;
    for _ in 0..TOUCH_BYTES / payload.bytes().len() {
        touch.write_all(payload.bytes())?;
    }
    fs::remove_file(touched)?;
    fs::write(files.join("loadtest-1024.bin"), [b'x'; 1024])?;
    let list = files.join("list");
    fs::create_dir(&list)?;
    for index in 0..ENTRIES {
        fs::File::create(list.join(format!("file-{index:06}.dat")))?;
    }
    Ok(())
}

fn certify(ground: &Ground) -> Result<()> {
    // rcgen's own choice is ECDSA on P-256.
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (path, text) in [
        (&ground.certificate, certificate.clone()),
        (&ground.key, key.clone()),
        (&ground.both, format!("{key}{certificate}")),
    ] {
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// The figures of a server in a row: of each the median over the rounds.
fn medians(rounds: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let width = rounds.iter().map(Vec::len).max().unwrap_or(0);
    let column = |index: usize| {
        let mut values: Vec<f64> =
            rounds.iter().filter_map(|round| round.get(index).copied().flatten()).collect();
        median(&mut values)
    };
    (0..width).map(column).collect()
}

fn table(rows: &[Row], peers: &[Peer], results: &Results) -> String {
    let names: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
    let mut lines = format!(
        "{}; medians of {} interleaved rounds\n\n| row | {} | limit | best peer / flotilla |\n\
         |{}\n",
        results.machine,
        results.rounds,
        names.join(" | "),
        " --- |".repeat(peers.len() + 3),
    );
    for row in rows {
        let of = |peer: Peer| {
            let samples = results.samples.iter().filter(|s| s.row == row.key && s.server == peer);
            medians(&samples.map(|sample| row.values(&sample.summary)).collect::<Vec<_>>())
        };
        let figures: Vec<_> = peers.iter().map(|peer| (*peer, of(*peer))).collect();
        let cells: Vec<_> = figures.iter().map(|(_, values)| cell(values)).collect();
        let limit = results.limits.get(row.key).map(|limit| cell(&medians(limit)));
        let limit = limit.unwrap_or_else(|| "-".to_owned());
        let ahead = advantage(&figures).map_or_else(|| "-".to_owned(), |a| format!("{a:.2}"));
        lines += &format!("| {} | {} | {limit} | {ahead} |\n", row.heading(), cells.join(" | "));
    }
    lines
}

/// The best peer's first figure by Flotilla's: above 1 Flotilla is ahead.
fn advantage(figures: &[(Peer, Vec<Option<f64>>)]) -> Option<f64> {
    let first = |own: bool| {
        let of = figures.iter().filter(move |(peer, _)| (*peer == Peer::Flotilla) == own);
        of.filter_map(|(_, values)| values.first().copied().flatten()).reduce(f64::min)
    };
    ratio(first(false)?, first(true)?)
}

/// The machine in a few words.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} processors, {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

/// The name under which `run` looks for a file of that size.
const LARGE: &str = "loadtest-536870912.bin";
const LARGE_BYTES: usize = 512 * 1024 * 1024;

/// The four uploads of a round at their largest, and half as much again.
const TOUCH_BYTES: usize = 6 * LARGE_BYTES;

/// Entries of the listed directory.
const ENTRIES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_by_figure() {
        let rounds =
            [vec![Some(1.0), None], vec![Some(3.0), Some(5.0)], vec![Some(2.0), Some(7.0)]];
        assert_eq!(medians(&rounds), [Some(2.0), Some(6.0)]);
        assert!(medians(&[]).is_empty());
    }

    #[test]
    fn the_advantage_is_over_the_best_peer() {
        let figures = |own| {
            vec![
                (Peer::Flotilla, vec![own, Some(9.0)]),
                (Peer::Vsftpd, vec![Some(4.0)]),
                (Peer::Proftpd, vec![Some(3.0)]),
                (Peer::Pyftpdlib, vec![None]),
            ]
        };
        assert_eq!(advantage(&figures(Some(2.0))), Some(1.5));
        assert_eq!(advantage(&figures(None)), None);
    }

    #[test]
    fn unknown_rows_are_named() {
        assert!(select(&["nothing".to_owned()]).unwrap_err().to_string().contains("nothing"));
        assert_eq!(select(&["noop".to_owned()]).unwrap().len(), 1);
        assert_eq!(select(&[]).unwrap().len(), Row::all().len());
    }
}

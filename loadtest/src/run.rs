//! `flotilla-loadtest run`: scenarios against a server that runs already.

use std::future::poll_fn;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use russh::keys::ssh_key::Fingerprint;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::account::Account;
use crate::client::ftp::tls;
use crate::client::sftp::ssh::{Cipher, Settings};
use crate::client::{Protocol, Target, Wire};
use crate::cpu::{Group, Placement, Probe};
use crate::load;
use crate::report::Summary;
use crate::scenario::{Plan, Scenario};
use crate::worker::{self, Gate};

/// What the command line says.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A scenario: what to do, as a file says; see loadtest/scenarios
    file: Option<PathBuf>,
    /// The control port, or the port of SSH; host:port. A scenario with several protocols has one for
    /// each that is elsewhere: sftp=host:port
    #[arg(long, required = true, value_delimiter = ',')]
    target: Vec<String>,
    /// Where data connections go instead of there, to the port that the server names; an address
    #[arg(long)]
    data: Option<IpAddr>,
    /// User name
    #[arg(long, default_value = "demo")]
    user: String,
    /// Password; better given by the variable LOADTEST_PASSWORD, which no process list shows
    #[arg(long)]
    password: Option<String>,
    /// Logs in as USER-0 to USER-(N-1) in turn, all with the same password: for servers that
    /// remember passwords that they verified
    #[arg(long, default_value_t = 1)]
    users: usize,
    /// What to speak; FTPS is the explicit one, with protected data connections
    #[arg(long, value_enum, default_value = "ftp", conflicts_with = "file")]
    protocol: Protocol,
    /// The same as --protocol ftps
    #[arg(long, conflicts_with_all = ["protocol", "file"])]
    tls: bool,
    /// SFTP: the only cipher that is offered
    #[arg(long, value_enum, default_value = "aes128-gcm")]
    cipher: Cipher,
    /// SFTP: the fingerprint of the only host key that is taken, as SHA256:...; without it any is
    #[arg(long)]
    host_key: Option<Fingerprint>,
    /// What to do without a file, one after the other
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    scenario: Vec<Scenario>,
    /// Sessions at once [default: the file's; login, idle 32; small files 8; else 1]
    #[arg(long, visible_alias = "streams")]
    clients: Option<usize>,
    /// Seconds in which operations start [default: the file's; 10 unless --count is given]
    #[arg(long)]
    duration: Option<f64>,
    /// Operations over all clients
    #[arg(long, conflicts_with = "file")]
    count: Option<u64>,
    /// Bytes per file [default: 1024; download, upload 536870912]
    #[arg(long, conflicts_with = "file")]
    size: Option<u64>,
    /// Directory on the server for this tool's files
    #[arg(long, default_value = "", conflicts_with = "file")]
    directory: String,
    /// Directory that list (SFTP: READDIR) and mlsd list
    #[arg(long, default_value = ".", conflicts_with = "file")]
    listing: String,
    /// Idle sessions
    #[arg(long, default_value_t = 2000, conflicts_with = "file")]
    sessions: usize,
    /// The server's process on this machine: measures its CPU and memory, children included
    #[arg(long)]
    pid: Option<u32>,
    /// Control group (v1 cpuacct or v2) that holds the server and nothing else, for exact CPU
    #[arg(long, requires = "pid")]
    cgroup: Option<PathBuf>,
    /// Binds client and server to this processor (latency without migrations)
    #[arg(long, requires = "pid", conflicts_with = "file")]
    pin: Option<usize>,
    /// A file's scenario with other chances
    #[arg(long, requires = "file")]
    seed: Option<u64>,
    /// Writes a file's report as a table in Markdown there
    #[arg(long, requires = "file")]
    markdown: Option<PathBuf>,
    /// Writes a file's report as a page with plots there, which opens offline
    #[arg(long, requires = "file")]
    html: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Runs the scenarios and prints the report; fails when an operation failed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    raise_descriptors();
    let gate = Arc::new(Gate::default());
    watch_signals(&gate, Second::Exits)?;
    let probe = arguments.pid.map(|pid| Probe::new(pid, arguments.cgroup.clone().map(Group::at)));
    if let Some(file) = &arguments.file {
        let targets = Targets::new(arguments)?;
        let of = |protocol| targets.of(protocol);
        let clean = load::run(file, &order(arguments), of, probe.as_ref(), &gate)?;
        return Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let protocol = if arguments.tls { Protocol::Ftps } else { arguments.protocol };
    let target = Targets::new(arguments)?.of(protocol)?;
    if let Some(alien) = arguments.scenario.iter().find(|scenario| !scenario.fits(protocol)) {
        bail!("{} has no {}", protocol.name(), alien.name());
    }
    let mut summaries = Vec::new();
    for scenario in &arguments.scenario {
        if gate.stopped() {
            break;
        }
        let plan = plan(arguments, *scenario, target.clone());
        let bar = Progress::start(&plan, &gate);
        let outcome = worker::measure(&plan, probe.as_ref(), &gate);
        drop(bar);
        let summary = outcome?.summary();
        if !arguments.json {
            print!("{summary}");
        }
        summaries.push(summary);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&summaries)?);
    }
    Ok(verdict(&summaries))
}

fn verdict(summaries: &[Summary]) -> ExitCode {
    let clean = summaries.iter().all(|summary| summary.errors.is_empty());
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn order(arguments: &Arguments) -> load::Order {
    load::Order {
        seed: arguments.seed,
        duration: arguments.duration.and_then(|time| Duration::try_from_secs_f64(time).ok()),
        clients: arguments.clients,
        users: arguments.users,
        json: arguments.json,
        markdown: arguments.markdown.clone(),
        html: arguments.html.clone(),
    }
}

/// The servers of the command line.
struct Targets<'a> {
    arguments: &'a Arguments,
    account: Arc<Account>,
}

impl<'a> Targets<'a> {
    fn new(arguments: &'a Arguments) -> Result<Self> {
        let variable = || std::env::var("LOADTEST_PASSWORD").ok();
        let password = arguments.password.clone().or_else(variable);
        let password = password.context("--password or LOADTEST_PASSWORD is missing")?;
        let account = Account::new(arguments.user.clone(), password, arguments.users);
        Ok(Self { arguments, account: Arc::new(account) })
    }

    /// The server of a protocol: the one that is named with it, or else the one that is named without.
    fn of(&self, protocol: Protocol) -> Result<Target> {
        let arguments = self.arguments;
        let address = address(&arguments.target, protocol)?;
        let wire = match protocol {
            Protocol::Ftp => Wire::Clear,
            Protocol::Ftps => Wire::Tls(tls::configuration()?),
            Protocol::Sftp => {
                Wire::Ssh(Arc::new(Settings::new(arguments.cipher, arguments.host_key)))
            }
        };
        Ok(Target { address, data: arguments.data, account: Arc::clone(&self.account), wire })
    }
}

fn address(targets: &[String], protocol: Protocol) -> Result<SocketAddr> {
    let mut found = None;
    for target in targets {
        match target.split_once('=') {
            None => found = found.or(Some(target.as_str())),
            Some((name, place)) => {
                let named = Protocol::from_str(name, false);
                let named =
                    named.map_err(|_| anyhow!("--target {target}: no protocol {name:?}"))?;
                if named == protocol {
                    found = Some(place);
                    break;
                }
            }
        }
    }
    let place = found.with_context(|| format!("no --target for {}", protocol.name()))?;
    let mut addresses = place
        .to_socket_addrs()
        .with_context(|| format!("--target {place}: host:port is needed"))?;
    addresses.next().with_context(|| format!("--target {place} has no address"))
}

fn plan(arguments: &Arguments, scenario: Scenario, target: Target) -> Plan {
    let duration = arguments.duration.or(arguments.count.is_none().then_some(DURATION_SECONDS));
    let mut plan = Plan::new(scenario, target);
    plan.clients = arguments.clients.unwrap_or(plan.clients).max(1);
    plan.size = arguments.size.unwrap_or(plan.size);
    plan.count = arguments.count;
    plan.duration = duration.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    plan.directory.clone_from(&arguments.directory);
    plan.listing.clone_from(&arguments.listing);
    plan.sessions = arguments.sessions;
    plan.placement = arguments.pin.map_or(Placement::Anywhere, Placement::Together);
    plan
}

/// The first SIGINT or SIGTERM ends the measurement with what was measured so far. A second one
/// ends the program, unless there is something that only an orderly end cleans up.
pub(crate) fn watch_signals(gate: &Arc<Gate>, second: Second) -> Result<()> {
    let gate = Arc::clone(gate);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(entered);
    let watch = async move {
        loop {
            poll_fn(|context| {
                let came = interrupt.poll_recv(context).is_ready();
                let ended = terminate.poll_recv(context).is_ready();
                if came || ended { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let repeated = gate.stop.swap(true, Ordering::Relaxed);
            match second {
                Second::Exits if repeated => std::process::exit(INTERRUPTED),
                Second::Exits => eprintln!("stopping; once more to stop at once"),
                Second::Waits => eprintln!("stopping; the servers are ended first"),
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(watch))?;
    Ok(())
}

/// What a second signal does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Second {
    /// Ends the program.
    Exits,
    /// Nothing more than the first.
    Waits,
}

/// Many sessions need many descriptors; a server started from here inherits the limit.
pub(crate) fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // The old limit may still be enough; if not, connecting says so.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A bar on a terminal, nothing elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    done: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Progress {
    /// Shows how far the plan is until it is dropped.
    pub(crate) fn start(plan: &Plan, gate: &Arc<Gate>) -> Self {
        gate.done.store(0, Ordering::Relaxed);
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let bar = match (plan.scenario, plan.count) {
            (Scenario::Idle, _) => ProgressBar::new(plan.sessions as u64),
            (_, Some(count)) => ProgressBar::new(count),
            (_, None) => ProgressBar::new_spinner(),
        };
        let form = "{prefix} {elapsed} {wide_bar} {pos} done, {per_sec}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_prefix(plan.scenario.name());
        let thread = std::io::stderr().is_terminal().then(|| {
            let (bar, gate, done) = (bar.clone(), Arc::clone(gate), Arc::clone(&done));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    bar.set_position(gate.done.load(Ordering::Relaxed));
                    std::thread::park_timeout(REFRESH);
                }
            })
        });
        Self { bar, done, thread }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

const DURATION_SECONDS: f64 = 10.0;

/// Four times a second: visible, and nothing beside the load.
const REFRESH: Duration = Duration::from_millis(250);

/// What a shell reports for a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_has_its_own_server_or_that_of_all() {
        let targets = ["127.0.0.1:21".to_owned(), "sftp=127.0.0.1:22".to_owned()];
        assert_eq!(address(&targets, Protocol::Ftps).unwrap().port(), 21);
        assert_eq!(address(&targets, Protocol::Sftp).unwrap().port(), 22);
        let [_, sftp] = targets;
        let error = address(&[sftp], Protocol::Ftp).unwrap_err().to_string();
        assert_eq!(error, "no --target for FTP");
        let error = address(&["ftsp=127.0.0.1:1".to_owned()], Protocol::Ftp).unwrap_err();
        assert!(error.to_string().contains("no protocol \"ftsp\""), "{error}");
    }
}

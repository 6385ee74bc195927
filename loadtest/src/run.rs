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

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use russh::keys::ssh_key::Fingerprint;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::account::Account;
use crate::client::ftp::tls;
use crate::client::sftp::ssh::{Cipher, Settings};
use crate::client::{Protocol, Target, Wire};
use crate::cpu::{Group, Probe};
use crate::report::Summary;
use crate::scenario::{Plan, Scenario};
use crate::worker::{self, Gate};

/// What the command line says.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The control port, or the port of SSH; host:port
    #[arg(long)]
    target: String,
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
    #[arg(long, value_enum, default_value = "ftp")]
    protocol: Protocol,
    /// The same as --protocol ftps
    #[arg(long, conflicts_with = "protocol")]
    tls: bool,
    /// SFTP: the only cipher that is offered
    #[arg(long, value_enum, default_value = "aes128-gcm")]
    cipher: Cipher,
    /// SFTP: the fingerprint of the only host key that is taken, as SHA256:...; without it any is
    #[arg(long)]
    host_key: Option<Fingerprint>,
    /// What to do, one after the other
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    scenario: Vec<Scenario>,
    /// Sessions at once [default: login, idle 32; small files 8; else 1]
    #[arg(long, visible_alias = "streams")]
    clients: Option<usize>,
    /// Seconds in which operations start [default: 10 unless --count is given]
    #[arg(long)]
    duration: Option<f64>,
    /// Operations over all clients
    #[arg(long)]
    count: Option<u64>,
    /// Bytes per file [default: 1024; download, upload 536870912]
    #[arg(long)]
    size: Option<u64>,
    /// Directory on the server for this tool's files
    #[arg(long, default_value = "")]
    directory: String,
    /// Directory that list (SFTP: READDIR) and mlsd list
    #[arg(long, default_value = ".")]
    listing: String,
    /// Idle sessions
    #[arg(long, default_value_t = 2000)]
    sessions: usize,
    /// The server's process on this machine: measures its CPU and memory, children included
    #[arg(long)]
    pid: Option<u32>,
    /// Control group (v1 cpuacct or v2) that holds the server and nothing else, for exact CPU
    #[arg(long, requires = "pid")]
    cgroup: Option<PathBuf>,
    /// Binds client and server to this processor (latency without migrations)
    #[arg(long, requires = "pid")]
    pin: Option<usize>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Runs the scenarios and prints the report; fails when an operation failed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    raise_descriptors();
    let gate = Arc::new(Gate::default());
    watch_signals(&gate, Second::Exits)?;
    let target = target(arguments)?;
    let protocol = target.protocol();
    if let Some(alien) = arguments.scenario.iter().find(|scenario| !scenario.fits(protocol)) {
        bail!("{} has no {}", protocol.name(), alien.name());
    }
    let probe = arguments.pid.map(|pid| Probe::new(pid, arguments.cgroup.clone().map(Group::at)));
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

fn target(arguments: &Arguments) -> Result<Target> {
    let mut addresses = arguments
        .target
        .to_socket_addrs()
        .with_context(|| format!("--target {}", arguments.target))?;
    let address: SocketAddr = addresses.next().context("--target has no address")?;
    let password = arguments.password.clone().or_else(|| std::env::var("LOADTEST_PASSWORD").ok());
    let password = password.context("--password or LOADTEST_PASSWORD is missing")?;
    let account = Arc::new(Account::new(arguments.user.clone(), password, arguments.users));
    let protocol = if arguments.tls { Protocol::Ftps } else { arguments.protocol };
    let wire = match protocol {
        Protocol::Ftp => Wire::Clear,
        Protocol::Ftps => Wire::Tls(tls::configuration()?),
        Protocol::Sftp => Wire::Ssh(Arc::new(Settings::new(arguments.cipher, arguments.host_key))),
    };
    Ok(Target { address, data: arguments.data, account, wire })
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
    plan.processor = arguments.pin;
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

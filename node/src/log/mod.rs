//! The log: one line per event on standard error, as text or JSON, and one per transfer in a file.
//!
//! An arbiter never waits for a log. A line goes into a bounded queue whose writer is a thread of
//! its own; when nobody reads fast enough lines are dropped, counted, and the count is logged.
//!
//! `gate` says which events are written, by their level and by how much their `place` in the code wrote
//! already; `layer` takes them from `tracing`, `press` makes their lines, `ring` keeps those that a
//! session may need later.

use std::fmt;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use flotilla_protocol::path::VirtualPath;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::auth::Protocol;
use crate::config::{LogFormat, Telemetry};
use crate::error::ServeError;
use crate::telemetry::Exporter;

mod about;
mod field;
mod gate;
mod layer;
mod otlp;
mod place;
mod press;
mod queue;
mod render;
mod ring;
mod seldom;
mod xferlog;

pub(crate) use about::{About, change, current, resume};
pub(crate) use gate::{ACCOUNT, BadFilter, LevelState};
pub(crate) use ring::Ring;
pub(crate) use seldom::Seldom;
pub use xferlog::{XferLog, write_xferlog};

use gate::{FAILED, Gate};
use otlp::Export;
use press::Press;
use queue::{Output, Queue};
use render::Form;

/// One transfer that ended, or one file that a client deleted.
#[derive(Clone, Debug)]
pub struct TransferRecord<'a> {
    /// When it ended.
    pub ended: SystemTime,
    /// How long it took.
    pub elapsed: Duration,
    /// The client's address.
    pub client: IpAddr,
    /// Bytes moved.
    pub bytes: u64,
    /// The file.
    pub path: &'a VirtualPath,
    /// TYPE A.
    pub ascii: bool,
    /// Which way the bytes went.
    pub direction: Direction,
    /// Whether the user was let in without a password.
    pub anonymous: bool,
    /// The user's name; of an anonymous one, what was sent as the password.
    pub user: &'a str,
    /// Whether all bytes arrived.
    pub complete: bool,
    /// By which protocol.
    pub protocol: Protocol,
}

/// Which way the bytes of a transfer go, as seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// An upload.
    In,
    /// A download.
    Out,
    /// No bytes: the file was deleted.
    Delete,
}

/// The running log. Dropped, it waits up to a second for the lines that are still queued.
pub struct LogHandle(LogLevel);

/// What is logged, to be looked at and changed while the node runs.
#[derive(Clone)]
pub(crate) struct LogLevel {
    press: Arc<Press>,
    queue: Queue,
}

/// Starts the log of this process. What `exporter` wants of it goes there as well.
///
/// # Errors
/// A filter that can not be read, no thread for the writer, or a log that runs already.
pub(crate) fn init(telemetry: &Telemetry, exporter: &Exporter) -> Result<LogHandle, ServeError> {
    let failed = |reason: String| ServeError::Runtime(format!("can not start the log: {reason}"));
    let form = match telemetry.log {
        LogFormat::Json => Form::Json,
        LogFormat::Text => Form::Text { colour: colour() },
    };
    let gate = Gate::new(telemetry).map_err(|error| refused(&error))?;
    let level = start(gate, form, Output::Stderr, exporter.logs())
        .map_err(|error| failed(error.to_string()))?;
    tracing_subscriber::registry()
        .with(exporter.layer())
        .with(layer::layer(&level.press, &level.queue))
        .try_init()
        .map_err(|error| failed(error.to_string()))?;
    // There is one log in a process, as there is one subscriber.
    let _ = RUNNING.set(level.clone());
    Ok(LogHandle(level))
}

fn start(
    gate: Gate,
    form: Form,
    output: Output,
    provider: Option<&SdkLoggerProvider>,
) -> io::Result<LogLevel> {
    let press = Arc::new(Press::new(gate, form, provider.map(Export::new)));
    let pressed = Arc::clone(&press);
    let chore = Box::new(move |lines: &mut Vec<u8>| pressed.chore(lines));
    let queue = Queue::spawn_with("log", output, chore)?;
    Ok(LogLevel { press, queue })
}

/// The level of this process's log; `None`: nothing is logged, as in tests.
pub(crate) fn level() -> Option<&'static LogLevel> {
    RUNNING.get()
}

/// Something failed in the session that this thread works for: what was kept of it is written.
pub(crate) fn fail(reason: &str) {
    if about::is_kept() {
        tracing::info!(target: FAILED, reason, "the session failed, what was kept of it follows");
    }
}

impl LogHandle {
    /// Names this node in every line from now on; the first name stays.
    pub fn set_node(&self, id: &str) {
        let _ = self.0.press.node.set(id.into());
    }

    /// Takes over the level and the limits of a configuration that was read again; a level that an operator
    /// chose is over. The form stays: whoever reads the log can not know where it would change.
    ///
    /// # Errors
    /// A filter that can not be read; the old one stays.
    pub fn reload(&self, telemetry: &Telemetry) -> Result<(), ServeError> {
        self.0.press.gate.configure(telemetry).map_err(|error| refused(&error))
    }

    /// Lines dropped since the start, for the metrics.
    pub fn dropped(&self) -> u64 {
        self.0.queue.dropped()
    }
}

impl LogLevel {
    /// What is in force.
    pub(crate) fn state(&self) -> LevelState {
        self.press.gate.state(Instant::now())
    }

    /// Puts a filter into force, for some time or until a reload.
    ///
    /// # Errors
    /// A text that is no filter; all stays as it was.
    pub(crate) fn choose(&self, filter: &str, period: Option<Duration>) -> Result<(), BadFilter> {
        self.press.gate.choose(filter, period.map(|period| Instant::now() + period))?;
        // The writer's thread ends the period.
        self.queue.wake();
        Ok(())
    }

    /// Puts the configured filter into force.
    pub(crate) fn fall_back(&self) {
        self.press.gate.fall_back();
    }
}

impl Drop for LogHandle {
    fn drop(&mut self) {
        self.0.queue.flush(FLUSH_WAIT);
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

fn refused(error: &BadFilter) -> ServeError {
    ServeError::Runtime(format!("telemetry.level: {error}"))
}

/// Colour is for eyes: on a terminal, unless <https://no-color.org> is asked for.
fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The log that [`init`] started.
static RUNNING: OnceLock<LogLevel> = OnceLock::new();

/// How long the last lines may take at the end: a pipe that nobody reads must not keep a process.
const FLUSH_WAIT: Duration = Duration::from_secs(1);

//! The log: one line per event on standard error, as text or JSON, and one per transfer in a file.
//!
//! An arbiter never waits for a log. A line goes into a bounded queue whose writer is a thread of
//! its own; when nobody reads fast enough lines are dropped, counted, and the count is logged.

use std::fmt;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use flotilla_protocol::path::VirtualPath;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::auth::Protocol;
use crate::config::{LogFormat, Telemetry};
use crate::error::ServeError;
use crate::telemetry::Exporter;

mod about;
mod field;
mod layer;
mod queue;
mod render;
mod seldom;
mod xferlog;

pub(crate) use about::{About, change, current, resume};
pub(crate) use seldom::Seldom;
pub use xferlog::{XferLog, write_xferlog};

use layer::{Level, Lines};
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
pub struct LogHandle {
    level: Level,
    node: Arc<OnceLock<String>>,
    queue: Queue,
}

/// Starts the log of this process.
///
/// # Errors
/// A filter that can not be read, no thread for the writer, or a log that runs already.
pub(crate) fn init(telemetry: &Telemetry, exporter: &Exporter) -> Result<LogHandle, ServeError> {
    let failed = |reason: String| ServeError::Runtime(format!("can not start the log: {reason}"));
    let queue = Queue::spawn("log", Output::Stderr).map_err(|error| failed(error.to_string()))?;
    let form = match telemetry.log {
        LogFormat::Json => Form::Json,
        LogFormat::Text => Form::Text { colour: colour() },
    };
    let node = Arc::new(OnceLock::new());
    let level = Level::new(targets(&telemetry.level)?);
    tracing_subscriber::registry()
        .with(exporter.layer())
        .with(Lines::new(queue.clone(), form, level.clone(), Arc::clone(&node)))
        .try_init()
        .map_err(|error| failed(error.to_string()))?;
    Ok(LogHandle { level, node, queue })
}

impl LogHandle {
    /// Names this node in every line from now on; the first name stays.
    pub fn set_node(&self, id: &str) {
        let _ = self.node.set(id.to_owned());
    }

    /// Takes over the level of a configuration that was read again. The form stays: whoever reads
    /// the log can not know where it would change.
    ///
    /// # Errors
    /// A filter that can not be read; the old one stays.
    pub fn reload(&self, telemetry: &Telemetry) -> Result<(), ServeError> {
        self.level.set(targets(&telemetry.level)?);
        Ok(())
    }

    /// Lines dropped since the start, for the metrics.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

impl Drop for LogHandle {
    fn drop(&mut self) {
        self.queue.flush(FLUSH_WAIT);
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

/// The configured levels; the HTTP library's notes on its own threads count as warnings at least,
/// unless they are asked for by name.
fn targets(level: &str) -> Result<Targets, ServeError> {
    format!("actix_server=warn,{level}")
        .parse()
        .map_err(|error| ServeError::Runtime(format!("telemetry.level \"{level}\": {error}")))
}

/// Colour is for eyes: on a terminal, unless <https://no-color.org> is asked for.
fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// How long the last lines may take at the end: a pipe that nobody reads must not keep a process.
const FLUSH_WAIT: Duration = Duration::from_secs(1);

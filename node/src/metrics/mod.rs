//! Every metric of the node, each defined once: name, labels, help. The table of all of them is in
//! [`manual::metrics`](crate::manual::metrics).
//!
//! | file | what |
//! | --- | --- |
//! | `book`, `definition` | where metrics are entered; both ways out, `/metrics` and OTLP, are made of that |
//! | `instrument`, `histogram`, `watched` | what counts and measures, and what is looked up elsewhere |
//! | `label`, `family` | labels, whose values are known when the program is built, and instruments by them: nobody who connects can add a series |
//! | `plain` | the older text format, for those who do not ask for OpenMetrics |
//! | `table` | the manual's table |
//! | `session`, `login`, `command`, `transfer`, `data`, `relay`, `proxy`, `storage`, `pool`, `aws`, `mailbox`, `telemetry`, `process` | the metrics |
//! | `top` | the one that knows users, where it is asked for |
//!
//! Counting is one atomic step on a place that is found by number: no look-up by text, no lock, no allocation. Histograms
//! and `top` take a short lock that all cores share, once in a transfer or a job; an operation of the storage that is not
//! answered at once is wrapped to be counted, which allocates.

mod aws;
mod book;
mod command;
mod data;
mod definition;
mod family;
mod histogram;
mod instrument;
mod label;
mod login;
mod mailbox;
mod plain;
mod pool;
mod process;
mod proxy;
mod relay;
mod session;
mod storage;
mod table;
mod telemetry;
#[cfg(test)]
mod tests;
mod top;
mod transfer;
mod watched;

use opentelemetry::global;

use self::book::Book;

pub(crate) use self::command::{Commands, SftpRequest};
pub(crate) use self::data::{DataConnections, DataRefusal};
pub(crate) use self::family::Family;
pub(crate) use self::histogram::Histogram;
pub(crate) use self::instrument::{Counter, Gauge, Occupied};
pub(crate) use self::login::{AdmissionResult, LoginMethod, LoginResult, Logins};
pub(crate) use self::mailbox::{Mailbox, Queued};
pub(crate) use self::plain::{OPEN, PLAIN, plain};
pub(crate) use self::pool::{CountedStore, PoolState};
pub(crate) use self::process::Process;
pub(crate) use self::proxy::ProxyHeaders;
pub(crate) use self::relay::{RelayCounts, RelayRefusal};
pub(crate) use self::session::{ConnectionRefusal, Living, Probe, Sessions};
pub(crate) use self::storage::{StorageCounts, StorageOperation};
pub(crate) use self::table::reference;
pub(crate) use self::transfer::{Over, TransferDirection, TransferResult, Transfers};

/// The metrics of a node; shared by all arbiters.
pub(crate) struct Metrics {
    book: Book,
    pub(crate) sessions: Sessions,
    pub(crate) proxy: ProxyHeaders,
    pub(crate) logins: Logins,
    pub(crate) commands: Commands,
    pub(crate) transfers: Transfers,
    pub(crate) data: DataConnections,
    pub(crate) relay: RelayCounts,
    pub(crate) storage: StorageCounts,
    pub(crate) pool: PoolState,
    pub(crate) process: Process,
    pub(crate) ready: Gauge,
    pub(crate) draining: Gauge,
    pub(crate) certificate_expiry: Gauge,
}

impl Metrics {
    /// All at 0. OTLP gets them if the global provider is there by now. `top_users`: `telemetry.top_users`.
    pub(crate) fn new(top_users: usize) -> Self {
        Self::in_book(Book::new(global::meter("flotilla")), top_users)
    }

    fn in_book(mut book: Book, top_users: usize) -> Self {
        let entered = &mut book;
        let sessions = Sessions::new(entered);
        let proxy = ProxyHeaders::new(entered);
        let logins = Logins::new(entered);
        let commands = Commands::new(entered);
        let transfers = Transfers::new(entered, top_users);
        let data = DataConnections::new(entered);
        let relay = RelayCounts::new(entered);
        let storage = StorageCounts::new(entered);
        let pool = PoolState::new(entered);
        aws::enter(entered);
        mailbox::enter(entered);
        telemetry::enter(entered);
        let process = Process::new(entered);
        Self {
            sessions,
            proxy,
            logins,
            commands,
            transfers,
            data,
            relay,
            storage,
            pool,
            process,
            ready: entered.one("flotilla_ready", "1 while the node is ready"),
            draining: entered.one("flotilla_draining", "1 while the node sends its clients away"),
            certificate_expiry: entered.one(
                "flotilla_certificate_expiry_seconds",
                "When the first certificate ends, Unix time",
            ),
            book,
        }
    }

    /// All of them in the text format of OpenMetrics.
    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        self.book.encode()
    }
}

//! Uploads, downloads, and listings.

use std::sync::Arc;
use std::time::Duration;

use flotilla_protocol::failure::Failure;
use opentelemetry::trace::TraceId;

use super::book::Book;
use super::family::Family;
use super::histogram::{self, Histogram};
use super::instrument::{Counter, Gauge};
use super::label::label;
use super::top::TopUsers;
use crate::auth::Protocol;

label! {
    /// Which way the bytes go.
    TransferDirection = "direction" {
        Upload = "upload",
        Download = "download",
        /// LIST and its kin, on a data connection.
        Listing = "listing",
    }
}

label! {
    /// What came of it, by who is to blame.
    TransferResult = "result" {
        Ok = "ok",
        /// The client said so, or the session was ended.
        Aborted = "aborted",
        /// The client asked for what is not there or can not be.
        Request = "request",
        /// A permission or a limit.
        Policy = "policy",
        /// The data connection did not come, stood still, or broke.
        Connection = "connection",
        /// The storage.
        Storage = "storage",
        /// We.
        Server = "server",
    }
}

/// The transfers of the node.
pub(crate) struct Transfers {
    /// Counted as they move.
    pub(crate) bytes: Family<(Protocol, TransferDirection), Counter>,
    ended: Family<(Protocol, TransferDirection, TransferResult), Counter>,
    seconds: Family<(Protocol, TransferDirection), Histogram>,
    rate: Family<(Protocol, TransferDirection), Histogram>,
    size: Family<(Protocol, TransferDirection), Histogram>,
    pub(crate) active: Gauge,
    pub(crate) users: Arc<TopUsers>,
}

/// One transfer that is over.
pub(crate) struct Over<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) direction: TransferDirection,
    pub(crate) result: TransferResult,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) user: &'a str,
    /// Its trace, if that is exported: where an exemplar leads.
    pub(crate) trace: Option<TraceId>,
}

impl Transfers {
    pub(super) fn new(book: &mut Book, users: usize) -> Self {
        Self {
            bytes: book.family(
                "flotilla_transfer_bytes_total",
                "Bytes of transfers, counted as they move",
            ),
            ended: book.family(
                "flotilla_transfers_total",
                "Transfers that are over, by what came of them",
            ),
            seconds: book.histograms(
                "flotilla_transfer_seconds",
                "How long transfers took",
                histogram::TRANSFER_SECONDS,
            ),
            rate: book.histograms(
                "flotilla_transfer_rate_bytes_per_second",
                "Bytes per second of transfers that moved some and succeeded",
                histogram::RATES,
            ),
            size: book.histograms(
                "flotilla_transfer_size_bytes",
                "Bytes of transfers that succeeded",
                histogram::SIZES,
            ),
            active: book.one(
                "flotilla_transfers_active",
                "Transfers under way, as of the node's last word to its pool",
            ),
            users: TopUsers::new(book, users),
        }
    }

    /// One is over. Its bytes were counted as they moved.
    pub(crate) fn over(&self, over: &Over<'_>) {
        let Over { protocol, direction, result, bytes, elapsed, user, trace } = *over;
        self.ended.of((protocol, direction, result)).inc();
        let of = (protocol, direction);
        self.seconds.of(of).observe(elapsed.as_secs_f64(), trace);
        if result == TransferResult::Ok {
            self.size.of(of).observe(bytes as f64, trace);
            if bytes > 0 && !elapsed.is_zero() {
                self.rate.of(of).observe(bytes as f64 / elapsed.as_secs_f64(), trace);
            }
        }
        self.users.moved(user, direction, bytes);
    }
}

impl TransferResult {
    /// Of a failure, if there is one.
    pub(crate) fn of(failure: Option<&Failure>) -> Self {
        match failure {
            None => Self::Ok,
            Some(Failure::Aborted | Failure::Stopping) => Self::Aborted,
            Some(
                Failure::NotFound
                | Failure::Exists
                | Failure::NotDirectory
                | Failure::IsDirectory
                | Failure::NotEmpty
                | Failure::NotRegular
                | Failure::BadName
                | Failure::BadOffset
                | Failure::BadRename,
            ) => Self::Request,
            Some(Failure::Denied(_) | Failure::Limit(_)) => Self::Policy,
            Some(
                Failure::NoSpace
                | Failure::Quota
                | Failure::StorageTimeout
                | Failure::StorageError
                | Failure::Unsupported,
            ) => Self::Storage,
            Some(
                Failure::PortsExhausted
                | Failure::DataTimeout
                | Failure::DataRefused
                | Failure::DataBroken
                | Failure::DataStalled
                | Failure::DataHandshake
                | Failure::DataNotResumed,
            ) => Self::Connection,
            Some(Failure::Internal) => Self::Server,
        }
    }
}

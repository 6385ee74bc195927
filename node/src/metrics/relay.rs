//! What the relay did.

use super::book::Book;
use super::family::Family;
use super::instrument::{Counter, Occupied};
use super::label::label;

label! {
    /// Why a data connection is not carried, or one that another node brought not taken.
    RelayRefusal = "reason" {
        /// `relay.connections`.
        Limit = "limit",
        /// Its owner was not reached, or too many dial it.
        Dial = "dial",
        /// Too many are silent.
        Crowded = "crowded",
        /// Its preamble did not come in time.
        Late = "late",
        /// Its owner speaks something else.
        Welcome = "welcome",
        /// It broke.
        Broken = "broken",
        /// The node has no relay key yet.
        NoKey = "no_key",
        /// Its preamble is no node's of the pool.
        Preamble = "preamble",
        /// It is meant for an earlier life of the node.
        Stale = "stale",
        /// The arbiter that has the port is overrun.
        Busy = "busy",
        /// Its preamble was taken before.
        Replay = "replay",
        /// Nobody waits for its client.
        Unknown = "unknown",
    }
}

/// What the relay did.
#[derive(Clone, Debug, Default)]
pub(crate) struct RelayCounts {
    /// Connections that were carried to another node.
    pub(crate) sent: Counter,
    /// Connections that another node brought, and that a session took.
    pub(crate) received: Counter,
    refused: Family<RelayRefusal, Counter>,
    /// Carried now.
    pub(crate) active: Occupied,
    /// Carried, both ways together.
    pub(crate) bytes: Counter,
}

impl RelayCounts {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            sent: book.one("flotilla_relay_sent_total", "Data connections carried to another node"),
            received: book
                .one("flotilla_relay_received_total", "Data connections brought by others"),
            refused: book.family(
                "flotilla_relay_refused_total",
                "Data connections that were not carried, or not taken",
            ),
            active: Occupied::new(
                book.one("flotilla_relay_active", "Data connections carried now"),
            ),
            bytes: book.one("flotilla_relay_bytes_total", "Bytes that were carried, both ways"),
        }
    }

    /// One was not carried, or not taken, for this reason.
    pub(crate) fn refused(&self, reason: RelayRefusal) {
        self.refused.of(reason).inc();
    }
}

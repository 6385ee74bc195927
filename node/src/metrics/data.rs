//! Passive ports and data connections.

use super::book::Book;
use super::family::Family;
use super::instrument::{Counter, Gauge};
use super::label::label;
use crate::ports::PortCounts;
use crate::tls::Binding;

label! {
    /// What passive ports are doing.
    PortState = "state" {
        /// A listener is open, (port, local address) each.
        Listening = "listening",
        /// It waits for its client.
        Pending = "pending",
        /// Kept from a client for a while, because it did not come.
        Lingering = "lingering",
    }
}

label! {
    /// Why a data connection is not taken.
    DataRefusal = "reason" {
        /// Nobody waits for its address.
        Stranger = "stranger",
        /// Too many shake hands for one transfer.
        Crowded = "crowded",
        /// Its TLS handshake failed.
        Handshake = "handshake",
        /// Its TLS handshake was not done when another one was the client's, or nobody was waited for any more.
        Unfinished = "unfinished",
        /// Its TLS session is not the control connection's (`ftp.passive.data_reuse`, `data_peer = "tls"`).
        Session = "session",
        /// It begins with a PROXY header that is not expected.
        Header = "header",
    }
}

label! {
    /// Whose TLS session a data connection had.
    TlsReuse = "result" {
        /// The control connection's.
        Resumed = "resumed",
        /// A new one.
        Fresh = "fresh",
        /// Another connection's.
        Foreign = "foreign",
    }
}

/// The data connections of the node.
pub(crate) struct DataConnections {
    ports: Family<PortState, Gauge>,
    configured: Gauge,
    granted: Counter,
    exhausted: Counter,
    conflicts: Counter,
    pub(crate) refused: Family<DataRefusal, Counter>,
    reuse: Family<TlsReuse, Counter>,
}

impl DataConnections {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            ports: book.family("flotilla_passive_ports", "Passive ports, by what they are doing"),
            configured: book.one(
                "flotilla_passive_ports_configured",
                "Ports of the configured passive range, of the whole pool where it shares them",
            ),
            granted: book
                .one("flotilla_passive_granted_total", "Passive ports that clients were told"),
            exhausted: book
                .one("flotilla_passive_exhausted_total", "PASV and EPSV that found no free port"),
            conflicts: book.one(
                "flotilla_passive_conflicts_total",
                "Passive ports that could not be bound, since another program has them",
            ),
            refused: book.family(
                "flotilla_data_connections_refused_total",
                "Data connections that were closed instead of taken",
            ),
            reuse: book.family(
                "flotilla_tls_data_reuse_total",
                "TLS handshakes of data connections, by whose session they resumed",
            ),
        }
    }

    /// Takes over the counts of the passive ports.
    pub(crate) fn take(&self, counts: &PortCounts) {
        self.ports.of(PortState::Listening).set(counts.listening);
        self.ports.of(PortState::Pending).set(counts.pending);
        self.ports.of(PortState::Lingering).set(counts.lingering);
        self.configured.set(counts.range.count());
        self.granted.raise_to(counts.granted_total);
        self.exhausted.raise_to(counts.exhausted_total);
        self.conflicts.raise_to(counts.conflicts_total);
        self.refused.of(DataRefusal::Stranger).raise_to(counts.refused_total);
    }

    /// A TLS handshake of a data connection is done.
    pub(crate) fn shaken(&self, binding: Binding) {
        let reuse = match binding {
            Binding::Resumed => TlsReuse::Resumed,
            Binding::Fresh => TlsReuse::Fresh,
            Binding::Foreign => TlsReuse::Foreign,
        };
        self.reuse.of(reuse).inc();
    }
}

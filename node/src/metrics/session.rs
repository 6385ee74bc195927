//! Sessions, and connections that do not become one.

use super::book::Book;
use super::family::Family;
use super::instrument::{Counter, Gauge, Occupied};
use super::label::{Label, label};
use crate::auth::Protocol;
use crate::tls::HandshakeError;

impl Label for Protocol {
    const NAME: &'static str = "protocol";
    const COUNT: usize = 3;

    fn values() -> Vec<&'static str> {
        vec!["ftp", "ftps", "ssh"]
    }

    fn place(self) -> usize {
        match self {
            Self::Ftp => 0,
            Self::Ftps => 1,
            Self::Ssh => 2,
        }
    }
}

label! {
    /// Why a connection is closed before it is a session.
    ConnectionRefusal = "reason" {
        /// Its address is.
        Banned = "banned",
        /// `limits.connections`.
        Connections = "connections",
        /// `limits.unauthenticated`, `limits.unauthenticated_per_address`.
        Unauthenticated = "unauthenticated",
        /// `ssh.startups`.
        Startups = "startups",
        /// The node lets nobody in.
        Draining = "draining",
    }
}

label! {
    /// How a connection shows that it is nobody's.
    Probe = "kind" {
        /// It ended without a byte, or said nothing in time.
        Silent = "silent",
        /// A PROXY header says that the balancer itself made it.
        Local = "local",
    }
}

label! {
    /// Why a TLS handshake of a control connection failed; the words of [`HandshakeError::word`].
    TlsFailure = "reason" {
        /// Not a byte came, after AUTH.
        Silent = "silent",
        /// It took too long.
        Deadline = "timeout",
        /// The connection ended.
        Broken = "connection_broken",
        /// The peers do not get on, or the bytes are no TLS.
        Tls = "tls",
    }
}

impl TlsFailure {
    fn of(error: &HandshakeError) -> Self {
        match error {
            HandshakeError::Silent => Self::Silent,
            HandshakeError::Deadline => Self::Deadline,
            HandshakeError::Broken(_) => Self::Broken,
            HandshakeError::Tls(_) => Self::Tls,
        }
    }
}

/// The sessions of the node.
pub(crate) struct Sessions {
    live: Family<Protocol, Gauge>,
    starts: Family<Protocol, Counter>,
    /// How many the node takes at once.
    pub(crate) limit: Gauge,
    pub(crate) unauthenticated: Occupied,
    pub(crate) ssh_startups: Occupied,
    pub(crate) refused: Family<ConnectionRefusal, Counter>,
    pub(crate) probes: Family<Probe, Counter>,
    pub(crate) accept_errors: Counter,
    tls_failed: Family<TlsFailure, Counter>,
    pub(crate) key_updates: Counter,
}

impl Sessions {
    pub(super) fn new(book: &mut Book) -> Self {
        let unauthenticated = "Control connections that live and have no login, SSH included";
        Self {
            live: book.family(
                "flotilla_sessions",
                "Control connections that live, by the protocol that they speak now",
            ),
            starts: book.family(
                "flotilla_session_starts_total",
                "Control connections that were let in, by the protocol that they began with",
            ),
            limit: book
                .one("flotilla_sessions_limit", "Control connections that the node takes at once"),
            unauthenticated: Occupied::new(book.one("flotilla_unauthenticated", unauthenticated)),
            ssh_startups: Occupied::new(
                book.one("flotilla_ssh_startups", "SSH connections that live and have no login"),
            ),
            refused: book.family(
                "flotilla_connections_refused_total",
                "Control connections that were not let in",
            ),
            probes: book.family(
                "flotilla_probe_connections_total",
                "Connections of health checks and scanners; those that were let in are among the starts too",
            ),
            accept_errors: book.one("flotilla_accept_errors_total", "Failed accepts of listeners"),
            tls_failed: book.family(
                "flotilla_tls_failed_total",
                "Failed TLS handshakes of control connections, but for those of silent probes",
            ),
            key_updates: book.one(
                "flotilla_key_updates_total",
                "KeyUpdates sent to keep control connections under TLS 1.3",
            ),
        }
    }

    /// The TLS handshake of one failed.
    pub(crate) fn handshake_failed(&self, error: &HandshakeError) {
        self.tls_failed.of(TlsFailure::of(error)).inc();
    }

    /// One begins; it lives as long as what is returned.
    #[must_use]
    pub(crate) fn began(&self, protocol: Protocol) -> Living {
        self.live.of(protocol).inc();
        self.starts.of(protocol).inc();
        Living { live: self.live.clone(), protocol }
    }

    /// How many live.
    pub(crate) fn live(&self) -> usize {
        usize::try_from(self.live.iter().map(Gauge::count).sum::<i64>()).unwrap_or(0)
    }
}

/// One that lives. However it ends, it is not counted any more then: `limits.connections` is held against that count.
#[derive(Debug)]
pub(crate) struct Living {
    live: Family<Protocol, Gauge>,
    /// By which it is counted now.
    protocol: Protocol,
}

impl Living {
    /// It is under TLS now.
    pub(crate) fn secured(&mut self) {
        self.live.of(self.protocol).dec();
        self.protocol = Protocol::Ftps;
        self.live.of(self.protocol).inc();
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.live.of(self.protocol).dec();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn who_lives_is_counted_once() {
        let sessions = Sessions::new(&mut Book::new(opentelemetry::global::meter("test")));
        let live = || [Protocol::Ftp, Protocol::Ftps].map(|of| sessions.live.of(of).count());
        let mut one = sessions.began(Protocol::Ftp);
        let other = sessions.began(Protocol::Ftps);
        assert_eq!((live(), sessions.live()), ([1, 1], 2));
        one.secured();
        assert_eq!(live(), [0, 2]);
        // Its certificate may be asked for anew.
        one.secured();
        assert_eq!(live(), [0, 2]);
        drop((one, other));
        assert_eq!((live(), sessions.live()), ([0, 0], 0));
    }

    #[test]
    fn failed_handshakes_are_told_in_the_words_of_the_traces() {
        let tls = rustls::Error::DecryptError;
        for error in [
            HandshakeError::Silent,
            HandshakeError::Deadline,
            HandshakeError::Broken(io::ErrorKind::UnexpectedEof.into()),
            HandshakeError::Tls(tls),
        ] {
            assert_eq!(TlsFailure::of(&error).word(), error.word());
        }
    }
}

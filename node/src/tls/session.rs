//! Which session a TLS connection belongs to.

use std::cell::Cell;
use std::fmt;

use aws_lc_rs::rand;
use flotilla_protocol::ftp::Failure;
use rustls::{HandshakeKind, ServerConnection};

use crate::config::DataReuse;

/// Names one control connection. Secret: whoever could forge it could claim its data connections,
/// so it leaves the process only inside sealed tickets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionKey([u8; SESSION_KEY_BYTES]);

impl SessionKey {
    /// A new one. Fails only without a source of randomness.
    pub fn random() -> Result<Self, Failure> {
        let mut bytes = [0; SESSION_KEY_BYTES];
        rand::fill(&mut bytes).map_err(|_| Failure::Internal)?;
        Ok(Self(bytes))
    }

    pub(super) fn from_bytes(bytes: [u8; SESSION_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; SESSION_KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey([redacted])")
    }
}

/// Whose TLS session a data connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// A new one: a full handshake.
    Fresh,
    /// It resumes one of this control connection.
    Resumed,
    /// It resumes one of somebody else.
    Foreign,
}

/// Whether a data connection may serve the session: `ftp.passive.data_reuse`.
pub fn judge(reuse: DataReuse, binding: Binding) -> Result<(), Failure> {
    match (reuse, binding) {
        (DataReuse::Off, _)
        | (DataReuse::Match, Binding::Fresh)
        | (DataReuse::Match | DataReuse::Require, Binding::Resumed) => Ok(()),
        (DataReuse::Match | DataReuse::Require, Binding::Foreign)
        | (DataReuse::Require, Binding::Fresh) => Err(Failure::DataNotResumed),
    }
}

/// Ties the handshake of one connection to a session.
///
/// rustls asks for tickets to be sealed and opened without saying for which connection. It does so
/// only while packets are processed, on the caller's thread: so whoever drives a handshake does it
/// inside [`SessionScope::run`], and the tickets learn from a variable of the thread whose they
/// are. Outside of a scope tickets belong to nobody.
#[derive(Debug)]
pub struct SessionScope {
    note: Note,
}

/// What a handshake and its tickets tell each other.
#[derive(Clone, Copy, Debug)]
struct Note {
    key: SessionKey,
    /// The session of the ticket opened last.
    opened: Option<SessionKey>,
}

thread_local! {
    static CURRENT: Cell<Option<Note>> = const { Cell::new(None) };
}

impl SessionScope {
    /// For one connection of the session.
    pub fn new(key: SessionKey) -> Self {
        Self { note: Note { key, opened: None } }
    }

    /// Runs one step of the handshake (a poll, or `process_new_packets`).
    pub fn run<R>(&mut self, step: impl FnOnce() -> R) -> R {
        CURRENT.set(Some(self.note));
        let result = step();
        if let Some(note) = CURRENT.take() {
            self.note = note;
        }
        result
    }

    /// Whose session the connection is, after its handshake.
    pub fn binding(&self, connection: &ServerConnection) -> Binding {
        match (connection.handshake_kind(), self.note.opened) {
            // rustls tries offered tickets in turn and stops at the first that it resumes, so the
            // one opened last is the one.
            (Some(HandshakeKind::Resumed), Some(key)) if key == self.note.key => Binding::Resumed,
            (Some(HandshakeKind::Resumed), _) => Binding::Foreign,
            _ => Binding::Fresh,
        }
    }
}

/// The session that tickets made now belong to.
pub(super) fn current() -> SessionKey {
    CURRENT.get().map_or(SessionKey([0; SESSION_KEY_BYTES]), |note| note.key)
}

/// Notes whose ticket was opened.
pub(super) fn opened(key: SessionKey) {
    if let Some(note) = CURRENT.get() {
        CURRENT.set(Some(Note { opened: Some(key), ..note }));
    }
}

/// 128 bits: not to be guessed, and no two sessions ever share one.
pub(super) const SESSION_KEY_BYTES: usize = 16;

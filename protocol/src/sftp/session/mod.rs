//! The session of one SFTP channel, as a pure machine.

mod request;
mod settings;

pub use request::{DigestTarget, OpenFlags, Outcome, Request, Ticket};
pub use settings::Settings;

use super::handle::HandleId;

/// The machine. See the module documentation for its contract.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
}

/// What a session holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of WRITE buffers: being received, queued, and under way.
    pub payload: usize,
    /// Bytes of replies that wait to be sent.
    pub output: usize,
    /// Requests that wait to be handed out.
    pub requests: usize,
    /// Files and directories that are open, being opened or being closed.
    pub open_handles: usize,
    /// Requests under way at the owner.
    pub in_flight: usize,
}

/// Why a session can not go on: the owner closes the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A packet is longer than the limit.
    #[error("packet of {length} bytes is too long")]
    TooLong {
        /// What its length field says.
        length: u32,
    },
    /// A packet ends before its fields do.
    #[error("packet of type {kind} can not be decoded")]
    Undecodable {
        /// Its type; 0 for one without a type.
        kind: u8,
    },
    /// A request came before INIT.
    #[error("packet of type {kind} before initialisation")]
    NotInitialised {
        /// Its type.
        kind: u8,
    },
    /// The queue is full ([`Settings::requests_bytes_max`]).
    #[error("too many requests queued")]
    TooManyRequests,
    /// The client asks on and on, and takes no replies ([`Settings::output_max`]).
    #[error("replies are not taken")]
    OutputNotTaken,
}

impl Session {
    /// A session on a new channel.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Bytes of the channel came in.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let _ = (bytes, &self.settings);
        Ok(())
    }

    /// The next request that may run now; call until `None`.
    #[must_use]
    pub fn poll(&mut self) -> Option<(Ticket, Request)> {
        None
    }

    /// A request is answered.
    pub fn on_outcome(&mut self, ticket: Ticket, outcome: Outcome) {
        let _ = (ticket, outcome);
    }

    /// Bytes for the client, at most `max`; a packet may be cut over several calls. Whole buffers
    /// are handed out as they are if they fit.
    #[must_use]
    pub fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        let _ = max;
        None
    }

    /// A buffer that came from here is not needed any more.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        let _ = buffer;
    }

    /// What is held at the moment.
    pub fn usage(&self) -> Usage {
        Usage::default()
    }

    /// Why the session can not go on, if so: as [`Session::on_bytes`] told or will tell. To be
    /// asked after [`Session::on_outcome`] as well.
    pub fn violation(&self) -> Option<Violation> {
        None
    }

    /// Whether the owner should read on.
    pub fn wants_input(&self) -> bool {
        true
    }

    /// Whether nothing is queued, under way or unsent.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// The handles that are open, until their [`Request::Close`] is handed out.
    pub fn open_handles(&self) -> impl Iterator<Item = HandleId> {
        std::iter::empty()
    }
}

//! The server's end of a download: `scp -f`.

use super::{Invocation, Outcome, Request};
use crate::path::VirtualPath;

/// Sends files and directories to the client.
#[derive(Debug)]
pub struct Sender {}

impl Sender {
    /// A sender for one run of `scp -f`; relative paths begin at `home`.
    pub fn new(_invocation: &Invocation, _home: VirtualPath) -> Self {
        Self {}
    }

    /// How much one [`Request::Read`] asks for at the most: best what one packet carries, since
    /// [`Sender::output`] then hands the buffers on without a copy.
    pub fn set_read_bytes(&mut self, _bytes: usize) {}

    /// Takes bytes of the client, gives back how many.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> usize {
        bytes.len()
    }
    /// No more bytes will come.
    pub fn on_end(&mut self) {}
    /// The answer to the open request.
    pub fn on_outcome(&mut self, _outcome: Outcome) {}
    /// The next request.
    #[must_use]
    pub fn poll(&mut self) -> Option<Request> {
        None
    }
    /// Bytes for the client, `max` at the most.
    #[must_use]
    pub fn output(&mut self, _max: usize) -> Option<Vec<u8>> {
        None
    }
    /// Whether bytes of the client can be used now.
    pub fn wants_input(&self) -> bool {
        false
    }
    /// The exit status once everything is asked, answered and taken.
    pub fn exit_status(&self) -> Option<u8> {
        None
    }
}

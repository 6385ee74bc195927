//! The server's end of an upload: `scp -t`.

use super::{Invocation, Outcome, Request};
use crate::path::VirtualPath;

/// Takes files and directories from the client.
#[derive(Debug)]
pub struct Receiver {}

impl Receiver {
    /// A receiver for one run of `scp -t`; relative paths begin at `home`.
    pub fn new(_invocation: &Invocation, _home: VirtualPath) -> Self {
        Self {}
    }
    /// Takes bytes of the client, gives back how many.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> usize {
        bytes.len()
    }
    /// No more bytes will come.
    pub fn on_end(&mut self) {}
    /// The answer to the open request.
    pub fn on_outcome(&mut self, _outcome: Outcome) {}
    /// Takes back the buffer of a [`Request::Write`] that is carried out, for the next one.
    pub fn recycle(&mut self, _buffer: Vec<u8>) {}
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

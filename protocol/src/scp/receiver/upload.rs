//! One file on its way from the client.

use crate::entry::AttributeChange;
use crate::failure::Failure;
use crate::path::VirtualPath;
use crate::scp::{Request, WRITE_BYTES_MAX};

/// A file under way: what is still to come and what waits to be written.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) path: VirtualPath,
    /// What is set before it is published.
    pub(super) change: AttributeChange,
    /// Bytes that the client has yet to send.
    pub(super) remaining: u64,
    /// Bytes that came and are not handed out, [`WRITE_BYTES_MAX`] at the most.
    pending: Vec<u8>,
    /// A write is open.
    writing: bool,
    /// Why a write failed; the owner's file is abandoned, and what comes is dropped.
    pub(super) failure: Option<Failure>,
}

impl Upload {
    pub(super) fn new(path: VirtualPath, change: AttributeChange, size: u64) -> Self {
        let pending = Vec::new();
        Self { path, change, remaining: size, pending, writing: false, failure: None }
    }

    /// Takes bytes of the file, and gives back how many.
    pub(super) fn accept(&mut self, bytes: &[u8], spare: &mut Vec<u8>) -> usize {
        let remaining = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        let room = match self.failure {
            Some(_) => usize::MAX,
            None => WRITE_BYTES_MAX.saturating_sub(self.pending.len()),
        };
        let count = bytes.len().min(remaining).min(room);
        let taken = bytes.get(..count).unwrap_or_default();
        if self.failure.is_none() {
            if self.pending.capacity() == 0 {
                self.pending = std::mem::take(spare);
            }
            self.pending.extend_from_slice(taken);
        }
        self.remaining -= count as u64;
        count
    }

    /// Whether [`Upload::accept`] would take a byte.
    pub(super) fn has_room(&self) -> bool {
        self.failure.is_some() || self.pending.len() < WRITE_BYTES_MAX
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        !self.writing && self.pending.is_empty()
    }

    /// What is not yet written is not to be.
    pub(super) fn drop_pending(&mut self) {
        self.pending = Vec::new();
    }

    /// The next piece, if no other one is under way.
    pub(super) fn poll_write(&mut self) -> Option<Request> {
        if self.writing || self.pending.is_empty() {
            return None;
        }
        self.writing = true;
        Some(Request::Write { data: std::mem::take(&mut self.pending) })
    }

    /// A piece is written, or not. Says whether this was the first failure.
    pub(super) fn on_written(&mut self, result: Result<(), Failure>) -> bool {
        match result {
            // An answer to something that was not asked.
            _ if !self.writing => false,
            Ok(()) => {
                self.writing = false;
                false
            }
            Err(failure) => {
                self.writing = false;
                self.drop_pending();
                self.failure = Some(failure);
                true
            }
        }
    }
}

//! What a connection has moved so far.

use std::cell::Cell;

/// Counts transfers that are over. Shared by the log of a connection and its card.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    uploads: Cell<u64>,
    downloads: Cell<u64>,
    bytes_in: Cell<u64>,
    bytes_out: Cell<u64>,
}

impl Tally {
    /// An upload is over.
    pub(crate) fn uploaded(&self, bytes: u64) {
        self.uploads.set(self.uploads.get() + 1);
        self.bytes_in.set(self.bytes_in.get() + bytes);
    }

    /// A download is over.
    pub(crate) fn downloaded(&self, bytes: u64) {
        self.downloads.set(self.downloads.get() + 1);
        self.bytes_out.set(self.bytes_out.get() + bytes);
    }

    pub(crate) fn uploads(&self) -> u64 {
        self.uploads.get()
    }

    pub(crate) fn downloads(&self) -> u64 {
        self.downloads.get()
    }

    /// Bytes of uploads.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.get()
    }

    /// Bytes of downloads.
    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.get()
    }
}

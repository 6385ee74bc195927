//! A file that the client sends.

use std::sync::Arc;
use std::time::Instant;

use flotilla_protocol::path::VirtualPath;

use crate::storage::Sink;

/// An upload under way.
pub(super) struct Upload {
    pub(super) path: VirtualPath,
    pub(super) sink: Arc<dyn Sink>,
    /// Bytes written.
    pub(super) offset: u64,
    pub(super) since: Instant,
}

impl Upload {
    pub(super) fn new(path: VirtualPath, sink: Arc<dyn Sink>, now: Instant) -> Self {
        Self { path, sink, offset: 0, since: now }
    }
}

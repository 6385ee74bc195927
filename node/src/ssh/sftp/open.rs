//! What a client has open.

use std::sync::Arc;
use std::time::Instant;

use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;

use crate::files::Files;
use crate::ssh::record::{Record, Transfer};
use crate::storage::{Directory, Sink, Source};

/// An open file or directory.
pub(super) enum Open {
    /// A file.
    File(File),
    /// A directory.
    Directory {
        path: VirtualPath,
        /// Away while a batch is read.
        entries: Option<Box<dyn Directory>>,
        /// All entries were given out.
        ended: bool,
    },
}

/// An open file, and what happened to it.
pub(super) struct File {
    pub(super) path: VirtualPath,
    pub(super) content: Content,
    since: Instant,
    pub(super) bytes_read: u64,
    pub(super) bytes_written: u64,
}

/// The bytes of an open file.
#[derive(Clone)]
pub(super) enum Content {
    /// Opened for reading only.
    Source(Arc<dyn Source>),
    /// Opened for writing, perhaps for reading as well.
    Sink(Arc<dyn Sink>),
}

impl Open {
    pub(super) fn file(path: VirtualPath, content: Content, now: Instant) -> Self {
        Self::File(File { path, content, since: now, bytes_read: 0, bytes_written: 0 })
    }

    pub(super) fn directory(path: VirtualPath, entries: Box<dyn Directory>) -> Self {
        Self::Directory { path, entries: Some(entries), ended: false }
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    pub(super) fn path(&self) -> &VirtualPath {
        match self {
            Self::File(file) => &file.path,
            Self::Directory { path, .. } => path,
        }
    }

    /// The connection ended before the client closed it.
    pub(super) fn log_broken(&self, record: &Record, files: &Files, now: Instant) {
        if let Self::File(file) = self {
            file.log(record, files, Some(&Failure::DataBroken), now);
        }
    }
}

impl File {
    /// The end of what happened to it, for the logs.
    pub(super) fn log(
        &self,
        record: &Record,
        files: &Files,
        failure: Option<&Failure>,
        now: Instant,
    ) {
        let upload = matches!(self.content, Content::Sink(_));
        record.log_transfer(&Transfer {
            account: files.account(),
            path: &self.path,
            upload,
            bytes: if upload { self.bytes_written } else { self.bytes_read },
            elapsed: now.saturating_duration_since(self.since),
            failure,
        });
    }
}

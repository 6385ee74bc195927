//! What a client has open.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use flotilla_cluster::session::Direction;
use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;

use super::doing::{GET, PUT};
use crate::files::Files;
use crate::roster::{Card, Moving};
use crate::ssh::record::{Record, Transfer};
use crate::ssh::trace::Part;
use crate::storage::{Directory, Sink, Source};

/// An open file or directory.
pub(super) enum Open {
    /// A file.
    File(File),
    /// A directory.
    Directory {
        path: Rc<VirtualPath>,
        /// Away while a batch is read.
        entries: Option<Box<dyn Directory>>,
        /// All entries were given out.
        ended: bool,
        part: Part,
    },
}

/// An open file, and what happened to it.
pub(super) struct File {
    pub(super) path: Rc<VirtualPath>,
    pub(super) content: Content,
    /// It counts the bytes: those written, if the file may be written.
    moving: Moving,
    part: Part,
    /// How a read or write failed last.
    pub(super) fault: Option<Failure>,
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
    pub(super) fn file(
        card: &Rc<Card>,
        path: Rc<VirtualPath>,
        content: Content,
        part: Part,
    ) -> Self {
        let (command, direction) = match content {
            Content::Source(_) => (GET, Direction::Download),
            Content::Sink(_) => (PUT, Direction::Upload),
        };
        let moving = card.begin(command, direction, &path, part.since);
        Self::File(File { path, content, moving, part, fault: None })
    }

    pub(super) fn directory(
        path: Rc<VirtualPath>,
        entries: Box<dyn Directory>,
        part: Part,
    ) -> Self {
        Self::Directory { path, entries: Some(entries), ended: false, part }
    }

    /// The storage has opened it.
    pub(super) fn opens(&mut self, now: Instant) {
        match self {
            Self::File(File { part, .. }) | Self::Directory { part, .. } => part.opens(now),
        }
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

    /// As [`path`](Self::path), to be kept.
    pub(super) fn shared_path(&self) -> Rc<VirtualPath> {
        match self {
            Self::File(File { path, .. }) | Self::Directory { path, .. } => Rc::clone(path),
        }
    }

    /// The connection ended before the client closed it.
    pub(super) fn log_broken(&self, record: &Record, files: &Files, now: Instant) {
        match self {
            Self::File(file) => file.log(record, files, Some(&Failure::DataBroken), now),
            Self::Directory { path, part, .. } => record.trace_listing(*part, path, None),
        }
    }
}

impl File {
    /// Bytes were read.
    pub(super) fn read(&self, bytes: usize, now: Instant) {
        if let Content::Source(_) = self.content {
            self.moving.add(bytes, now);
        }
    }

    /// Bytes were written.
    pub(super) fn written(&self, bytes: usize, now: Instant) {
        if let Content::Sink(_) = self.content {
            self.moving.add(bytes, now);
        }
    }

    /// The end of what happened to it, for the logs.
    pub(super) fn log(
        &self,
        record: &Record,
        files: &Files,
        failure: Option<&Failure>,
        now: Instant,
    ) {
        let upload = matches!(self.content, Content::Sink(_));
        let command = if upload { PUT } else { GET };
        record.log_transfer(&Transfer {
            account: files.account(),
            path: &self.path,
            upload,
            command,
            bytes: self.moving.bytes(),
            elapsed: now.saturating_duration_since(self.moving.started()),
            failure,
            fault: self.fault.as_ref(),
            part: self.part,
            first: self.moving.first(),
        });
    }
}

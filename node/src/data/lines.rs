//! The lines of a listing, written where the directory is read.

use std::any::Any;

use flotilla_protocol::entry::{Entry, Kind, Rights};
use flotilla_protocol::ftp::{ListFormat, ListRequest, listing};

use crate::storage::Visit;

/// Formats the entries of a directory straight into the buffer that will be sent.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) out: Vec<u8>,
    /// Directories seen, when they are to be gone down into.
    pub(super) directories: Vec<Vec<u8>>,
    /// Stands before every name in NLST.
    pub(super) prefix: Vec<u8>,
    /// Only names that fit, when given.
    pub(super) pattern: Option<Vec<u8>>,
    pub(super) wants_directories: bool,
    format: ListFormat,
    all: bool,
    rights: Rights,
    now_seconds: i64,
    /// The batch ends when `out` is that long, in bytes.
    full: usize,
}

impl Lines {
    pub(super) fn new(
        request: &ListRequest,
        rights: Rights,
        now_seconds: i64,
        full: usize,
    ) -> Self {
        Self {
            out: Vec::new(),
            directories: Vec::new(),
            prefix: request.prefix.clone(),
            pattern: request.pattern.clone(),
            wants_directories: request.recursive && !matches!(request.format, ListFormat::Facts(_)),
            format: request.format,
            // RFC 3659 knows no hidden names.
            all: request.all || matches!(request.format, ListFormat::Facts(_)),
            rights,
            now_seconds,
            full,
        }
    }

    /// Whether the buffer is worth sending.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= self.full
    }

    /// Writes one line, whatever the filters say.
    pub(super) fn write(&mut self, entry: &Entry<'_>, kind_override: Option<&str>) {
        match self.format {
            ListFormat::Long => listing::write_list(&mut self.out, entry, self.now_seconds),
            ListFormat::Names => listing::write_nlst(&mut self.out, &self.prefix, entry.name),
            ListFormat::Facts(facts) => {
                // A name that MLSD can not say is left out.
                let _ =
                    listing::write_mlsx(&mut self.out, entry, facts, self.rights, kind_override);
            }
        }
    }

    fn is_shown(&self, name: &[u8]) -> bool {
        (self.all || name.first() != Some(&b'.'))
            && self.pattern.as_ref().is_none_or(|pattern| {
                // A name that holds pattern characters is still found as it is.
                listing::matches(pattern, name) || pattern == name
            })
    }
}

impl Visit for Lines {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        if self.is_shown(entry.name) {
            self.write(entry, None);
            if self.wants_directories && entry.attributes.kind == Kind::Directory {
                self.directories.push(entry.name.to_vec());
            }
        }
        !self.is_full() && self.directories.len() < DIRECTORIES_PER_BATCH_MAX
    }

    fn wants_target(&self) -> bool {
        self.format == ListFormat::Long
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Bounds what one batch may remember.
const DIRECTORIES_PER_BATCH_MAX: usize = 4096;

//! Entries of a directory into a reply.

use std::any::Any;

use flotilla_protocol::entry::Entry;
use flotilla_protocol::failure::Failure;
use flotilla_protocol::sftp::NameList;

use crate::storage::{Visit, Visitor};

/// Fills a list, on whatever thread reads the directory.
pub(super) struct Lister {
    names: NameList,
    /// Decides how times look, seconds since 1970.
    now: i64,
}

impl Lister {
    pub(super) fn new(names: NameList, now: i64) -> Box<Self> {
        Box::new(Self { names, now })
    }

    /// The list that was filled.
    pub(super) fn names(visitor: Visitor) -> Result<NameList, Failure> {
        let lister = visitor.into_any().downcast::<Self>().map_err(|_| Failure::Internal)?;
        Ok(lister.names)
    }
}

impl Visit for Lister {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        // There is room for any entry until the list says that there is not.
        self.names.push(entry, self.now) && !self.names.is_full()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

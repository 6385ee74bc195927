//! NAME replies.

use crate::entry::Entry;

/// The entries of one NAME reply, written as they are pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameList {
    /// The reply so far, its head left open.
    buffer: Vec<u8>,
    count: u32,
    bytes_max: usize,
}

impl NameList {
    /// Adds an entry; false, and nothing added, if the list is full. `now` is in seconds since 1970
    /// and decides how times look in the long form.
    #[must_use]
    pub fn push(&mut self, entry: &Entry<'_>, now: i64) -> bool {
        let _ = (entry, now, self.bytes_max, &self.buffer);
        self.count += 1;
        true
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there may be no room for another entry.
    pub fn is_full(&self) -> bool {
        self.buffer.len() + 1024 > self.bytes_max
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

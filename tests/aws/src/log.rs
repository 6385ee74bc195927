//! What was called, for tests to look at.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// From 1 on, without gaps.
    pub number: u64,
    /// Milliseconds since the fake was started.
    pub at_ms: u64,
    /// As in a policy: `route53`.
    pub service: String,
    /// As `ChangeResourceRecordSets`.
    pub action: String,
    /// Name of the identity.
    pub identity: String,
    /// `ok`, or the code of the refusal; `closed` where no answer was given.
    pub outcome: String,
    /// Of the Query protocol; the XML of Route 53 under `body`, and what stands in its address under `path` and
    /// `query`.
    pub request: BTreeMap<String, String>,
}

/// The last of them.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Log {
    /// One more; its number is set here.
    pub fn add(&mut self, mut entry: Entry) {
        self.last += 1;
        entry.number = self.last;
        self.entries.push_back(entry);
        if self.entries.len() > ENTRIES_MAX {
            self.entries.pop_front();
        }
    }

    /// Those after that number.
    pub fn since(&self, number: u64) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.number > number)
    }

    /// The number of the last one.
    pub fn last(&self) -> u64 {
        self.last
    }
}

/// The oldest go first; an hour of a busy pool.
const ENTRIES_MAX: usize = 100_000;

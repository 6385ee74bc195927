//! A zone in memory.

use super::{Change, Records, Reply, Request};

/// The records of a pool.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    records: Records,
}

impl Zone {
    /// What is there.
    pub fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn records_mut(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Carries out one request.
    pub fn apply(&mut self, request: Request) -> Reply {
        let changes = match request {
            Request::List => return Reply::Records(self.records.clone()),
            Request::Change(changes) => changes,
        };
        for change in changes {
            match change {
                Change::Upsert { node, weight } => {
                    self.records.insert(node, weight);
                }
                Change::Remove(node) => {
                    self.records.remove(&node);
                }
            }
        }
        Reply::Done
    }
}

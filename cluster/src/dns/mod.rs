//! The pool's records in a DNS that weighs its answers: what can be asked of it.
//!
//! The real one is for a later part of the work; [`Zone`] is what it means, for the simulation.

mod zone;

use std::collections::BTreeMap;

pub use zone::Zone;

use crate::id::NodeId;

/// The records that bear the pool's mark: node and weight.
pub type Records = BTreeMap<NodeId, u8>;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// All records of the pool.
    List,
    /// All of these changes, or none.
    Change(Vec<Change>),
}

/// A change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The node has a record of this weight from now on; 0: nobody is sent there.
    Upsert {
        /// Which.
        node: NodeId,
        /// Its share.
        weight: u8,
    },
    /// It has none.
    Remove(NodeId),
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a list.
    Records(Records),
    /// To changes.
    Done,
}

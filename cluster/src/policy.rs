//! What the leader decides for the whole pool, published as one revision.

use serde::{Deserialize, Serialize};

use crate::admission::Limits;

/// The policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Of the record: [`POLICY_VERSION`] of whoever wrote it.
    pub version: u16,
    /// Rises with every change.
    pub revision: u64,
    /// The node that decided, by whose configuration.
    pub by: String,
    /// The limits of the pool.
    pub limits: Limits,
    /// The mark on the storage that every node must see; empty: none is made yet.
    pub storage: String,
    /// The version of the ticket keys that are in use; 0: none are shared.
    pub tickets: u64,
}

/// Why a policy can not be read.
#[derive(Debug, thiserror::Error)]
#[error("policy can not be read: {0}")]
pub struct PolicyError(#[from] rmp_serde::decode::Error);

impl Policy {
    /// As it stands in the store.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory does not fail, and every type here can be written.
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Reads a policy of this or another version.
    ///
    /// # Errors
    /// It is none at all.
    pub fn decode(bytes: &[u8]) -> Result<Self, PolicyError> {
        Ok(rmp_serde::from_slice(bytes)?)
    }

    /// The next policy, if it differs in what it says.
    #[must_use]
    pub fn revised(&self, next: Self) -> Option<Self> {
        let same = Self { revision: self.revision, ..next.clone() };
        if same == *self {
            return None;
        }
        Some(Self { revision: self.revision.saturating_add(1), version: POLICY_VERSION, ..next })
    }
}

/// The version of the records that this program writes.
pub const POLICY_VERSION: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_change() {
        let first = Policy { tickets: 1, ..Policy::default() };
        let next = Policy::default().revised(first).unwrap();
        assert_eq!((next.revision, next.version), (1, POLICY_VERSION));
        assert_eq!(next.revised(next.clone()), None);
        assert_eq!(Policy::decode(&next.encode()).unwrap(), next);
    }
}

//! What the leader decides for the whole pool, published as one revision.

use serde::{Deserialize, Serialize};

use crate::admission::Limits;

/// The policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Of the record: [`POLICY_VERSION`] of whoever wrote it.
    pub version: u16,
    /// Rises with every change; 0: nobody decided yet. Given by the store.
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

    /// The next policy, if it says something else; who says it is no difference.
    #[must_use]
    pub fn differs_from(&self, next: Self) -> Option<Self> {
        let Self { version, revision, by, .. } = self.clone();
        let same = Self { version, revision, by, ..next.clone() } == *self && revision > 0;
        (!same).then_some(Self { version: POLICY_VERSION, ..next })
    }
}

/// The version of the records that this program writes.
pub const POLICY_VERSION: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_published_when_it_says_something_else() {
        let next = Policy { tickets: 1, by: "a".to_owned(), ..Policy::default() };
        let first = Policy::default().differs_from(next.clone()).unwrap();
        assert_eq!(Policy::decode(&first.encode()).unwrap(), first);
        let published = Policy { revision: 1, ..first };
        assert_eq!(published.differs_from(Policy { by: "b".to_owned(), ..next.clone() }), None);
        assert!(published.differs_from(Policy { tickets: 2, ..next }).is_some());
    }
}

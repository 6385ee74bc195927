//! What the leader decides for the whole pool, published as one revision.

use serde::{Deserialize, Serialize};

use crate::admission::Limits;
use crate::balancer::Front;
use crate::keepalive::Keepalive;

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
    /// The version of the ticket keys that are in use; 0: none are shared. It can go down: a store that lost
    /// data counts anew.
    pub tickets: u64,
    /// The name of the ticket key that seals, which tells two sets of one version apart; empty: none are
    /// shared, or the leader is of a version that does not say it.
    pub ticket_key: String,
    /// How connections are kept alive. A leader of version 1 says nothing of it: then every node goes by its own
    /// configuration.
    pub keepalive: Keepalive,
    /// What stands in front, as whoever led last has read it.
    pub front: Front,
    /// How passive ports are leased, as the text of a [`Layout`](crate::ports::Layout); empty: nobody said.
    pub ports: String,
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

    /// Whether this names other ticket keys than those of that version, of which the one of that name seals.
    pub fn has_other_tickets(&self, version: u64, key: &str) -> bool {
        match self.ticket_key.is_empty() {
            true => self.tickets != version,
            false => self.ticket_key != key,
        }
    }

    /// The next policy, if it says something else, or says what an earlier version could not; who says it is no
    /// difference.
    #[must_use]
    pub fn differs_from(&self, next: Self) -> Option<Self> {
        let Self { version, revision, by, .. } = self.clone();
        let current = version >= POLICY_VERSION && revision > 0;
        let same = Self { version, revision, by, ..next.clone() } == *self && current;
        (!same).then_some(Self { version: POLICY_VERSION, ..next })
    }
}

/// The version of the records that this program writes.
pub const POLICY_VERSION: u16 = 2;

/// The first version that says how connections are kept alive.
pub const KEEPALIVE_SINCE: u16 = 2;

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
        assert!(published.differs_from(Policy { tickets: 2, ..next.clone() }).is_some());
        let before = Policy { version: 1, ..published.clone() };
        assert!(before.differs_from(next.clone()).is_some(), "by a version that said less");
        let other_key = Policy { ticket_key: "a1".to_owned(), ..next };
        assert!(published.differs_from(other_key).is_some());
    }

    #[test]
    fn ticket_keys_are_told_apart_by_name_or_else_by_version() {
        let old = Policy { tickets: 2, ..Policy::default() };
        assert!(!old.has_other_tickets(2, "a1"), "an older leader names none");
        assert!(old.has_other_tickets(1, "a1"));
        let new = Policy { ticket_key: "a1".to_owned(), ..old };
        assert!(!new.has_other_tickets(7, "a1"), "the same, counted anew");
        assert!(new.has_other_tickets(2, "b2"), "another set of the same version");
    }

    /// As a version wrote it that knew no names of ticket keys, and as such a version reads it.
    #[test]
    fn versions_without_names_of_ticket_keys_are_understood() {
        #[derive(Default, Serialize, Deserialize)]
        #[serde(default)]
        struct Before {
            version: u16,
            revision: u64,
            by: String,
            limits: Limits,
            storage: String,
            tickets: u64,
        }
        let before = Before { version: 1, by: "a".to_owned(), tickets: 3, ..Before::default() };
        let read = Policy::decode(&rmp_serde::to_vec_named(&before).unwrap()).unwrap();
        assert_eq!((read.tickets, read.ticket_key.as_str()), (3, ""));
        let policy = Policy { tickets: 4, ticket_key: "a1".to_owned(), ..read };
        let read: Before = rmp_serde::from_slice(&policy.encode()).unwrap();
        assert_eq!((read.by.as_str(), read.tickets), ("a", 4));
    }
}

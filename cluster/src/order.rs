//! What one node tells another through the pool: orders of operators, and questions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::Generation;

/// An order, with who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Of the record: [`ORDER_VERSION`] of whoever wrote it.
    pub version: u16,
    /// What is to be done.
    pub what: What,
    /// The question that is answered by what it did; 0: nobody waits.
    #[serde(default)]
    pub token: u64,
    /// For the log: the node where the operator was.
    #[serde(default)]
    pub by: String,
    /// The life of the node that is meant, since a later one has other sessions of the same numbers; 0: any.
    #[serde(default)]
    pub generation: u64,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// End sessions. Answered with how many.
    Kick(Whom),
    /// Send the clients away, transfers last.
    Drain {
        /// How long transfers may take; `None`: `timeouts.drain`.
        #[serde(default)]
        grace_ms: Option<u64>,
    },
    /// Take clients again.
    Undrain,
    /// Tell all of one session. Answered with JSON, or nothing if there is none.
    Describe(u64),
    /// Tell of the passive ports. Answered with JSON.
    Ports,
}

/// Which sessions; all that fit every condition, and none without a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whom {
    /// The one of this number.
    pub number: Option<u64>,
    /// Those of this user.
    pub user: Option<String>,
    /// Those from this client address.
    pub address: Option<IpAddr>,
    /// All: for the rest of the conditions to be empty.
    pub everybody: bool,
}

/// Why an order can not be read.
#[derive(Debug, thiserror::Error)]
#[error("order can not be read: {0}")]
pub struct OrderError(#[from] rmp_serde::decode::Error);

impl Order {
    /// As it stands in the store.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory does not fail, and every type here can be written.
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Whether it is meant for this life of the node.
    pub fn is_for(&self, generation: Generation) -> bool {
        self.generation == 0 || self.generation == generation.0
    }

    /// Reads an order.
    ///
    /// # Errors
    /// It is none, or one of a later version that this one does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self, OrderError> {
        Ok(rmp_serde::from_slice(bytes)?)
    }
}

impl Whom {
    /// Whether a session of this number, user and client is meant.
    pub fn fits(&self, number: u64, user: &str, client: IpAddr) -> bool {
        let named = self.number.is_some() || self.user.is_some() || self.address.is_some();
        (named || self.everybody)
            && self.number.is_none_or(|wanted| wanted == number)
            && self.user.as_deref().is_none_or(|wanted| wanted == user)
            && self.address.is_none_or(|wanted| wanted.to_canonical() == client.to_canonical())
    }
}

/// The version of the records that this program writes.
pub const ORDER_VERSION: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let whom = Whom { user: Some("ann".to_owned()), ..Whom::default() };
        for what in [
            What::Kick(whom),
            What::Drain { grace_ms: Some(5) },
            What::Undrain,
            What::Describe(7),
            What::Ports,
        ] {
            let by = "a".to_owned();
            let order = Order { version: ORDER_VERSION, what, token: 9, by, generation: 5 };
            assert_eq!(Order::decode(&order.encode()).unwrap(), order);
        }
        assert!(Order::decode(b"?").is_err());
    }

    /// A node of the version before does not say for which life an order is.
    #[test]
    fn orders_for_another_life_are_known() {
        #[derive(Serialize)]
        struct Before {
            version: u16,
            what: What,
        }
        let before = Before { version: 1, what: What::Describe(7) };
        let order = Order::decode(&rmp_serde::to_vec_named(&before).unwrap()).unwrap();
        assert_eq!(order.generation, 0);
        assert!(order.is_for(Generation(0)) && order.is_for(Generation(5)));
        let order = Order { generation: 5, ..order };
        assert!(order.is_for(Generation(5)));
        assert!(!order.is_for(Generation(4)) && !order.is_for(Generation(6)));
    }

    #[test]
    fn nobody_is_meant_without_a_condition() {
        let client = IpAddr::from([192, 0, 2, 1]);
        assert!(!Whom::default().fits(1, "ann", client));
        assert!(Whom { everybody: true, ..Whom::default() }.fits(1, "ann", client));
        let ann = Whom { user: Some("ann".to_owned()), ..Whom::default() };
        assert!(ann.fits(1, "ann", client) && !ann.fits(1, "bob", client));
        let both = Whom { address: Some("::ffff:192.0.2.1".parse().unwrap()), ..ann };
        assert!(both.fits(1, "ann", client) && !both.fits(1, "ann", [192, 0, 2, 2].into()));
    }
}

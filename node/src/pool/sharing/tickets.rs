//! The keys of session tickets: the same on all nodes, so that a session resumes on any of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{Found, Sharing, SharingError, Stance, random, replaceable};
use crate::hex;
use crate::tls::TicketKeys;

/// The ticket keys in the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tickets {
    version: u16,
    /// When the first one was made, seconds since 1970.
    made: u64,
    /// The one that seals first; name and key.
    keys: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The ticket keys of the pool.
pub(crate) struct Agreed {
    /// In the store.
    pub(crate) version: u64,
    /// Of the key that seals, in hexadecimal digits: no two sets have the same.
    pub(crate) name: String,
    pub(crate) keys: TicketKeys,
}

impl Sharing {
    /// The ticket keys of the pool. Makes the first ones where neither the store nor this node has any; with an
    /// age, which is a duty of the leader, a new one if the last is that old.
    ///
    /// # Errors
    /// The store does not answer, or what it has can not be read.
    pub(crate) async fn tickets(
        &self,
        stance: Stance,
        rotate: Option<Duration>,
    ) -> Result<Agreed, SharingError> {
        let (mut version, mut tickets) = self.standing_tickets(stance).await?;
        if rotate.is_some_and(|age| tickets.is_older(age)) {
            (version, tickets) = self.put_tickets(version, tickets.next()?).await?;
        }
        let agreed = Agreed { version, name: tickets.name(), keys: tickets.keys()? };
        *self.held.borrow_mut() = Some(tickets);
        Ok(agreed)
    }

    /// What the store has, unless that is older than what this node has of it, or not the pool's.
    async fn standing_tickets(&self, stance: Stance) -> Result<(u64, Tickets), SharingError> {
        let held = self.held.borrow().clone();
        let version = match self.find(TICKETS).await? {
            Found::Nothing => 0,
            Found::Foreign { version } => replaceable(TICKETS, version, stance)?,
            Found::Ours { version, plain } => {
                let found = Tickets::decode(&plain)?;
                match &held {
                    // The store went back in time.
                    Some(held) if held.succeeds(&found) => version,
                    Some(held) if stance == Stance::Assert && !found.continues(held) => version,
                    _ => return Ok((version, found)),
                }
            }
        };
        self.put_tickets(version, held.map_or_else(Tickets::first, Ok)?).await
    }

    async fn put_tickets(
        &self,
        version: u64,
        tickets: Tickets,
    ) -> Result<(u64, Tickets), SharingError> {
        let (version, plain) = self.put(TICKETS, version, &tickets.encode()).await?;
        Ok((version, Tickets::decode(&plain)?))
    }
}

impl Tickets {
    fn first() -> Result<Self, SharingError> {
        Self { version: TICKETS_VERSION, made: 0, keys: Vec::new() }.next()
    }

    /// A new key in front of the last ones.
    fn next(mut self) -> Result<Self, SharingError> {
        let name = random(TicketKeys::NAME_BYTES).map_err(SharingError::Node)?;
        let key = random(TicketKeys::KEY_BYTES).map_err(SharingError::Node)?;
        self.keys.insert(0, (name.to_vec(), key.to_vec()));
        while self.keys.len() > TICKETS_KEPT
            && let Some((_, mut key)) = self.keys.pop()
        {
            key.zeroize();
        }
        self.made = now_seconds();
        Ok(self)
    }

    fn is_older(&self, age: Duration) -> bool {
        now_seconds().saturating_sub(self.made) >= age.as_secs()
    }

    /// Whether these came after the others.
    fn succeeds(&self, other: &Self) -> bool {
        let Some((name, _)) = other.keys.first() else { return false };
        self.keys.iter().skip(1).any(|(known, _)| known == name)
    }

    /// Whether these are the others, or came after them.
    fn continues(&self, other: &Self) -> bool {
        self.name() == other.name() || self.succeeds(other)
    }

    fn name(&self) -> String {
        self.keys.first().map(|(name, _)| hex::text(name)).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Result<Self, SharingError> {
        rmp_serde::from_slice(bytes).map_err(|error| SharingError::Node(error.to_string()))
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(rmp_serde::to_vec_named(self).unwrap_or_default())
    }

    fn keys(&self) -> Result<TicketKeys, SharingError> {
        TicketKeys::new(&self.keys)
            .ok_or_else(|| SharingError::Node("the pool's ticket keys can not be used".to_owned()))
    }
}

impl Drop for Tickets {
    fn drop(&mut self) {
        for (_, key) in &mut self.keys {
            key.zeroize();
        }
    }
}

fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The name in the store, and the purpose of the seal.
const TICKETS: &str = "tickets";
/// Of the record.
const TICKETS_VERSION: u16 = 1;
/// The one that seals and two that open: 12 to 18 hours of tickets.
const TICKETS_KEPT: usize = 3;

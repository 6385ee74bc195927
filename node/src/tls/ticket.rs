//! Session tickets (TLS 1.2 and 1.3) and cached sessions (TLS 1.2 without tickets).
//!
//! Both carry a header of our own in front of what rustls gives: the session they belong to, and
//! flags that keep a control connection from resuming what it should not.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, MAX_TAG_LEN, NONCE_LEN, Nonce};
use rustls::server::{ProducesTickets, StoresServerSessions};

use super::ring::{KEY_NAME_BYTES, KeyRing, ROTATION};
use super::session::{self, SESSION_KEY_BYTES, SessionKey};

/// What a configuration's sessions are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Control connections; `verifies`: client certificates are asked for.
    Control { verifies: bool },
    /// Data connections.
    Data,
}

impl Role {
    /// A control connection resumes only what one without client certificates left behind: a
    /// certificate is then verified at every login, against the authorities of the day.
    fn flags(self) -> u8 {
        match self {
            Self::Control { verifies: false } => 0,
            Self::Control { verifies: true } => FLAG_VERIFIED,
            Self::Data => FLAG_DATA,
        }
    }

    fn resumes(self, flags: u8) -> bool {
        match self {
            Self::Control { verifies } => !verifies && flags == 0,
            Self::Data => true,
        }
    }

    fn wrap(self, message: &[u8], capacity: usize) -> Vec<u8> {
        let mut wrapped = Vec::with_capacity(capacity + HEADER_BYTES + message.len());
        wrapped.push(self.flags());
        wrapped.extend_from_slice(session::current().bytes());
        wrapped.extend_from_slice(message);
        wrapped
    }

    /// Tells the handshake under way whose session this is.
    fn unwrap(self, wrapped: &[u8]) -> Option<Vec<u8>> {
        let (&flags, rest) = wrapped.split_first()?;
        let (key, message) = rest.split_first_chunk::<SESSION_KEY_BYTES>()?;
        if !self.resumes(flags) {
            return None;
        }
        let key = SessionKey::from_bytes(*key);
        if self == Self::Data && key != session::current() {
            // Some clients keep one store of tickets for all of their sessions (Go's, and so rclone). A
            // ticket of another session is not honoured, which leaves a full handshake: no more than
            // anybody without a ticket gets, and what `data_reuse = "require"` refuses.
            return None;
        }
        session::opened(key);
        Some(message.to_vec())
    }
}

/// Seals tickets with the keys of a ring.
#[derive(Debug)]
pub(super) struct Ticketer {
    pub(super) ring: Arc<KeyRing>,
    pub(super) role: Role,
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        // The least that a ticket can be opened; 12 h fits.
        u32::try_from(2 * ROTATION.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut body = self.role.wrap(plain, MAX_TAG_LEN);
        let mut ticket = Vec::with_capacity(TICKET_OVERHEAD + body.len());
        self.ring.with(|keys| {
            let key = keys.current();
            let aad = Aad::from(key.name);
            let nonce = key.cipher.seal_in_place_append_tag(aad, &mut body).ok()?;
            ticket.extend_from_slice(&key.name);
            ticket.extend_from_slice(nonce.as_ref());
            ticket.append(&mut body);
            Some(ticket)
        })
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = cipher.split_first_chunk::<KEY_NAME_BYTES>()?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut body = body.to_vec();
        let role = self.role;
        self.ring.with(|keys| {
            let key = keys.named(name)?;
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = key.cipher.open_in_place(nonce, Aad::from(key.name), &mut body).ok()?;
            role.unwrap(plain)
        })
    }
}

/// Sessions of TLS 1.2 clients that know no tickets, by session id. Each arbiter has its own: a
/// data connection arrives where its control connection lives. Data connections only look up.
#[derive(Debug)]
pub(super) struct SessionCache {
    pub(super) role: Role,
}

#[derive(Default)]
struct Sessions {
    by_id: HashMap<Vec<u8>, Vec<u8>>,
    /// Oldest first.
    ids: VecDeque<Vec<u8>>,
}

thread_local! {
    static SESSIONS: RefCell<Sessions> = RefCell::default();
}

impl StoresServerSessions for SessionCache {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        if !self.can_cache() {
            return false;
        }
        let value = self.role.wrap(&value, 0);
        SESSIONS.with_borrow_mut(|sessions| {
            if sessions.by_id.insert(key.clone(), value).is_none() {
                sessions.ids.push_back(key);
            }
            while sessions.by_id.len() > SESSIONS_MAX
                && let Some(oldest) = sessions.ids.pop_front()
            {
                sessions.by_id.remove(&oldest);
            }
        });
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        SESSIONS.with_borrow(|sessions| self.role.unwrap(sessions.by_id.get(key)?))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        // Only TLS 1.3 without a ticketer takes, and ours is always there.
        self.get(key)
    }

    fn can_cache(&self) -> bool {
        self.role != Role::Data
    }
}

/// What sealing adds outside of the cipher text.
const TICKET_OVERHEAD: usize = KEY_NAME_BYTES + NONCE_LEN;
/// Flags and session in front of rustls' part.
const HEADER_BYTES: usize = 1 + SESSION_KEY_BYTES;
/// Left behind where client certificates were asked for.
const FLAG_VERIFIED: u8 = 1;
/// Left behind by a data connection.
const FLAG_DATA: u8 = 2;
/// Cached sessions per arbiter, some 300 bytes each.
const SESSIONS_MAX: usize = 1024;

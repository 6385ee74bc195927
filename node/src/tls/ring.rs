//! The keys that seal session tickets.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use tracing::warn;

/// The ticket keys of the node. Every six hours the first handshake to notice makes a new one; the
/// one before still opens tickets, older ones are erased. Keys of a pool take the place of all of them, which
/// open tickets for a while yet, and then the leader sees to new ones; if none come for long, this node makes
/// its own again.
pub(super) struct KeyRing {
    /// Tells rings apart in the threads' caches.
    id: u64,
    version: AtomicU64,
    keys: Mutex<Arc<Keys>>,
}

/// The keys at one time.
pub(super) struct Keys {
    ring: u64,
    version: u64,
    current: Arc<TicketKey>,
    /// These open tickets, and seal none.
    older: Vec<Arc<TicketKey>>,
    /// What keys of the pool took the place of: these open tickets until then, for sessions that live. The
    /// latest first, at most [`FORMER_MAX`].
    former: Vec<(Arc<TicketKey>, Instant)>,
    rotate_at: Instant,
}

/// One key.
pub(super) struct TicketKey {
    /// Public: finds the key for a ticket.
    pub(super) name: [u8; KEY_NAME_BYTES],
    pub(super) cipher: RandomizedNonceKey,
}

/// The ticket keys of a pool; the first one seals.
pub(crate) struct TicketKeys {
    first: Arc<TicketKey>,
    older: Vec<Arc<TicketKey>>,
}

thread_local! {
    /// The keys that this thread used last: valid while ring and version are the same.
    static KEYS: RefCell<Option<Arc<Keys>>> = const { RefCell::new(None) };
}

impl KeyRing {
    pub(super) fn new() -> Result<Self, Unspecified> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let current = Arc::new(TicketKey::random()?);
        let rotate_at = Instant::now() + ROTATION;
        let (older, former) = (Vec::new(), Vec::new());
        let keys = Keys { ring: id, version: 0, current, older, former, rotate_at };
        Ok(Self { id, version: AtomicU64::new(0), keys: Mutex::new(Arc::new(keys)) })
    }

    /// Goes by the keys of the pool from now on.
    pub(super) fn adopt(&self, keys: TicketKeys) {
        let now = Instant::now();
        let mut standing = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let TicketKeys { first: current, older } = keys;
        let replaced = std::iter::once(&standing.current).chain(&standing.older);
        let replaced = replaced.map(|key| (Arc::clone(key), now + ROTATION));
        let mut former: Vec<_> = replaced.chain(standing.former_at(now)).collect();
        former.retain(|(key, _)| {
            key.name != current.name && older.iter().all(|other| other.name != key.name)
        });
        former.truncate(FORMER_MAX);
        let (ring, version) = (self.id, standing.version);
        let rotate_at = now + ORPHANED;
        self.replace(&mut standing, Keys { ring, version, current, older, former, rotate_at });
    }

    /// Runs `task` with the keys. Takes the lock only when they changed since this thread's last
    /// call, or must change now.
    pub(super) fn with<R>(&self, task: impl FnOnce(&Keys) -> R) -> R {
        let now = Instant::now();
        KEYS.with_borrow_mut(|cached| {
            let version = self.version.load(Ordering::Acquire);
            match cached {
                Some(keys)
                    if keys.ring == self.id && keys.version == version && now < keys.due() =>
                {
                    task(keys)
                }
                _ => task(cached.insert(self.refresh(now))),
            }
        })
    }

    fn refresh(&self, now: Instant) -> Arc<Keys> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= keys.rotate_at {
            match TicketKey::random() {
                Ok(current) => {
                    // After a long silence the key before is as old as one before the last.
                    let recent = now < keys.rotate_at + ROTATION;
                    let next = Keys {
                        ring: self.id,
                        version: keys.version,
                        current: Arc::new(current),
                        older: recent.then(|| Arc::clone(&keys.current)).into_iter().collect(),
                        former: keys.former_at(now).collect(),
                        rotate_at: now + ROTATION,
                    };
                    self.replace(&mut keys, next);
                }
                Err(error) => warn!(%error, "ticket keys not rotated"),
            }
        } else if now >= keys.due() {
            let next = Keys {
                ring: self.id,
                version: keys.version,
                current: Arc::clone(&keys.current),
                older: keys.older.clone(),
                former: keys.former_at(now).collect(),
                rotate_at: keys.rotate_at,
            };
            self.replace(&mut keys, next);
        }
        Arc::clone(&keys)
    }

    /// The threads hear of it by the version.
    fn replace(&self, standing: &mut Arc<Keys>, next: Keys) {
        let version = standing.version.wrapping_add(1);
        *standing = Arc::new(Keys { version, ..next });
        self.version.store(version, Ordering::Release);
    }

    /// As if so much time had passed.
    #[cfg(test)]
    pub(super) fn pass(&self, time: Duration) {
        self.refresh(Instant::now() + time);
    }

    /// How many keys open tickets.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let keys = self.keys.lock().unwrap();
        1 + keys.older.len() + keys.former.len()
    }

    /// As if the time for a new key had come, and `late` had passed since.
    #[cfg(test)]
    pub(super) fn rotate(&self, late: Duration) {
        let due = self.keys.lock().unwrap().rotate_at;
        self.refresh(due + late);
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Keys {
    /// The one that seals.
    pub(super) fn current(&self) -> &TicketKey {
        &self.current
    }

    /// The one that a ticket names.
    pub(super) fn named(&self, name: &[u8; KEY_NAME_BYTES]) -> Option<&TicketKey> {
        std::iter::once(&self.current)
            .chain(&self.older)
            .chain(self.former.iter().map(|(key, _)| key))
            .map(Arc::as_ref)
            .find(|key| key.name == *name)
    }

    /// When something is to be done about them.
    fn due(&self) -> Instant {
        self.former.iter().map(|(_, end)| *end).fold(self.rotate_at, Instant::min)
    }

    fn former_at(&self, now: Instant) -> impl Iterator<Item = (Arc<TicketKey>, Instant)> {
        let stays = move |(_, end): &&(Arc<TicketKey>, Instant)| now < *end;
        self.former.iter().filter(stays).map(|(key, end)| (Arc::clone(key), *end))
    }
}

impl TicketKeys {
    /// Bytes of a key's name.
    pub(crate) const NAME_BYTES: usize = KEY_NAME_BYTES;
    /// Bytes of a key.
    pub(crate) const KEY_BYTES: usize = TICKET_KEY_BYTES;

    /// From names and keys, the one that seals first; `None` if one of them has another length, or there
    /// is none.
    pub(crate) fn new(keys: &[(Vec<u8>, Vec<u8>)]) -> Option<Self> {
        let key = |(name, key): &(Vec<u8>, Vec<u8>)| {
            let name = name.as_slice().try_into().ok()?;
            let cipher = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
            Some(Arc::new(TicketKey { name, cipher }))
        };
        let mut keys = keys.iter().map(key);
        let first = keys.next()??;
        Some(Self { first, older: keys.collect::<Option<_>>()? })
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        1 + self.older.len()
    }
}

impl TicketKey {
    fn random() -> Result<Self, Unspecified> {
        let mut name = [0; KEY_NAME_BYTES];
        rand::fill(&mut name)?;
        let mut bytes = zeroize::Zeroizing::new([0; TICKET_KEY_BYTES]);
        rand::fill(bytes.as_mut())?;
        Ok(Self { name, cipher: RandomizedNonceKey::new(&AES_256_GCM, bytes.as_ref())? })
    }
}

/// How long a key seals tickets; it opens them for as long again. Whoever gets hold of the keys
/// reads at most twelve hours of recorded TLS 1.2 sessions.
pub(crate) const ROTATION: Duration = Duration::from_secs(6 * 60 * 60);
pub(super) const KEY_NAME_BYTES: usize = 16;
const TICKET_KEY_BYTES: usize = 32;
/// Without news of its pool for so long a node makes keys of its own: as long as the pool's would have been
/// in use.
const ORPHANED: Duration = Duration::from_secs(12 * 60 * 60);
/// Keys of former times that open tickets: the store can be lost and found many times in an hour, and each time
/// others be taken over.
const FORMER_MAX: usize = 8;

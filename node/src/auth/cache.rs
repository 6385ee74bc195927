//! Verified passwords, remembered as keyed hashes, so that scripts that log in often cost little.
//!
//! An entry is `HMAC-SHA256(key, user, stored hash, password)` with a key that is drawn for each
//! process and never leaves it. It does not help to find the password, and it fits no longer once
//! the stored hash changes. Only successes are remembered: a wrong password always costs a whole
//! hash. What an account may do is not remembered either; policy is checked after every hit.
//!
//! The cache is shared by all arbiters. It is split into shards, each behind a lock that is held
//! for one look into a small map, once in a login.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

use super::hash::StoredHash;

/// The cache: for each user the password that was verified last.
pub struct Cache {
    key: hmac::Key,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    /// Per shard; 0: nothing is remembered.
    entries_max: usize,
    age_max: Duration,
}

type Shard = HashMap<Box<[u8]>, Entry>;

struct Entry {
    tag: hmac::Tag,
    since: Instant,
}

/// A password, bound to a user and a stored hash; nothing can be read from it.
#[derive(Clone, Copy)]
pub struct Proof(hmac::Tag);

impl Cache {
    /// An empty cache with a new key for [`ENTRIES_MAX`] users, [`AGE_MAX`] each.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new() -> Result<Self, aws_lc_rs::error::Unspecified> {
        Self::with(ENTRIES_MAX, AGE_MAX)
    }

    fn with(entries_max: usize, age_max: Duration) -> Result<Self, aws_lc_rs::error::Unspecified> {
        Ok(Self {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
            entries_max: entries_max / SHARDS,
            age_max,
        })
    }

    /// What stands for this password of this user under this stored hash.
    pub fn proof(&self, user: &[u8], stored: &StoredHash, password: &[u8]) -> Proof {
        let mut context = hmac::Context::with_key(&self.key);
        // Lengths keep the parts apart, so that no two different inputs look alike.
        for part in [user, stored.as_str().as_bytes(), password] {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        Proof(context.sign())
    }

    /// Whether this was verified not long ago.
    pub fn contains(&self, user: &[u8], proof: &Proof, now: Instant) -> bool {
        let shard = self.shard(user).lock().unwrap_or_else(PoisonError::into_inner);
        shard.get(user).is_some_and(|entry| {
            now.saturating_duration_since(entry.since) < self.age_max
                && verify_slices_are_equal(entry.tag.as_ref(), proof.0.as_ref()).is_ok()
        })
    }

    /// Remembers a password that was verified just now, in place of the user's last one. A full
    /// shard forgets its oldest entry: a look at all of its few hundred, after a whole hash.
    pub fn insert(&self, user: &[u8], proof: Proof, now: Instant) {
        let entry = Entry { tag: proof.0, since: now };
        let mut shard = self.shard(user).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = shard.get_mut(user) {
            *old = entry;
            return;
        }
        if shard.len() >= self.entries_max {
            shard.retain(|_, entry| now.saturating_duration_since(entry.since) < self.age_max);
        }
        if shard.len() >= self.entries_max {
            let oldest = shard.iter().min_by_key(|(_, entry)| entry.since);
            let Some(oldest) = oldest.map(|(user, _)| user.clone()) else { return };
            shard.remove(&oldest);
        }
        shard.insert(user.into(), entry);
    }

    fn shard(&self, user: &[u8]) -> &Mutex<Shard> {
        let [first, ..] = &self.shards;
        let at = self.hasher.hash_one(user) % SHARDS as u64;
        usize::try_from(at).ok().and_then(|at| self.shards.get(at)).unwrap_or(first)
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

/// Users remembered; about 200 bytes each, less than 1 MiB when full.
pub const ENTRIES_MAX: usize = 4096;

/// How long a password is remembered after it was verified by its real hash.
pub const AGE_MAX: Duration = Duration::from_secs(600);

/// Enough that two of some dozens of arbiters seldom meet.
const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> (StoredHash, StoredHash) {
        (StoredHash::make(b"secret").unwrap(), StoredHash::make(b"secret").unwrap())
    }

    #[test]
    fn only_the_same_three_hit() {
        let cache = Cache::new().unwrap();
        let (stored, other) = stored();
        let now = Instant::now();
        let proof = cache.proof(b"bob", &stored, b"secret");
        assert!(!cache.contains(b"bob", &proof, now));
        cache.insert(b"bob", proof, now);
        assert!(cache.contains(b"bob", &proof, now));
        assert!(!cache.contains(b"bob", &cache.proof(b"bob", &stored, b"Secret"), now));
        assert!(!cache.contains(b"bob", &cache.proof(b"bob", &other, b"secret"), now));
        assert!(!cache.contains(b"bo", &cache.proof(b"bo", &stored, b"bsecret"), now));
    }

    #[test]
    fn keys_differ_between_caches() {
        let (stored, _) = stored();
        let (one, two) = (Cache::new().unwrap(), Cache::new().unwrap());
        one.insert(b"bob", two.proof(b"bob", &stored, b"secret"), Instant::now());
        let proof = one.proof(b"bob", &stored, b"secret");
        assert!(!one.contains(b"bob", &proof, Instant::now()));
    }

    #[test]
    fn entries_expire() {
        let cache = Cache::new().unwrap();
        let (stored, _) = stored();
        let now = Instant::now();
        let proof = cache.proof(b"bob", &stored, b"secret");
        cache.insert(b"bob", proof, now);
        assert!(cache.contains(b"bob", &proof, now + AGE_MAX - Duration::from_millis(1)));
        assert!(!cache.contains(b"bob", &proof, now + AGE_MAX));
    }

    #[test]
    fn the_cache_is_bounded_and_forgets_the_oldest() {
        let cache = Cache::with(SHARDS * 2, AGE_MAX).unwrap();
        let (stored, _) = stored();
        let start = Instant::now();
        let mut last = start;
        for number in 0..500_u32 {
            last = start + Duration::from_millis(u64::from(number));
            let user = number.to_le_bytes();
            cache.insert(&user, cache.proof(&user, &stored, b"secret"), last);
        }
        let count: usize = cache.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(count <= SHARDS * 2, "{count}");
        let newest = 499_u32.to_le_bytes();
        assert!(cache.contains(&newest, &cache.proof(&newest, &stored, b"secret"), last));
    }
}

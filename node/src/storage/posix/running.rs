//! Unfinished uploads that are open in this process: a second handle of the same owner finds the
//! file of the first, and so does who changes attributes by path.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use flotilla_protocol::entry::Attributes;
use flotilla_protocol::path::VirtualPath;

use super::change::Wanted;
use super::name::Owner;
use super::part::Part;

/// By a hash of owner and path. What is found under it counts only if it is the very file that
/// bears the owner's reserved name now, so neither a moved directory nor a collision can mix up
/// two uploads; they are then as uploads of two processes.
///
/// The lock is held for a look-up in a table.
#[derive(Debug, Default)]
pub(super) struct Running {
    hasher: RandomState,
    uploads: Mutex<HashMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    part: Weak<Part>,
    identity: (u64, u64),
    wanted: Arc<Wanted>,
}

impl Running {
    /// The place of an upload.
    pub(super) fn key(&self, owner: &Owner, path: &VirtualPath) -> u64 {
        self.hasher.hash_one((owner, path))
    }

    /// Makes an upload known under its key.
    pub(super) fn add(&self, key: u64, part: &Arc<Part>, identity: (u64, u64)) {
        let (part, wanted) = (Arc::downgrade(part), Arc::clone(&part.wanted));
        self.lock().insert(key, Entry { part, identity, wanted });
    }

    /// The end of an upload, unless another one has taken its place.
    pub(super) fn forget(&self, key: u64, wanted: &Arc<Wanted>) {
        let mut uploads = self.lock();
        if uploads.get(&key).is_some_and(|entry| Arc::ptr_eq(&entry.wanted, wanted)) {
            uploads.remove(&key);
        }
    }

    /// The upload that writes this file. To be dropped where file work may be done: it may by then
    /// be the last that holds it.
    pub(super) fn part(
        &self,
        owner: &Owner,
        path: &VirtualPath,
        identity: (u64, u64),
    ) -> Option<Arc<Part>> {
        let key = self.key(owner, path);
        self.lock().get(&key).filter(|entry| entry.identity == identity)?.part.upgrade()
    }

    /// The attributes to come of the upload that writes this file.
    pub(super) fn wanted(
        &self,
        owner: &Owner,
        path: &VirtualPath,
        identity: (u64, u64),
    ) -> Option<Arc<Wanted>> {
        let uploads = self.lock();
        if uploads.is_empty() {
            return None;
        }
        let entry = uploads.get(&self.key(owner, path));
        entry.filter(|entry| entry.identity == identity).map(|entry| Arc::clone(&entry.wanted))
    }

    /// Attributes of a path as its owner is to see them.
    pub(super) fn show(&self, owner: &Owner, path: &VirtualPath, found: Attributes) -> Attributes {
        self.wanted(owner, path, found.identity).map_or(found, |wanted| wanted.show(found))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

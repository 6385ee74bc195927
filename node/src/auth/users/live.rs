//! The users file as an authenticator.
//!
//! The file is looked at in every login (one `stat`) and read again when it changed, so what
//! `flotilla user` does holds from the next login on. A file that was replaced is read at once; one
//! that is written in place is left alone until it has been still for [`STILL`], since half of it
//! may be missing. A file that can not be read or understood changes nothing: the last good one
//! stays in force, and the fault is logged once.
//!
//! # Equal cost
//! An unknown user, one without a password, one that is disabled: all cost a hash. Unknown users
//! are checked against a decoy, the hash of one whose scheme and parameters are the most common in
//! the file; the result is thrown away. What this can not hide: users whose hashes cost more or
//! less than the decoy take a different time. A file whose hashes are all of one kind hides
//! everything.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use flotilla_protocol::ftp::Failure;
use time::OffsetDateTime;

use super::certificate::Demand;
use super::fault::UsersError;
use super::table::Table;
use crate::auth::cache::Cache;
use crate::auth::hash::StoredHash;
use crate::auth::worker::{Busy, Workers};
use crate::auth::{Account, Attempt, Authenticator, Judgement, Refusal, Secret};

/// The users file, kept up to date. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Users(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    workers: Arc<Workers>,
    cache: Cache,
    /// For users that the file gives no decoy for.
    decoy: Arc<StoredHash>,
    /// Held for a copy of a pointer at login, and for a swap at reload.
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    table: Arc<Table>,
    /// Of the file as it was read last, understood or not.
    stamp: Option<Stamp>,
    /// Somebody is reading it right now.
    reading: bool,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Users {
    /// Reads the file.
    ///
    /// # Errors
    /// [`UsersError`] with file, line, user and key.
    pub fn load(path: &Path, workers: Arc<Workers>) -> Result<Self, UsersError> {
        let no_random = || UsersError::Read {
            path: path.to_owned(),
            source: io::Error::other("no random numbers"),
        };
        let cache = Cache::new().map_err(|_| no_random())?;
        let decoy = Arc::new(StoredHash::make(b"").map_err(|_| no_random())?);
        let (read, stamp) = read(path);
        let current = Current { table: Arc::new(read?), stamp, reading: false };
        let path = path.to_owned();
        Ok(Self(Arc::new(Inner { path, workers, cache, decoy, current: Mutex::new(current) })))
    }

    /// Reads the file again, whether it changed or not; blocks meanwhile. On an error the users
    /// stay as they were.
    ///
    /// # Errors
    /// As [`Users::load`].
    pub fn reload(&self) -> Result<(), UsersError> {
        self.0.reload()
    }

    #[cfg(test)]
    pub(super) fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// The users as they are now.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.0.current().table)
    }
}

impl Authenticator for Users {
    fn authenticate(&self, attempt: Attempt) -> Judgement {
        let users = Arc::clone(&self.0);
        Box::pin(async move {
            users.refresh().await;
            users.judge(attempt).await
        })
    }
}

impl Inner {
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn judge(&self, attempt: Attempt) -> Result<Arc<Account>, Refusal> {
        let table = Arc::clone(&self.current().table);
        let user = table.find(&attempt.user);
        let certified = user.is_some_and(|user| {
            user.certificate.accepts(attempt.certificate.as_deref(), &user.account.name)
        });
        let demand = user.map_or(Demand::Off, |user| user.certificate.demand);
        let allowed = if certified && demand == Demand::Sufficient {
            true
        } else {
            let password = attempt.password.ok_or(Refusal::NeedPassword)?;
            let stored = user.and_then(|user| user.password.as_ref());
            let right = self.check(&attempt.user, stored, &table, password).await?;
            right && (certified || demand != Demand::Required)
        };
        let Some(user) = user.filter(|_| allowed) else {
            tracing::debug!(
                user = %attempt.user.escape_ascii(),
                client = %attempt.client,
                known = user.is_some(),
                certified,
                "login refused"
            );
            return Err(Refusal::Incorrect);
        };
        user.policy
            .check(attempt.client, attempt.protocol, OffsetDateTime::now_utc())
            .map_err(Refusal::Policy)?;
        Ok(Arc::clone(&user.account))
    }

    /// Whether the password is right. Takes a whole hash unless it was verified before.
    async fn check(
        &self,
        user: &[u8],
        stored: Option<&Arc<StoredHash>>,
        table: &Table,
        password: Secret,
    ) -> Result<bool, Refusal> {
        let hash = Arc::clone(stored.or(table.decoy()).unwrap_or(&self.decoy));
        let proof = self.cache.proof(user, &hash, password.expose());
        if self.cache.contains(user, &proof, Instant::now()) {
            return Ok(true);
        }
        let right = self
            .workers
            .run(move || hash.verify(password.expose()))
            .await
            .map_err(|Busy| Refusal::Unavailable(Failure::Internal))?;
        // A decoy that fits by chance is still nobody's password, and is not remembered.
        let right = right && stored.is_some();
        if right {
            self.cache.insert(user, proof, Instant::now());
        }
        Ok(right)
    }

    /// Reads the file again if it changed and nobody else does so already.
    async fn refresh(self: &Arc<Self>) {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) => {
                // Until it is back nothing changes; whatever is there then is new.
                if self.current().stamp.take().is_some() {
                    tracing::error!(path = %self.path.display(), %error, "users file is gone, the last one stays in force");
                }
                return;
            }
        };
        let stamp = Stamp::of(&metadata);
        {
            let mut current = self.current();
            let known = current.stamp;
            let in_place = known.is_some_and(|known| known.file == stamp.file);
            if known == Some(stamp) || current.reading || (in_place && !is_still(&metadata)) {
                return;
            }
            current.reading = true;
        }
        let inner = Arc::clone(self);
        let reading = Reading(Arc::clone(self));
        let read = self.workers.run(move || {
            let _reading = reading;
            inner.reload()
        });
        match read.await {
            Ok(Ok(())) => tracing::info!(path = %self.path.display(), "users file read again"),
            Ok(Err(error)) => {
                tracing::error!(%error, "users file not taken, the last one stays in force")
            }
            Err(Busy) => tracing::warn!("users file not read again yet, password workers are busy"),
        }
    }

    fn reload(&self) -> Result<(), UsersError> {
        let (read, stamp) = read(&self.path);
        let mut current = self.current();
        current.stamp = stamp;
        current.table = Arc::new(read?);
        Ok(())
    }
}

/// Clears `reading` however the reading ends, even if it never began.
struct Reading(Arc<Inner>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.current().reading = false;
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Whether nobody has written for a while. A time in the future says nothing.
fn is_still(metadata: &Metadata) -> bool {
    let age = metadata.modified().map(|at| SystemTime::now().duration_since(at));
    !matches!(age, Ok(Ok(age)) if age < STILL)
}

/// Judges a users file without using it.
///
/// # Errors
/// [`UsersError`] with file, line, user and key.
pub fn check(path: &Path) -> Result<(), UsersError> {
    read(path).0.map(drop)
}

/// The table, and the state of the file that it was read from if there is one.
fn read(path: &Path) -> (Result<Table, UsersError>, Option<Stamp>) {
    let mut stamp = None;
    let text = fs::File::open(path).and_then(|mut file| {
        stamp = Some(Stamp::of(&file.metadata()?));
        let mut text = String::new();
        file.by_ref().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other("the file is larger than 64 MiB"));
        }
        Ok(text)
    });
    let table = text
        .map_err(|source| UsersError::Read { path: path.to_owned(), source })
        .and_then(|text| Table::parse(path, &text));
    (table, stamp)
}

/// How long a file that is written in place must be still before it is read.
pub const STILL: Duration = Duration::from_secs(1);

/// Some 200 000 users.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

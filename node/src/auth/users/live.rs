//! The users file as an authenticator: kept up to date here, judged by in `judge.rs`.
//!
//! The file is looked at in every login (one `stat`) and read again when it changed, so what
//! `flotilla user` does holds from the next login on. A file that was replaced is read at once; one
//! that is written in place is left alone until it has been still for [`STILL`], since half of it
//! may be missing. A file that can not be read or understood changes nothing: the last good one
//! stays in force, and the fault is logged once.
//!
//! A file on a disk of this machine is looked at on the spot. One on a file server is looked at, and
//! any is read, by a thread of its own, for which a login waits two seconds at most: a file server
//! that hangs leaves the last users in force.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::fault::UsersError;
use super::lookout::Lookout;
use super::table::Table;
use crate::auth::cache::Cache;
use crate::auth::hash::StoredHash;
use crate::auth::key::PublicKey;
use crate::auth::proof::Proofs;
use crate::auth::trust::Trust;
use crate::auth::worker::Workers;
use crate::auth::{Answer, Attempt, Authenticator, Judgement, Method};

/// The users file, kept up to date. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Users(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    path: PathBuf,
    pub(super) workers: Arc<Workers>,
    pub(super) cache: Cache,
    /// For users that the file gives no decoy for.
    pub(super) decoy: Arc<StoredHash>,
    /// What holds for SSH logins of all users.
    pub(super) trust: Trust,
    /// The file lies on a disk of this machine: looking at it does not wait for anybody else.
    local: AtomicBool,
    /// Looks at files that do not, and reads them all.
    lookout: Lookout,
    /// Held for a copy of a pointer at login, and for a swap at reload.
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    table: Arc<Table>,
    /// Of the file as it was read last, understood or not.
    stamp: Option<Stamp>,
}

/// The file, as it was found.
struct Reading {
    table: Result<Table, UsersError>,
    stamp: Option<Stamp>,
    local: bool,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    /// Device, inode and birth: a file that takes the place of another one often gets the inode number that
    /// was given back last.
    file: (u64, u64, Option<SystemTime>),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Users {
    /// Reads the file.
    ///
    /// # Errors
    /// [`UsersError`] with file, line, user and key.
    pub fn load(path: &Path, workers: Arc<Workers>, trust: Trust) -> Result<Self, UsersError> {
        let no_random = || UsersError::Read {
            path: path.to_owned(),
            source: io::Error::other("no random numbers"),
        };
        let cache = Cache::new().map_err(|_| no_random())?;
        let decoy = Arc::new(StoredHash::make(b"").map_err(|_| no_random())?);
        let Reading { table, stamp, local } = read(path);
        let current = Mutex::new(Current { table: Arc::new(table?), stamp });
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            workers,
            cache,
            decoy,
            trust,
            local: AtomicBool::new(local),
            lookout: Lookout::default(),
            current,
        })))
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

    /// Treats the file as one of a file server.
    #[cfg(test)]
    pub(super) fn set_remote(&self) {
        self.0.local.store(false, Ordering::Relaxed);
    }

    /// The users as they are now.
    pub fn table(&self) -> Arc<Table> {
        self.0.table()
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

    fn accepts_key(&self, user: &[u8], key: PublicKey, proved: &Proofs, client: IpAddr) -> Answer {
        let users = Arc::clone(&self.0);
        let (user, proved) = (user.to_vec(), proved.clone());
        Box::pin(async move {
            users.refresh().await;
            users.accepts_key(&user, &key, &proved, client)
        })
    }

    fn ssh_methods(&self) -> Vec<Method> {
        self.0.ssh_methods()
    }
}

impl Inner {
    /// The users as they are now.
    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.current().table)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that the table is that of the file as it is now, as far as that can be known soon.
    async fn refresh(self: &Arc<Self>) {
        let seen = match self.local.load(Ordering::Relaxed) {
            true => fs::metadata(&self.path).map(|metadata| self.is_known(&metadata)),
            false => Ok(false),
        };
        if !matches!(seen, Ok(true)) {
            self.lookout.look(self).await;
        }
    }

    /// Whether the file needs no reading: it is as it was, or is being written.
    fn is_known(&self, metadata: &Metadata) -> bool {
        let stamp = Stamp::of(metadata);
        let known = self.current().stamp;
        let in_place = known.is_some_and(|known| known.file == stamp.file);
        known == Some(stamp) || (in_place && !is_still(metadata))
    }

    /// Reads the file again if it changed. Blocks: for the thread of the lookout.
    pub(super) fn look(&self) {
        match fs::metadata(&self.path) {
            Ok(metadata) if self.is_known(&metadata) => {}
            Ok(_) => match self.reload() {
                Ok(()) => tracing::info!(path = %self.path.display(), "users file read again"),
                Err(error) => {
                    tracing::error!(%error, "users file not taken, the last one stays in force");
                }
            },
            // Until it is back nothing changes; whatever is there then is new.
            Err(error) => {
                if self.current().stamp.take().is_some() {
                    tracing::error!(path = %self.path.display(), %error, "users file is gone, the last one stays in force");
                }
            }
        }
    }

    fn reload(&self) -> Result<(), UsersError> {
        let Reading { table, stamp, local } = read(&self.path);
        self.local.store(local, Ordering::Relaxed);
        let mut current = self.current();
        current.stamp = stamp;
        current.table = Arc::new(table?);
        Ok(())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino(), metadata.created().ok()),
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
    read(path).table.map(drop)
}

fn read(path: &Path) -> Reading {
    let mut stamp = None;
    let mut local = false;
    let text = fs::File::open(path).and_then(|mut file| {
        stamp = Some(Stamp::of(&file.metadata()?));
        local = LOCAL.contains(&rustix::fs::fstatfs(&file)?.f_type);
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
    Reading { table, stamp, local }
}

/// How long a file that is written in place must be still before it is read.
pub const STILL: Duration = Duration::from_secs(1);

/// Magic numbers of file systems that ask no other machine (statfs(2)): ext2 to ext4, XFS, Btrfs,
/// overlayfs, F2FS, bcachefs, ZFS, tmpfs, ramfs.
const LOCAL: [rustix::fs::FsWord; 9] = [
    0xEF53,
    0x5846_5342,
    0x9123_683E,
    0x794C_7630,
    0xF2F5_2010,
    0xCA45_1A4E,
    0x2FC1_2FC1,
    0x0102_1994,
    0x8584_58F6,
];

/// Some 200 000 users.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

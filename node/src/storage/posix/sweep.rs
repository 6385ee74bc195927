//! Removal of unfinished uploads that nobody came back for.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flotilla_protocol::entry::Kind;
use flotilla_protocol::ftp::Failure;
use rustix::fs::{FileType, FlockOperation, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::fault::failure;
use super::root::Root;
use super::{attribute, name};
use crate::blocking::Ticket;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Directories read.
    pub directories: u64,
    /// Unfinished uploads removed.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Directories that could not be read, or were too many to remember.
    pub skipped: u64,
}

/// Walks the whole root, one directory per job, so that transfers get their turn in between, and
/// removes what was written last longer than `age` ago and is not being written.
pub(super) async fn run(root: Arc<Root>, age: Duration) -> Swept {
    let mut swept = Swept::default();
    let before = SystemTime::now()
        .checked_sub(age)
        .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
        .map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    // Without their final slash, which would follow a link.
    let mut waiting = vec![Vec::new()];
    while let Some(path) = waiting.pop() {
        let at = path.clone();
        let job = root.work(move |root, ticket| directory(root, &at, before, ticket));
        let Ok(found) = job.await else {
            swept.skipped += 1;
            continue;
        };
        swept.directories += 1;
        swept.removed += found.removed;
        swept.bytes += found.bytes;
        for name in found.directories {
            if waiting.len() < WAITING_MAX {
                waiting.push([path.as_slice(), b"/", &name].concat());
            } else {
                swept.skipped += 1;
            }
        }
    }
    swept
}

#[derive(Default)]
struct Found {
    directories: Vec<Vec<u8>>,
    removed: u64,
    bytes: u64,
}

fn directory(root: &Root, path: &[u8], before: i64, ticket: &Ticket) -> Result<Found, Failure> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let directory =
        root.open_at(if path.is_empty() { b"/" } else { path }, flags).map_err(failure)?;
    let mut found = Found::default();
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(failure)?;
        let bytes = entry.file_name().to_bytes();
        if matches!(bytes, b"." | b"..") {
            continue;
        }
        ticket.step()?;
        if bytes == name::MARK {
            continue;
        }
        if name::is_reserved(bytes) {
            match remove(&directory, bytes, before) {
                Ok(None) => {}
                Ok(Some(size)) => {
                    found.removed += 1;
                    found.bytes += size;
                }
                Err(error) => {
                    let name = bytes.escape_ascii();
                    tracing::debug!(%error, %name, "unfinished upload not removed");
                }
            }
            continue;
        }
        let is_directory = match entry.file_type() {
            FileType::Unknown => attribute::of_c_entry(&directory, entry.file_name())
                .is_ok_and(|found| found.kind == Kind::Directory),
            kind => kind == FileType::Directory,
        };
        if is_directory && found.directories.len() < WAITING_MAX {
            found.directories.push(bytes.to_vec());
        }
    }
    Ok(found)
}

/// Removes one that is old and that nobody holds; yields its size.
fn remove(directory: &OwnedFd, name: &[u8], before: i64) -> Result<Option<u64>, Errno> {
    let found = attribute::of_entry(directory, name)?;
    if found.kind != Kind::File || found.modified.seconds >= before {
        return Ok(None);
    }
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
    if locked == Err(Errno::WOULDBLOCK) {
        return Ok(None);
    }
    // Somebody may have gone on with it, or published it, in the meantime.
    let locked = attribute::of_descriptor(&file)?;
    let named = attribute::of_entry(directory, name)?;
    if named.identity != locked.identity || locked.modified.seconds >= before {
        return Ok(None);
    }
    rustix::fs::unlinkat(directory, name, rustix::fs::AtFlags::empty())?;
    Ok(Some(locked.size))
}

/// Directories remembered at once: at 100 bytes each some 10 MB.
const WAITING_MAX: usize = 100_000;

/// What one `getdents` fills.
const BUFFER_BYTES: usize = 32 << 10;

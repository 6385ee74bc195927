//! Changing attributes: of what is there, and of what is on its way.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flotilla_protocol::entry::{AttributeChange, Attributes, Kind, Timestamp};
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::attribute;
use super::fault::failure;
use super::name::Owner;
use super::partial::{self, Found, Open};
use super::root::Root;

/// Mode and times that an upload is to have in the end.
#[derive(Debug, Default)]
pub(super) struct Wanted(Mutex<AttributeChange>);

impl Wanted {
    /// What is wanted so far; no size and no owner.
    pub(super) fn get(&self) -> AttributeChange {
        *self.lock()
    }

    /// The last word counts.
    pub(super) fn add(&self, change: AttributeChange) {
        let mut wanted = self.lock();
        wanted.mode = change.mode.map(|mode| mode & PERMISSIONS).or(wanted.mode);
        wanted.accessed = change.accessed.or(wanted.accessed);
        wanted.modified = change.modified.or(wanted.modified);
    }

    /// Attributes as they will be.
    pub(super) fn show(&self, found: Attributes) -> Attributes {
        let wanted = self.get();
        Attributes {
            mode: wanted.mode.unwrap_or(found.mode),
            accessed: wanted.accessed.unwrap_or(found.accessed),
            modified: wanted.modified.unwrap_or(found.modified),
            ..found
        }
    }

    fn lock(&self) -> MutexGuard<'_, AttributeChange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes what a path shows.
pub(super) fn by_path(
    root: &Root,
    owner: &Owner,
    path: &VirtualPath,
    change: AttributeChange,
    follow: bool,
) -> Result<(), Failure> {
    let flags = if follow { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
    match root.open_at(path.as_bytes(), flags) {
        Ok(file) => set(&file, change),
        Err(Errno::NOENT) => of_partial(root, owner, path, change),
        Err(error) => Err(failure(error)),
    }
}

/// Changes the owner's unfinished upload. One that nobody writes has no times of its own: they are
/// those of its last byte, by which its age is judged.
fn of_partial(
    root: &Root,
    owner: &Owner,
    path: &VirtualPath,
    change: AttributeChange,
) -> Result<(), Failure> {
    let place = root.open_parent(path)?;
    let (file, wanted) = match partial::claim(root, owner, &place, Open::Existing)? {
        Found::Absent => return Err(Failure::NotFound),
        Found::Held(held) => (held.file, None),
        Found::Busy(file) => {
            let found = attribute::of_descriptor(&file).map_err(failure)?;
            let wanted = root.uploads.wanted(owner, path, found.identity).ok_or(partial::BUSY)?;
            (file, Some(wanted))
        }
    };
    check_owner(&attribute::of_descriptor(&file).map_err(failure)?, change)?;
    if let Some(size) = change.size {
        cut(&file, size)?;
    }
    match wanted {
        Some(wanted) => wanted.add(change),
        None => {
            let mode = change.mode.map(|mode| mode | RESUMABLE);
            set(&file, AttributeChange { mode, ..AttributeChange::default() })?;
        }
    }
    Ok(())
}

/// Changes what a descriptor pins, also one that is a mere handle (`O_PATH`). Such a handle needs
/// no permission on the file itself (the mode 0 that a client wants to change back), but the calls
/// that take one are younger than the kernels in use; the name of the descriptor in `/proc` does
/// the same, and leads to a symbolic link itself where the handle is one.
pub(super) fn set(file: &OwnedFd, change: AttributeChange) -> Result<(), Failure> {
    if change == AttributeChange::default() {
        return Ok(());
    }
    let now = attribute::of_descriptor(file).map_err(failure)?;
    if now.kind == Kind::Other {
        return Err(Failure::NotRegular);
    }
    check_owner(&now, change)?;
    let is_link = now.kind == Kind::Symlink;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    if let Some(size) = change.size {
        attribute::regular(&now)?;
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(name.as_str(), flags, Mode::empty()).map_err(failure)?;
        cut(&file, size)?;
    }
    if let Some(mode) = change.mode
        && !is_link
    {
        // The bits above the permissions (run as owner, sticky) are the operator's to give.
        let kept = if now.kind == Kind::Directory { now.mode & !PERMISSIONS } else { 0 };
        let mode = Mode::from_raw_mode((mode & PERMISSIONS) | kept);
        rustix::fs::chmodat(CWD, name.as_str(), mode, AtFlags::empty()).map_err(failure)?;
    }
    if change.accessed.is_some() || change.modified.is_some() {
        let times = Timestamps {
            last_access: timespec(change.accessed),
            last_modification: timespec(change.modified),
        };
        rustix::fs::utimensat(CWD, name.as_str(), &times, AtFlags::empty()).map_err(failure)?;
    }
    // Links have no mode on Linux.
    if is_link && change.mode.is_some() { Err(Failure::Unsupported) } else { Ok(()) }
}

/// Owners stay. To say again what is so is no change: clients do that who set all attributes at
/// once. Anything else would lend the server's own rights on the machine to its users.
pub(super) fn check_owner(now: &Attributes, change: AttributeChange) -> Result<(), Failure> {
    match change.owner {
        Some(owner) if owner != (now.uid, now.gid) => {
            Err(Failure::Denied("files keep their owner and group"))
        }
        _ => Ok(()),
    }
}

/// Sets the length of a file that is open for writing.
pub(super) fn cut(file: &OwnedFd, size: u64) -> Result<(), Failure> {
    if i64::try_from(size).is_err() {
        return Err(Failure::NoSpace);
    }
    rustix::fs::ftruncate(file, size).map_err(failure)
}

fn timespec(time: Option<Timestamp>) -> Timespec {
    match time {
        Some(time) => {
            Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.min(999_999_999).into() }
        }
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    }
}

/// What clients may set of a mode.
const PERMISSIONS: u32 = 0o777;

/// What the server itself needs to go on with an upload.
pub(super) const RESUMABLE: u32 = 0o600;

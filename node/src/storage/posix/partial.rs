//! Unfinished uploads: who may touch one.
//!
//! Under an owner's reserved name ([`Owner::partial`]) lies at most one file. Who writes it holds
//! an exclusive `flock` on it, and only who holds that lock may rename, replace or remove what the
//! name names. A lock counts only if the name still names the locked file once it is taken, so a
//! name never changes under its holder, and the publishing rename can not move somebody else's
//! bytes. Two sessions that upload one name at once both go on: the second one, which finds the
//! lock taken, writes a file of its own, and whoever publishes last wins. The lock dies with the
//! process or the node, so what a crash leaves behind can be resumed at once.

use std::os::fd::{AsFd, OwnedFd};

use flotilla_protocol::ftp::Failure;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags, XattrFlags};
use rustix::io::Errno;

use super::attribute;
use super::fault::failure;
use super::name::{NAME_ATTRIBUTE, Owner};
use super::root::{Place, Root};

/// A temporary file that is ours to write and to rename.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) file: OwnedFd,
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
    pub(super) mode: u32,
    /// Device and inode; `None` for one that nobody else can find.
    pub(super) identity: Option<(u64, u64)>,
}

/// What was found under an owner's reserved name.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Absent,
    /// A file; now it is ours.
    Held(Held),
    /// A file that another session writes.
    Busy(OwnedFd),
}

/// How a reserved name is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// Only what is there.
    Existing,
    /// What is there, or a new file with these permission bits.
    Any(u32),
    /// Only a new file; anything there is [`Found::Absent`].
    Fresh(u32),
}

/// Takes hold of the owner's unfinished upload of a name.
pub(super) fn claim(
    root: &Root,
    owner: &Owner,
    place: &Place,
    open: Open,
) -> Result<Found, Failure> {
    let (name, long) = owner.partial(&place.name);
    let (flags, mode) = match open {
        Open::Existing => (WRITE, 0),
        Open::Any(mode) => (WRITE | OFlags::CREATE, mode),
        Open::Fresh(mode) => (WRITE | OFlags::CREATE | OFlags::EXCL, mode),
    };
    for _ in 0..RETRIES {
        let file =
            match rustix::fs::openat(&place.directory, &name, flags, Mode::from_raw_mode(mode)) {
                Ok(file) => file,
                Err(Errno::NOENT) if open == Open::Existing => return Ok(Found::Absent),
                Err(Errno::EXIST) => return Ok(Found::Absent),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(failure(error)),
            };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(Found::Busy(file)),
            // A file system without locks: one writer at a time is then the operator's promise.
            Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            Err(error) => return Err(failure(error)),
        }
        let found = attribute::of_descriptor(&file).map_err(failure)?;
        match attribute::of_entry(&place.directory, &name) {
            Ok(named) if named.identity == found.identity => {}
            Ok(_) | Err(Errno::NOENT) => continue,
            Err(error) => return Err(failure(error)),
        }
        if found.size == 0 && open != Open::Existing {
            root.restore_mode(&file, mode);
            if long {
                remember_name(&file, &place.name);
            }
        }
        let is_made = open != Open::Existing && root.modes_are_cut() && found.size == 0;
        let mode = if is_made { mode } else { found.mode & 0o777 };
        let (size, identity) = (found.size, Some(found.identity));
        return Ok(Found::Held(Held { file, name, size, mode, identity }));
    }
    Err(Failure::StorageError)
}

/// A temporary file that nobody else can find.
pub(super) fn anonymous(
    root: &Root,
    owner: &Owner,
    place: &Place,
    mode: u32,
) -> Result<Held, Failure> {
    let name = owner.anonymous()?;
    let flags = WRITE | OFlags::CREATE | OFlags::EXCL;
    let bits = Mode::from_raw_mode(mode);
    let file = rustix::fs::openat(&place.directory, &name, flags, bits).map_err(failure)?;
    // Nobody can find it but the sweep, which leaves alone what is locked.
    let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
    root.restore_mode(&file, mode);
    if owner.partial(&place.name).1 {
        remember_name(&file, &place.name);
    }
    Ok(Held { file, name, size: 0, mode, identity: None })
}

/// Removes the owner's unfinished upload of a name, if there is one. `false`: there is none.
pub(super) fn discard(root: &Root, owner: &Owner, place: &Place) -> Result<bool, Failure> {
    match claim(root, owner, place, Open::Existing)? {
        Found::Absent => Ok(false),
        Found::Busy(_) => Err(BUSY),
        Found::Held(held) => {
            remove(&place.directory, &held.name)?;
            Ok(true)
        }
    }
}

/// Lets the owner's unfinished upload of a name be one of another name.
pub(super) fn rename(root: &Root, owner: &Owner, from: &Place, to: &Place) -> Result<(), Failure> {
    let held = match claim(root, owner, from, Open::Existing)? {
        Found::Absent => return Err(Failure::NotFound),
        Found::Busy(_) => return Err(BUSY),
        Found::Held(held) => held,
    };
    discard(root, owner, to)?;
    let (name, long) = owner.partial(&to.name);
    if long {
        remember_name(&held.file, &to.name);
    }
    rename_new(&from.directory, &held.name, &to.directory, &name).map_err(failure)
}

/// Renames unless something bears the new name, atomically.
pub(super) fn rename_new(
    from: impl AsFd,
    old: &[u8],
    to: impl AsFd,
    new: &[u8],
) -> Result<(), Errno> {
    let (from, to) = (from.as_fd(), to.as_fd());
    match rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        result => return result,
    }
    // NFS and some others know no such rename, but a second link is as exclusive.
    match rustix::fs::linkat(from, old, to, new, AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(from, old, AtFlags::empty()),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
            // A directory, or no links at all: a plain rename replaces nothing but an empty
            // directory or, in the blink between these two calls, a file.
            match attribute::of_entry(to, new) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::renameat(from, old, to, new),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Removes a file; one that is gone is no error.
pub(super) fn remove(directory: impl AsFd, name: &[u8]) -> Result<(), Failure> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failure(error)),
    }
}

/// The name of an unfinished upload that is too long for its reserved name.
pub(super) fn remembered_name(directory: impl AsFd, name: &[u8]) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty()).ok()?;
    let mut found = [0; flotilla_protocol::path::NAME_BYTES_MAX];
    let length = rustix::fs::fgetxattr(&file, NAME_ATTRIBUTE, &mut found[..]).ok()?;
    found.get(..length).map(<[u8]>::to_vec)
}

/// Without extended attributes the upload is only missing in listings.
fn remember_name(file: &OwnedFd, name: &[u8]) {
    if let Err(error) = rustix::fs::fsetxattr(file, NAME_ATTRIBUTE, name, XattrFlags::empty()) {
        tracing::debug!(%error, "name of an unfinished upload not stored");
    }
}

/// Another session of this owner is writing the upload that was to be removed or renamed.
pub(super) const BUSY: Failure = Failure::Denied("an upload to this name is under way");

/// To write a temporary file, and to read what it holds when another session goes on from it.
const WRITE: OFlags = OFlags::RDWR
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Each round is lost to another session that published or removed the file between our two calls.
const RETRIES: u32 = 64;

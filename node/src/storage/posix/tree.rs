//! Changes of names: directories made and removed, files removed and renamed.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use flotilla_protocol::entry::Kind;
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::attribute;
use super::fault::{failure, rename_failure};
use super::name::Owner;
use super::partial;
use super::root::{Place, Root};

pub(super) fn make_directory(root: &Root, path: &VirtualPath) -> Result<(), Failure> {
    if path.is_root() {
        return Err(Failure::Exists);
    }
    let place = root.open_parent(path)?;
    make(root, place.directory.as_fd(), &place.name).map_err(failure)
}

/// Makes what is missing and opens the last one. A link on the way is followed inside the root.
pub(super) fn make_directories(root: &Root, path: &VirtualPath) -> Result<OwnedFd, Failure> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    match root.open_at(path.as_bytes(), flags) {
        Err(Errno::NOENT) if !path.is_root() => {}
        result => return result.map_err(failure),
    }
    let bytes = path.as_bytes();
    let ends = bytes.iter().enumerate().skip(1).filter(|&(_, &byte)| byte == b'/');
    let mut parent = root.open_at(b"/", flags).map_err(failure)?;
    for end in ends.map(|(end, _)| end).chain([bytes.len()]) {
        let part = bytes.get(..end).unwrap_or(bytes);
        let name = part.rsplit(|&byte| byte == b'/').next().unwrap_or(part);
        match make(root, parent.as_fd(), name) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failure(error)),
        }
        parent = root.open_at(part, flags).map_err(failure)?;
    }
    Ok(parent)
}

fn make(root: &Root, parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let mode = root.directory_mode();
    rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(mode))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if root.modes_are_cut()
        && let Ok(directory) = rustix::fs::openat(parent, name, flags, Mode::empty())
    {
        root.restore_mode(&directory, mode);
    }
    Ok(())
}

pub(super) fn remove_directory(root: &Root, path: &VirtualPath) -> Result<(), Failure> {
    if path.is_root() {
        return Err(Failure::Denied("the root stays"));
    }
    let Place { directory, name } = root.open_parent(path)?;
    rustix::fs::unlinkat(&directory, &name, AtFlags::REMOVEDIR).map_err(|error| match error {
        // Both are allowed for a directory that is not empty.
        Errno::EXIST => Failure::NotEmpty,
        error => failure(error),
    })
}

/// Removes a file, and with it the owner's unfinished upload of that name, which would come to
/// light.
pub(super) fn remove_file(root: &Root, owner: &Owner, path: &VirtualPath) -> Result<(), Failure> {
    if path.is_root() {
        return Err(Failure::IsDirectory);
    }
    let place = root.open_parent(path)?;
    match rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::empty()) {
        Ok(()) => {
            // One that is being written stays: it is going to be the new file.
            if let Err(failure) = partial::discard(root, owner, &place) {
                tracing::debug!(?failure, %path, "unfinished upload beside a removed file stays");
            }
            Ok(())
        }
        Err(Errno::NOENT) => {
            if partial::discard(root, owner, &place)? {
                Ok(())
            } else {
                Err(Failure::NotFound)
            }
        }
        // POSIX has this for directories, Linux itself says so.
        Err(Errno::PERM) if is_directory(&place) => Err(Failure::IsDirectory),
        Err(error) => Err(failure(error)),
    }
}

pub(super) fn rename(
    root: &Root,
    owner: &Owner,
    from: &VirtualPath,
    to: &VirtualPath,
    replace: bool,
) -> Result<(), Failure> {
    if from.is_root() || to.is_root() {
        return Err(Failure::BadRename);
    }
    let (from, to) = (root.open_parent(from)?, root.open_parent(to)?);
    let moved = partial::rename_new(&from.directory, &from.name, &to.directory, &to.name);
    match moved {
        // A directory never replaces anything, though the kernel would let it replace an empty one.
        Err(Errno::EXIST) if replace && !is_directory(&from) => {
            rustix::fs::renameat(&from.directory, &from.name, &to.directory, &to.name)
                .map_err(rename_failure)
        }
        Err(Errno::NOENT) => match attribute::of_entry(&from.directory, &from.name) {
            Err(Errno::NOENT) => rename_partial(root, owner, &from, &to),
            _ => Err(Failure::NotFound),
        },
        result => result.map_err(rename_failure),
    }
}

/// An unfinished upload is listed under its name, so it can be renamed under it; it stays
/// unfinished.
fn rename_partial(root: &Root, owner: &Owner, from: &Place, to: &Place) -> Result<(), Failure> {
    match attribute::of_entry(&to.directory, &to.name) {
        Ok(_) => Err(Failure::Exists),
        Err(Errno::NOENT) => partial::rename(root, owner, from, to),
        Err(error) => Err(failure(error)),
    }
}

fn is_directory(place: &Place) -> bool {
    attribute::of_entry(&place.directory, &place.name)
        .is_ok_and(|found| found.kind == Kind::Directory)
}

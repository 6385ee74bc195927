//! Copies inside the root: shared extents where the file system can, else by the kernel, else by
//! hand.

use std::io::IoSlice;
use std::os::fd::OwnedFd;

use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::io::{Errno, ReadWriteFlags};

use super::attribute;
use super::fault::failure;
use super::lookup::READ;
use super::name::Owner;
use super::partial;
use super::room;
use super::root::Root;
use super::source::read_at;
use crate::blocking::Ticket;

/// Copies a published plain file; the copy appears complete or not at all.
pub(super) fn file(
    root: &Root,
    owner: &Owner,
    (from, to): (&VirtualPath, &VirtualPath),
    replace: bool,
    ticket: &Ticket,
) -> Result<(), Failure> {
    let source = root.open_at(from.as_bytes(), READ).map_err(failure)?;
    let found = attribute::of_descriptor(&source).map_err(failure)?;
    attribute::regular(&found)?;
    let place = root.open_parent(to)?;
    match attribute::of_entry(&place.directory, &place.name) {
        Ok(there) if replace => attribute::regular(&there)?,
        Ok(_) => return Err(Failure::Exists),
        Err(Errno::NOENT) => {}
        Err(error) => return Err(failure(error)),
    }
    let held = partial::anonymous(root, owner, &place, root.file_mode())?;
    let fill = || {
        // Shared extents take no space, so only a copy by bytes is held against the reserve.
        if rustix::fs::ioctl_ficlone(&held.file, &source).is_err() {
            if room::available(&held.file, root.options.reserve)? < found.size {
                return Err(Failure::NoSpace);
            }
            range(&source, &held.file, u64::MAX, ticket)?;
        }
        if replace {
            let (name, wanted) = (held.name.as_slice(), place.name.as_slice());
            rustix::fs::renameat(&place.directory, name, &place.directory, wanted)
        } else {
            partial::rename_new(&place.directory, &held.name, &place.directory, &place.name)
        }
        .map_err(failure)
    };
    fill().inspect_err(|_| {
        let _ = partial::remove(&place.directory, &held.name);
    })
}

/// Copies the first bytes of a file to the start of another, in steps. Fewer only at the end of the
/// file, which is an error unless as much as there is was asked for.
pub(super) fn range(
    source: &OwnedFd,
    target: &OwnedFd,
    length: u64,
    ticket: &Ticket,
) -> Result<(), Failure> {
    let mut done = 0;
    let mut buffer = Vec::new();
    while done < length {
        ticket.step()?;
        let step = usize::try_from((length - done).min(STEP_BYTES)).unwrap_or(usize::MAX);
        let count = if buffer.is_empty() {
            let (mut input, mut output) = (done, done);
            match rustix::fs::copy_file_range(
                source,
                Some(&mut input),
                target,
                Some(&mut output),
                step,
            ) {
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    buffer.resize(BUFFER_BYTES, 0);
                    continue;
                }
                Err(error) => return Err(failure(error)),
            }
        } else {
            let part = buffer.get_mut(..step.min(BUFFER_BYTES)).unwrap_or_default();
            let count = read_at(source, done, part)?;
            write_at(target, done, part.get(..count).unwrap_or_default())?;
            count
        };
        if count == 0 {
            break;
        }
        done += count as u64;
    }
    if done < length && length != u64::MAX { Err(Failure::StorageError) } else { Ok(()) }
}

/// Writes all bytes at an offset.
pub(super) fn write_at(file: &OwnedFd, mut offset: u64, mut bytes: &[u8]) -> Result<(), Failure> {
    let end = offset.checked_add(bytes.len() as u64);
    if end.is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Failure::NoSpace);
    }
    while !bytes.is_empty() {
        let count = match rustix::io::pwrite(file, bytes, offset) {
            Ok(0) => return Err(Failure::StorageError),
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(failure(error)),
        };
        bytes = bytes.get(count..).unwrap_or_default();
        offset += count as u64;
    }
    Ok(())
}

/// Writes all bytes at the end, wherever that is at each step.
pub(super) fn append(file: &OwnedFd, mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        let slice = [IoSlice::new(bytes)];
        let count = match rustix::io::pwritev2(file, &slice, 0, ReadWriteFlags::APPEND) {
            Ok(0) => return Err(Failure::StorageError),
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(failure(error)),
        };
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}

/// Per step: a slow NFS server moves 16 MiB well within any sensible `storage.timeout`.
const STEP_BYTES: u64 = 16 << 20;

/// By hand, 1 MiB at a time: larger pieces gain nothing.
const BUFFER_BYTES: usize = 1 << 20;

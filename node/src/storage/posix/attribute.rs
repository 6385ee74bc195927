//! What the kernel says of a file, in our words.

use std::os::fd::AsFd;

use flotilla_protocol::entry::{Attributes, Kind, Timestamp};
use flotilla_protocol::ftp::Failure;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp};
use rustix::io::Errno;

/// Attributes of an open file.
pub(super) fn of_descriptor(descriptor: impl AsFd) -> Result<Attributes, Errno> {
    of_name(descriptor, b"", AtFlags::EMPTY_PATH)
}

/// Attributes of one name in a directory, links not followed.
pub(super) fn of_entry(directory: impl AsFd, name: &[u8]) -> Result<Attributes, Errno> {
    of_name(directory, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
}

fn of_name(directory: impl AsFd, name: &[u8], flags: AtFlags) -> Result<Attributes, Errno> {
    rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS).map(|found| from(&found))
}

/// As [`of_entry`], for a name that has its NUL.
pub(super) fn of_c_entry(directory: impl AsFd, name: &std::ffi::CStr) -> Result<Attributes, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS).map(|found| from(&found))
}

fn from(found: &Statx) -> Attributes {
    let kind = match FileType::from_raw_mode(found.stx_mode.into()) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    };
    Attributes {
        kind,
        size: found.stx_size,
        modified: timestamp(&found.stx_mtime),
        accessed: timestamp(&found.stx_atime),
        mode: u32::from(found.stx_mode) & 0o7777,
        uid: found.stx_uid,
        gid: found.stx_gid,
        links: found.stx_nlink,
        identity: (rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino),
    }
}

fn timestamp(time: &StatxTimestamp) -> Timestamp {
    Timestamp { seconds: time.tv_sec, nanoseconds: time.tv_nsec }
}

/// Fails unless this is a plain file.
pub(super) fn regular(attributes: &Attributes) -> Result<(), Failure> {
    match attributes.kind {
        Kind::File => Ok(()),
        Kind::Directory => Err(Failure::IsDirectory),
        Kind::Symlink | Kind::Other => Err(Failure::NotRegular),
    }
}

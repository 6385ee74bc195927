//! What the kernel says of a file, in our words; and setting it.

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use flotilla_protocol::entry::{AttributeChange, Attributes, Kind, Timestamp};
use flotilla_protocol::ftp::Failure;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Statx, StatxFlags, StatxTimestamp, Timespec, Timestamps,
    UTIME_OMIT,
};
use rustix::io::Errno;

use super::fault::failure;

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

/// Sets times and mode of what an `O_PATH` descriptor pins. Such a descriptor needs no permission
/// on the file itself (the mode 0 that a client wants to change back), but the calls that take one
/// are younger than the kernels in use; the name of the descriptor in `/proc` does the same.
pub(super) fn set(file: &OwnedFd, change: AttributeChange) -> Result<(), Failure> {
    let now = of_descriptor(file).map_err(failure)?;
    if !matches!(now.kind, Kind::File | Kind::Directory) {
        return Err(Failure::NotRegular);
    }
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    if let Some(mode) = change.mode {
        // The bits above the permissions (run as owner, sticky) are the operator's to give.
        let kept = if now.kind == Kind::Directory { now.mode & 0o7000 } else { 0 };
        let mode = Mode::from_raw_mode((mode & 0o777) | kept);
        rustix::fs::chmodat(CWD, name.as_str(), mode, AtFlags::empty()).map_err(failure)?;
    }
    if let Some(modified) = change.modified {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec {
                tv_sec: modified.seconds,
                tv_nsec: modified.nanoseconds.min(999_999_999).into(),
            },
        };
        rustix::fs::utimensat(CWD, name.as_str(), &times, AtFlags::empty()).map_err(failure)?;
    }
    Ok(())
}

//! The mark of a pool on its storage: nodes that see the same mark share the storage.

use std::io::Write;
use std::os::fd::OwnedFd;

use flotilla_protocol::ftp::Failure;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::fault::failure;
use super::name;
use super::root::Root;

/// What a storage shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    Missing,
    /// This mark.
    Seen(String),
    /// Something that is no mark stands in its place.
    Foreign,
}

/// Looks for the mark.
pub(super) fn read(root: &Root) -> Result<Mark, Failure> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(root.descriptor(), name::MARK, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(Mark::Missing),
        // A link, or a socket.
        Err(Errno::LOOP | Errno::NXIO) => return Ok(Mark::Foreign),
        Err(error) => return Err(failure(error)),
    };
    let mut bytes = [0; MARK_BYTES_MAX];
    let length = match rustix::io::read(&file, &mut bytes[..]) {
        Ok(length) => length,
        Err(Errno::ISDIR) => return Ok(Mark::Foreign),
        Err(error) => return Err(failure(error)),
    };
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
    let text = text.trim();
    let fits = length < MARK_BYTES_MAX && !text.is_empty();
    match fits && text.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(Mark::Seen(text.to_owned())),
        false => Ok(Mark::Foreign),
    }
}

/// Makes the mark, unless there is one; what is none gives way. Tells the one that is there then.
pub(super) fn make(root: &Root, mark: &str) -> Result<Mark, Failure> {
    let before = read(root)?;
    if matches!(before, Mark::Seen(_)) {
        return Ok(before);
    }
    // Complete under another name first: a node that reads must not find half of it.
    let new = [name::MARK, b"-new"].concat();
    let _ = rustix::fs::unlinkat(root.descriptor(), &new, rustix::fs::AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(root.descriptor(), &new, flags, Mode::from_raw_mode(0o644))
        .map_err(failure)?;
    write(file, mark)?;
    let directory = root.descriptor();
    let named = match before {
        Mark::Foreign => rustix::fs::renameat(directory, &new, directory, name::MARK),
        Mark::Missing | Mark::Seen(_) => {
            super::partial::rename_new(directory, &new, directory, name::MARK)
        }
    };
    match named {
        Ok(()) => {}
        // Somebody else was faster, or it is a directory, which somebody has to look at.
        Err(Errno::EXIST | Errno::ISDIR) => super::partial::remove(directory, &new)?,
        Err(error) => return Err(failure(error)),
    }
    read(root)
}

fn write(file: OwnedFd, mark: &str) -> Result<(), Failure> {
    let mut file = std::fs::File::from(file);
    file.write_all(mark.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| failure(Errno::from_io_error(&error).unwrap_or(Errno::IO)))
}

/// More than any mark of ours.
const MARK_BYTES_MAX: usize = 64;

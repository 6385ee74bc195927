//! The mark of a pool on its storage: nodes that see the same mark share the storage.

use std::io::Write;
use std::os::fd::OwnedFd;

use flotilla_protocol::ftp::Failure;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::fault::failure;
use super::name;
use super::root::Root;

/// Reads the mark; `None`: there is none. What is there is no longer than [`MARK_BYTES_MAX`].
pub(super) fn read(root: &Root) -> Result<Option<String>, Failure> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(root.descriptor(), name::MARK, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failure(error)),
    };
    let mut bytes = [0; MARK_BYTES_MAX];
    let length = rustix::io::read(&file, &mut bytes[..]).map_err(failure)?;
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit());
    Ok(fits.then(|| text.to_owned()))
}

/// Makes the mark, unless there is one. Tells the one that is there then.
pub(super) fn make(root: &Root, mark: &str) -> Result<Option<String>, Failure> {
    // Complete under another name first: a node that reads must not find half of it.
    let new = [name::MARK, b"-new"].concat();
    let _ = rustix::fs::unlinkat(root.descriptor(), &new, rustix::fs::AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(root.descriptor(), &new, flags, Mode::from_raw_mode(0o644))
        .map_err(failure)?;
    write(file, mark)?;
    match super::partial::rename_new(root.descriptor(), &new, root.descriptor(), name::MARK) {
        Ok(()) => {}
        Err(Errno::EXIST) => super::partial::remove(root.descriptor(), &new)?,
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

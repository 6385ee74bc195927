//! What a view shows under a path: what is published, else the owner's unfinished upload.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use flotilla_protocol::entry::Attributes;
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::attribute;
use super::fault::failure;
use super::name::Owner;
use super::root::{Root, split};
use crate::storage::Work;

/// To read a plain file or directory: whatever else bears the name neither hangs the thread (pipe,
/// lease) nor becomes our terminal.
pub(super) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Opens what the path shows, waiting for the storage if need be.
pub(super) fn open(
    root: &Root,
    owner: &Owner,
    path: &VirtualPath,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    match root.open_at(path.as_bytes(), flags) {
        Err(Errno::NOENT) => {
            let (parent, name) = split(path).map_err(|_| Errno::NOENT)?;
            let directory = root.open_at(parent, OFlags::PATH | OFlags::DIRECTORY)?;
            let (partial, _) = owner.partial(name);
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(&directory, partial, flags, Mode::empty())
        }
        result => result,
    }
}

/// As [`open`], but `None` where that might wait.
fn open_cached(
    root: &Root,
    owner: &Owner,
    path: &VirtualPath,
    flags: OFlags,
) -> Option<Result<OwnedFd, Errno>> {
    match root.open_cached(path.as_bytes(), flags)? {
        Err(Errno::NOENT) => {
            let Ok((parent, name)) = split(path) else {
                return Some(Err(Errno::NOENT));
            };
            let (partial, _) = owner.partial(name);
            let whole = [parent, &partial].concat();
            match root.open_cached(&whole, flags | OFlags::NOFOLLOW)? {
                // The longer name made the path too long; the pool takes it in two steps.
                Err(Errno::NAMETOOLONG) => None,
                result => Some(result),
            }
        }
        result => Some(result),
    }
}

/// Opens what the path shows and looks at it, on this thread if the caches know all of it.
pub(super) fn opened<T: Send + 'static>(
    root: &Arc<Root>,
    owner: &Arc<Owner>,
    path: &VirtualPath,
    flags: OFlags,
    then: impl FnOnce(OwnedFd, Attributes) -> Result<T, Failure> + Send + 'static,
) -> Work<T> {
    let look = move |file: Result<OwnedFd, Errno>| {
        let file = file.map_err(failure)?;
        let attributes = attribute::of_descriptor(&file).map_err(failure)?;
        then(file, attributes)
    };
    if let Some(file) = open_cached(root, owner, path, flags) {
        return Work::ready(look(file));
    }
    let (owner, path) = (Arc::clone(owner), path.clone());
    root.work(move |root, _| look(open(root, &owner, &path, flags)))
}

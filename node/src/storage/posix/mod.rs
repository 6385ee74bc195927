//! Directories of a POSIX file system as a [`Storage`]: local, NFS, EFS, Gluster, Samba, s3fs
//! mounts.
//!
//! - `root`: the descriptor of the root directory and `openat2` beneath it; nothing leaves it.
//! - `name`, `partial`: reserved names of unfinished uploads, and who may touch one.
//! - `upload`, `resume`: how uploads begin; `sink`, `part`, `room`, `abandon`: how they go on and
//!   end; `running`: those that are open now.
//! - `lookup`, `source`, `listing`, `attribute`: what is there.
//! - `change`, `tree`, `link`, `copy`, `digest`, `sweep`: everything else that changes or reads
//!   files.
//!
//! Reads try the kernel's caches on the thread of the caller and go to the [`Lane`] when the answer
//! is not there, or always where the file system is not local. Whatever changes something goes to
//! the lane: a journal that is being written makes even a local rename wait, and that would stop an
//! arbiter. Only small new files on a file system in memory are written by the arbiter itself.

mod abandon;
mod attribute;
mod change;
mod copy;
mod digest;
mod fault;
mod link;
mod listing;
mod lookup;
mod mark;
mod name;
mod part;
mod partial;
mod resume;
mod room;
mod root;
mod running;
mod sink;
mod source;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;
mod upload;

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use flotilla_protocol::entry::{AttributeChange, Attributes, FileSystem};
use flotilla_protocol::ftp::{Algorithm, Failure};
use flotilla_protocol::path::VirtualPath;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

pub use self::mark::Mark;
pub use self::root::PosixOptions;
pub use self::sweep::Swept;

use self::fault::failure;
use self::listing::Listing;
use self::lookup::READ;
use self::name::Owner;
pub(super) use self::root::Root;

use self::root::check;
use self::source::Reader;
use self::upload::Begin;
use super::{CreateMode, CreateOptions, Directory, Sink, Source, Storage, Work};
use crate::blocking::{Lane, Ticket};

/// Why a root can not be served.
#[derive(Debug, thiserror::Error)]
#[error("storage.root: {path}: {reason}", path = .path.display())]
pub struct RootError {
    /// The directory.
    pub path: PathBuf,
    /// What is wrong with it, in the operator's words.
    pub reason: String,
}

/// A view of a directory: its files, and the unfinished uploads of one owner.
#[derive(Clone, Debug)]
pub struct Posix {
    root: Arc<Root>,
    owner: Arc<Owner>,
}

impl Posix {
    /// Opens a directory. Blocks; for the start of the node.
    pub fn open(path: &Path, lane: Arc<Lane>, options: PosixOptions) -> Result<Self, RootError> {
        let wrong = |reason: String| RootError { path: path.to_owned(), reason };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| {
            wrong(match error {
                Errno::NOENT => "no such directory".into(),
                Errno::NOTDIR => "not a directory".into(),
                error => format!("can not be read: {}", std::io::Error::from(error)),
            })
        })?;
        let root = Root::new(directory, lane, options)
            .map_err(|error| wrong(format!("its file system can not be read: {error}")))?;
        match root.open_at(b"/", OFlags::PATH) {
            Ok(_) => {}
            Err(Errno::NOSYS) => return Err(wrong("needs openat2 (Linux 5.6 or newer)".into())),
            Err(Errno::ACCESS) => return Err(wrong("not searchable for this process".into())),
            Err(error) => return Err(wrong(error.to_string())),
        }
        Ok(Self { root: Arc::new(root), owner: Arc::new(Owner::new("")) })
    }

    /// The same files as an account sees them: with the unfinished uploads of its own.
    pub fn view(&self, owner: &str) -> Self {
        Self { root: Arc::clone(&self.root), owner: Arc::new(Owner::new(owner)) }
    }

    /// A directory of it, made if it is missing, as a root of its own: links inside it lead nowhere
    /// else.
    pub fn home(&self, home: &VirtualPath) -> Work<Self> {
        let this = self.clone();
        if home.is_root() {
            return Work::ready(Ok(this));
        }
        let narrow = |this: Self, directory| {
            let root = Arc::new(this.root.narrow(directory).map_err(failure)?);
            Ok(Self { root, ..this })
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        if let Some(Ok(directory)) = self.root.open_cached(home.as_bytes(), flags) {
            return Work::ready(narrow(this, directory));
        }
        let home = home.clone();
        self.root.work(move |root, _| narrow(this, tree::make_directories(root, &home)?))
    }

    /// Lets views of one directory share one descriptor.
    pub(super) fn share(&mut self, known: &mut HashMap<(u64, u64), Weak<Root>>) {
        match known.get(&self.root.identity).and_then(Weak::upgrade) {
            Some(root) if Arc::ptr_eq(&root.lane, &self.root.lane) => self.root = root,
            _ => {
                known.retain(|_, root| root.strong_count() > 0);
                known.insert(self.root.identity, Arc::downgrade(&self.root));
            }
        }
    }

    /// The mark that shows which pool uses this storage; with `wanted` it is made where there is none.
    pub fn mark(&self, wanted: Option<String>) -> Work<Mark> {
        self.root.work(move |root, _| match &wanted {
            None => mark::read(root),
            Some(wanted) => mark::make(root, wanted),
        })
    }

    /// Removes unfinished uploads of all owners that were written last longer than `age` ago.
    pub fn sweep(&self, age: Duration) -> impl Future<Output = Swept> + use<> {
        sweep::run(Arc::clone(&self.root), age)
    }

    /// The lane of its jobs, whose health is the storage's.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.root.lane
    }

    fn with<T: Send + 'static>(
        &self,
        path: &VirtualPath,
        job: impl FnOnce(&Root, &Owner, &VirtualPath) -> Result<T, Failure> + Send + 'static,
    ) -> Work<T> {
        if let Err(failure) = check(path) {
            return Work::ready(Err(failure));
        }
        let (owner, path) = (Arc::clone(&self.owner), path.clone());
        self.root.work(move |root, _| job(root, &owner, &path))
    }

    fn opened<T: Send + 'static>(
        &self,
        path: &VirtualPath,
        flags: OFlags,
        then: impl FnOnce(std::os::fd::OwnedFd, Attributes) -> Result<T, Failure> + Send + 'static,
    ) -> Work<T> {
        match check(path) {
            // Reserved names are not there for anybody.
            Err(_) => Work::ready(Err(Failure::NotFound)),
            Ok(()) => lookup::opened(&self.root, &self.owner, path, flags, then),
        }
    }
}

impl Storage for Posix {
    fn attributes(&self, path: &VirtualPath, follow: bool) -> Work<Attributes> {
        let flags = if follow { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
        let (root, owner, at) = (Arc::clone(&self.root), Arc::clone(&self.owner), path.clone());
        self.opened(path, flags, move |_, found| Ok(root.uploads.show(&owner, &at, found)))
    }

    fn open(&self, path: &VirtualPath) -> Work<Box<dyn Source>> {
        let root = Arc::clone(&self.root);
        self.opened(path, READ, move |file, attributes| {
            attribute::regular(&attributes)?;
            Ok(Box::new(Reader::new(root, file, attributes)) as Box<dyn Source>)
        })
    }

    fn create(&self, path: &VirtualPath, options: CreateOptions) -> Work<Box<dyn Sink>> {
        if let Err(failure) = check(path) {
            return Work::ready(Err(failure));
        }
        let goes_on = match options.mode {
            CreateMode::Resume(_) | CreateMode::Append => true,
            CreateMode::Edit(edit) => !(edit.truncate || edit.create && edit.exclusive),
            CreateMode::Replace | CreateMode::New | CreateMode::Unique => false,
        };
        if !goes_on && let Some(place) = self.root.open_parent_in_memory(path) {
            let (root, owner) = (&self.root, &self.owner);
            let begin = Begin { root, owner, path, options, ticket: None };
            return Work::ready(begin.run_in(place).map(|sink| Box::new(sink) as Box<dyn Sink>));
        }
        let (root, owner, path) = (Arc::clone(&self.root), Arc::clone(&self.owner), path.clone());
        self.root.work(move |_, ticket| {
            let ticket = Some(ticket);
            let begin = Begin { root: &root, owner: &owner, path: &path, options, ticket };
            Ok(Box::new(begin.run()?) as Box<dyn Sink>)
        })
    }

    fn read_directory(&self, path: &VirtualPath) -> Work<Box<dyn Directory>> {
        let (root, owner) = (Arc::clone(&self.root), Arc::clone(&self.owner));
        self.opened(path, READ | OFlags::DIRECTORY, move |directory, _| {
            Ok(Box::new(Listing::new(root, owner, directory)) as Box<dyn Directory>)
        })
    }

    fn read_link(&self, path: &VirtualPath) -> Work<Vec<u8>> {
        self.opened(path, OFlags::PATH | OFlags::NOFOLLOW, |link, _| {
            match rustix::fs::readlinkat(&link, "", Vec::new()) {
                Ok(target) => Ok(target.into_bytes()),
                // Not a link: ENOENT is how the kernel says so for an empty name.
                Err(Errno::INVAL | Errno::NOENT) => Err(Failure::NotRegular),
                Err(error) => Err(failure(error)),
            }
        })
    }

    fn make_directory(&self, path: &VirtualPath) -> Work<()> {
        self.with(path, |root, _, path| tree::make_directory(root, path))
    }

    fn make_directories(&self, path: &VirtualPath) -> Work<()> {
        self.with(path, |root, _, path| tree::make_directories(root, path).map(drop))
    }

    fn remove_directory(&self, path: &VirtualPath) -> Work<()> {
        self.with(path, |root, _, path| tree::remove_directory(root, path))
    }

    fn remove_file(&self, path: &VirtualPath) -> Work<()> {
        self.with(path, tree::remove_file)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()> {
        if let Err(failure) = check(to) {
            return Work::ready(Err(failure));
        }
        let to = to.clone();
        self.with(from, move |root, owner, from| tree::rename(root, owner, from, &to, replace))
    }

    fn symlink(&self, target: &[u8], link: &VirtualPath) -> Work<()> {
        let target = target.to_vec();
        self.with(link, move |root, _, link| link::symbolic(root, &target, link))
    }

    fn hard_link(&self, existing: &VirtualPath, new: &VirtualPath) -> Work<()> {
        if let Err(failure) = check(new) {
            return Work::ready(Err(failure));
        }
        let new = new.clone();
        self.with(existing, move |root, _, existing| link::hard(root, existing, &new))
    }

    fn set_attributes(
        &self,
        path: &VirtualPath,
        change: AttributeChange,
        follow: bool,
    ) -> Work<()> {
        self.with(path, move |root, owner, path| change::by_path(root, owner, path, change, follow))
    }

    fn copy(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()> {
        if let Err(failure) = check(from).and_then(|()| check(to)) {
            return Work::ready(Err(failure));
        }
        let found = self.attributes(from, true);
        let (root, owner) = (Arc::clone(&self.root), Arc::clone(&self.owner));
        let (from, to) = (from.clone(), to.clone());
        Work::pending(async move {
            let job = move |root: &Root, ticket: &Ticket| {
                copy::file(root, &owner, (&from, &to), replace, ticket)
            };
            root.work_through(found.await?.size, job).await
        })
    }

    fn digest(
        &self,
        path: &VirtualPath,
        algorithm: Algorithm,
        start: u64,
        end: Option<u64>,
    ) -> Work<(String, u64)> {
        if let Err(failure) = check(path) {
            return Work::ready(Err(failure));
        }
        let found = self.attributes(path, true);
        let (root, owner, path) = (Arc::clone(&self.root), Arc::clone(&self.owner), path.clone());
        let end = end.unwrap_or(u64::MAX);
        Work::pending(async move {
            let bytes = found.await?.size.min(end).saturating_sub(start);
            let job = move |root: &Root, ticket: &Ticket| {
                digest::of_path(root, &owner, &path, algorithm, (start, end), ticket)
            };
            root.work_through(bytes, job).await
        })
    }

    fn available(&self, path: &VirtualPath) -> Work<u64> {
        self.with(path, |root, _, path| {
            let place = root.open_at(path.as_bytes(), OFlags::PATH).map_err(failure)?;
            room::available(place, root.options.reserve)
        })
    }

    fn file_system(&self, path: &VirtualPath) -> Work<FileSystem> {
        let reserve = self.root.options.reserve;
        self.opened(path, OFlags::PATH, move |place, _| room::file_system(place, reserve))
    }
}

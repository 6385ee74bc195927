//! An upload under way.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use flotilla_protocol::entry::{AttributeChange, Attributes};
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::fs::Mode;
use rustix::io::Errno;

use super::fault::failure;
use super::name::Owner;
use super::partial::{self, Found, Open};
use super::room::Room;
use super::root::{Place, Root};
use super::upload;
use super::{attribute, copy};
use crate::config::OnAbort;
use crate::storage::{DescriptorTask, Sink, Work};

/// What the session holds. Dropped unpublished, the file work that this means goes to the pool.
#[derive(Debug)]
pub(super) struct Upload {
    root: Arc<Root>,
    path: VirtualPath,
    start: u64,
    /// Nothing that is done to the file waits for a disk, so what is short needs no other thread.
    in_memory: bool,
    /// `None` only while it is dropped.
    part: Option<Part>,
}

impl Upload {
    pub(super) fn new(
        root: Arc<Root>,
        path: VirtualPath,
        start: u64,
        in_memory: bool,
        part: Part,
    ) -> Self {
        Self { root, path, start, in_memory, part: Some(part) }
    }

    /// Runs a job that writes this many bytes, where it belongs.
    fn work<T: Send + 'static>(
        self: Arc<Self>,
        bytes: usize,
        job: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Work<T> {
        if self.in_memory && bytes <= INLINE_BYTES_MAX {
            return Work::ready(job(&self));
        }
        let root = Arc::clone(&self.root);
        root.work(move |_, _| job(&self))
    }

    fn part(&self) -> Result<&Part, Failure> {
        self.part.as_ref().ok_or(Failure::Internal)
    }
}

impl Sink for Upload {
    fn path(&self) -> &VirtualPath {
        self.part.as_ref().and_then(|part| part.moved.get()).unwrap_or(&self.path)
    }

    fn start(&self) -> u64 {
        self.start
    }

    fn write(self: Arc<Self>, offset: u64, mut buffer: Vec<u8>) -> Work<Vec<u8>> {
        self.work(buffer.len(), move |this| {
            this.part()?.write(offset, &buffer)?;
            buffer.clear();
            Ok(buffer)
        })
    }

    fn with_descriptor(self: Arc<Self>, task: DescriptorTask) -> Option<Work<usize>> {
        // The kernel does not splice into a file that is open for appending.
        if matches!(self.part.as_ref()?.target, Target::InPlace { append: true, .. }) {
            return None;
        }
        let job = move |this: &Self| {
            let part = this.part()?;
            let count = task(part.file.as_fd())?;
            part.room.take(&part.file, count)?;
            Ok(count)
        };
        if self.in_memory {
            return Some(Work::ready(job(&self)));
        }
        let root = Arc::clone(&self.root);
        Some(root.work(move |_, _| job(&self)))
    }

    fn publish(self: Arc<Self>, size: u64) -> Work<()> {
        self.work(0, move |this| this.part()?.publish(&this.path, size))
    }

    fn finish(self: Arc<Self>, offset: u64, last: Vec<u8>, size: u64) -> Work<()> {
        self.work(last.len(), move |this| {
            let part = this.part()?;
            part.write(offset, &last)?;
            part.publish(&this.path, size)
        })
    }

    fn close(self: Arc<Self>) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn abandon(self: Arc<Self>) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn write_now(&self, _: u64, _: &[u8]) -> Option<Result<(), Failure>> {
        None
    }

    fn read_now(&self, _: u64, _: &mut [u8]) -> Option<Result<usize, Failure>> {
        None
    }

    fn read_after(self: Arc<Self>, _: u64, _: Vec<u8>, _: usize) -> Work<(Vec<u8>, usize)> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn attributes(self: Arc<Self>) -> Work<Attributes> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn change(self: Arc<Self>, _: AttributeChange) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn sync(self: Arc<Self>) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(part) = self.part.take()
            && !(self.root.local && part.done.load(Ordering::Acquire))
        {
            self.root.lane.dispose(part);
        }
    }
}

/// The file that is written, and what will become of it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) root: Arc<Root>,
    pub(super) owner: Arc<Owner>,
    pub(super) file: OwnedFd,
    pub(super) place: Place,
    pub(super) target: Target,
    pub(super) room: Room,
    /// The name that a unique upload got in the end, when not the one foreseen.
    pub(super) moved: OnceLock<VirtualPath>,
    pub(super) done: AtomicBool,
}

/// Where the bytes go.
#[derive(Debug)]
pub(super) enum Target {
    /// Straight into the published file.
    InPlace {
        /// Always at its end, wherever that is by then.
        append: bool,
        /// It did not exist before.
        created: bool,
    },
    /// Into a file with a reserved name, renamed at the end.
    Temporary {
        /// That name.
        name: Vec<u8>,
        /// Nobody can find it by the published name.
        anonymous: bool,
        /// How it is published.
        publish: Publish,
    },
}

/// How a finished upload gets its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Publish {
    /// Whatever bears it goes.
    Replace {
        /// The permission bits of the file that goes, which the new one takes over.
        mode: Option<u32>,
    },
    /// Nothing may bear it.
    New,
    /// Nothing may bear it; else the next name made from the wanted one.
    Unique(Vec<u8>),
}

impl Part {
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        self.room.take(&self.file, bytes.len())?;
        copy::write_at(&self.file, offset, bytes)
    }

    fn publish(&self, path: &VirtualPath, size: u64) -> Result<(), Failure> {
        if self.done.load(Ordering::Acquire) {
            return Err(Failure::Internal);
        }
        if !matches!(self.target, Target::InPlace { append: true, .. }) {
            self.cut(size)?;
        }
        if !self.root.local {
            // Remote file systems keep what they could not write to themselves until somebody asks.
            rustix::fs::fdatasync(&self.file).map_err(failure)?;
        }
        if let Target::Temporary { name, publish, .. } = &self.target {
            self.rename(path, name, publish)?;
        }
        self.done.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes the file as long as the upload. It may be longer (an older attempt); shorter means
    /// that bytes got lost, and zeros in their place would be a lie.
    fn cut(&self, size: u64) -> Result<(), Failure> {
        let now = attribute::of_descriptor(&self.file).map_err(failure)?.size;
        if now < size {
            tracing::error!(expected = size, got = now, "upload is shorter than what was written");
            return Err(Failure::StorageError);
        }
        if now > size {
            rustix::fs::ftruncate(&self.file, size).map_err(failure)?;
        }
        Ok(())
    }

    fn rename(&self, path: &VirtualPath, name: &[u8], publish: &Publish) -> Result<(), Failure> {
        let Place { directory, name: wanted } = &self.place;
        match publish {
            Publish::Replace { mode } => {
                let mode = mode.map(|mode| mode & 0o777);
                if let Some(mode) = mode.filter(|&mode| mode != self.root.file_mode()) {
                    let mode = Mode::from_raw_mode(mode);
                    rustix::fs::fchmod(&self.file, mode).map_err(failure)?;
                }
                rustix::fs::renameat(directory, name, directory, wanted).map_err(failure)
            }
            Publish::New => {
                partial::rename_new(directory, name, directory, wanted).map_err(failure)
            }
            Publish::Unique(stem) => {
                match partial::rename_new(directory, name, directory, wanted) {
                    Err(Errno::EXIST) => {}
                    result => return result.map_err(failure),
                }
                for candidate in upload::candidates(stem) {
                    match partial::rename_new(directory, name, directory, &candidate) {
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(failure(error)),
                        Ok(()) => {
                            let moved = path.parent().child(&candidate);
                            let _ = moved.map(|moved| self.moved.set(moved));
                            return Ok(());
                        }
                    }
                }
                Err(Failure::Exists)
            }
        }
    }

    /// What `on_abort` says.
    fn abandon(&self) -> Result<(), Failure> {
        let size = attribute::of_descriptor(&self.file).map_err(failure)?.size;
        match (&self.target, self.root.options.on_abort) {
            (Target::InPlace { created: true, .. }, OnAbort::Delete) => self.remove_created(),
            // What was published before stays: it is not this upload's to delete.
            (Target::InPlace { .. }, _) => Ok(()),
            (Target::Temporary { name, .. }, OnAbort::Delete) => {
                partial::remove(&self.place.directory, name)
            }
            (Target::Temporary { name, .. }, _) if size == 0 => {
                partial::remove(&self.place.directory, name)
            }
            (Target::Temporary { name, anonymous, .. }, OnAbort::Keep) => {
                if self.is_overtaken() {
                    partial::remove(&self.place.directory, name)
                } else if *anonymous {
                    self.keep(name, size)
                } else {
                    Ok(())
                }
            }
            (Target::Temporary { name, publish, .. }, OnAbort::Publish) => {
                // Nobody is told the name that an abandoned unique upload gets.
                self.rename(&VirtualPath::root(), name, publish)
            }
        }
    }

    /// Whether the name was published since the last byte came: by the client itself, most likely,
    /// which went on in another session. Nobody would ever look for this attempt's bytes.
    fn is_overtaken(&self) -> bool {
        let published = attribute::of_entry(&self.place.directory, &self.place.name);
        let own = attribute::of_descriptor(&self.file);
        matches!((published, own), (Ok(published), Ok(own)) if published.modified > own.modified)
    }

    /// Makes a file that only this upload knew the one that the owner finds, unless there is a
    /// longer one.
    fn keep(&self, name: &[u8], size: u64) -> Result<(), Failure> {
        let directory = &self.place.directory;
        let (shown, _) = self.owner.partial(&self.place.name);
        match partial::claim(&self.root, &self.owner, &self.place, Open::Existing)? {
            Found::Absent => match partial::rename_new(directory, name, directory, &shown) {
                Err(Errno::EXIST) => partial::remove(directory, name),
                result => result.map_err(failure),
            },
            Found::Held(held) if held.size < size => {
                rustix::fs::renameat(directory, name, directory, &shown).map_err(failure)
            }
            Found::Held(_) | Found::Busy(_) => partial::remove(directory, name),
        }
    }

    /// Removes the published name if it still names the file that this upload made.
    fn remove_created(&self) -> Result<(), Failure> {
        let ours = attribute::of_descriptor(&self.file).map_err(failure)?.identity;
        match attribute::of_entry(&self.place.directory, &self.place.name) {
            Ok(named) if named.identity == ours => {
                partial::remove(&self.place.directory, &self.place.name)
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.done.load(Ordering::Acquire)
            && let Err(failure) = self.abandon()
        {
            tracing::warn!(?failure, "unfinished upload not put away");
        }
    }
}

/// What an arbiter writes into memory by itself at once: a mebibyte takes some 300 us, as long as
/// the same in one `sendfile` of a download.
const INLINE_BYTES_MAX: usize = 1 << 20;

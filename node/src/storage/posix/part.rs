//! The file that an upload writes, from its first byte to what becomes of it.
//!
//! Handles ([`Upload`](super::sink::Upload)) share it: two of one owner that go on with one
//! unfinished upload write one file. It is put away when the last of them is gone.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flotilla_protocol::entry::{AttributeChange, Attributes};
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::io::Errno;

use super::change::{self, Wanted};
use super::fault::failure;
use super::name::Owner;
use super::partial;
use super::room::Room;
use super::root::{Place, Root};
use super::upload;
use super::{attribute, copy};
use crate::storage::DescriptorTask;

/// The file that is written, and what will become of it. Dropped unpublished, it is kept, published
/// or removed, which is file work.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) root: Arc<Root>,
    pub(super) owner: Arc<Owner>,
    pub(super) file: OwnedFd,
    pub(super) place: Place,
    pub(super) target: Target,
    pub(super) room: Room,
    pub(super) extent: Extent,
    /// Attributes that it is to have in the end.
    pub(super) wanted: Arc<Wanted>,
    /// Its place among the open uploads, if it has one.
    pub(super) key: Option<u64>,
    /// The name that a unique upload got in the end, when not the one foreseen.
    pub(super) moved: OnceLock<VirtualPath>,
    /// It came to a good end.
    pub(super) done: AtomicBool,
    /// Held while it is published, which happens once.
    pub(super) ending: Mutex<()>,
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
        /// The permission bits that it has.
        mode: u32,
        /// Those that it is published with, unless others are wanted by then. Set at the end only:
        /// with a mode such as 0400 the upload could not be resumed.
        mode_at_end: u32,
    },
}

/// How a finished upload gets its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Publish {
    /// Whatever bears it goes.
    Replace,
    /// Nothing may bear it.
    New,
    /// Nothing may bear it; else the next name made from the wanted one.
    Unique(Vec<u8>),
}

impl Part {
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        self.room.take(&self.file, bytes.len())?;
        copy::write_at(&self.file, offset, bytes)?;
        self.extent.reach(offset.saturating_add(bytes.len() as u64));
        Ok(())
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.room.take(&self.file, bytes.len())?;
        self.extent.lose();
        copy::append(&self.file, bytes)
    }

    pub(super) fn with_descriptor(&self, task: DescriptorTask) -> Result<usize, Failure> {
        self.extent.lose();
        let count = task(self.file.as_fd())?;
        self.room.take(&self.file, count)?;
        Ok(count)
    }

    /// Attributes as they are now, and as they will be where that is decided.
    pub(super) fn attributes(&self) -> Result<Attributes, Failure> {
        let mut found = attribute::of_descriptor(&self.file).map_err(failure)?;
        if let Target::Temporary { mode_at_end, .. } = self.target
            && !self.is_published()
        {
            found.mode = mode_at_end;
        }
        Ok(self.wanted.show(found))
    }

    /// What is published changes at once; an unfinished upload gets its times and mode when it is
    /// published, for until then its age decides whether it is swept, and who resumes it must be
    /// able to open it.
    pub(super) fn change(&self, mut change: AttributeChange) -> Result<(), Failure> {
        if matches!(self.target, Target::InPlace { append: true, .. }) {
            return Err(Failure::Denied("the file is open for appending only"));
        }
        if let Some(size) = change.size.take() {
            self.extent.lose();
            change::cut(&self.file, size)?;
        }
        if self.is_published() {
            change::set(&self.file, change)?;
            change.mode = None;
            self.extent.is_older.store(true, Ordering::Relaxed);
        } else {
            change::check_owner(&attribute::of_descriptor(&self.file).map_err(failure)?, change)?;
        }
        self.wanted.add(change);
        Ok(())
    }

    /// Whether everybody sees the bytes as they are written.
    pub(super) fn is_published(&self) -> bool {
        matches!(self.target, Target::InPlace { .. }) || self.done.load(Ordering::Acquire)
    }

    /// Makes the bytes visible under the path, `size` bytes long if that is known. A file that
    /// another handle has published is brought to its end in place.
    pub(super) fn publish(&self, path: &VirtualPath, size: Option<u64>) -> Result<(), Failure> {
        let _alone = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.done.load(Ordering::Acquire);
        if let Some(size) = size
            && !matches!(self.target, Target::InPlace { append: true, .. })
        {
            self.cut(size)?;
        }
        if !self.root.local {
            // Remote file systems keep what they could not write to themselves until somebody asks;
            // and what they write later would undo the times.
            rustix::fs::fdatasync(&self.file).map_err(failure)?;
        }
        self.settle(done)?;
        if let Target::Temporary { name, publish, .. } = &self.target
            && !done
        {
            self.rename(path, name, publish)?;
        }
        self.done.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes the file as long as the upload. It may be longer (an older attempt); shorter means
    /// that bytes got lost, and zeros in their place would be a lie.
    fn cut(&self, size: u64) -> Result<(), Failure> {
        if self.root.local && self.extent.is(size) {
            return Ok(());
        }
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

    /// Sets the attributes of the end.
    pub(super) fn settle(&self, done: bool) -> Result<(), Failure> {
        let mut wanted = self.wanted.get();
        match self.target {
            Target::Temporary { mode, mode_at_end, .. } if !done => {
                wanted.mode = wanted.mode.or(Some(mode_at_end)).filter(|&wanted| wanted != mode);
            }
            // They were set at once; bytes that came later must not undo the times.
            _ if self.extent.is_older.load(Ordering::Relaxed) => return Ok(()),
            _ => wanted.mode = None,
        }
        change::set(&self.file, wanted)
    }

    pub(super) fn rename(
        &self,
        path: &VirtualPath,
        name: &[u8],
        publish: &Publish,
    ) -> Result<(), Failure> {
        let Place { directory, name: wanted } = &self.place;
        match publish {
            Publish::Replace => {
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
}

/// How far a file that was empty has been written. What the local kernel took needs no question at
/// the end.
#[derive(Debug)]
pub(super) struct Extent {
    end: AtomicU64,
    is_known: AtomicBool,
    /// The last bytes are older than the times that were set.
    is_older: AtomicBool,
    /// The lowest offset of a write that failed or never ran.
    missing: AtomicU64,
}

impl Extent {
    pub(super) fn new(is_empty: bool) -> Self {
        let (is_known, is_older) = (AtomicBool::new(is_empty), AtomicBool::new(false));
        let (end, missing) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        Self { end, is_known, is_older, missing }
    }

    fn reach(&self, end: u64) {
        self.end.fetch_max(end, Ordering::Relaxed);
        self.is_older.store(false, Ordering::Relaxed);
    }

    /// A write at this offset failed or never ran.
    pub(super) fn miss(&self, offset: u64) {
        self.missing.fetch_min(offset, Ordering::AcqRel);
    }

    /// Where the bytes end that are there without a gap, if that is before the end of the last write
    /// that succeeded and of the file.
    pub(super) fn torn_at(&self, size: u64) -> Option<u64> {
        let missing = self.missing.load(Ordering::Acquire);
        (missing < size && missing < self.end.load(Ordering::Acquire)).then_some(missing)
    }

    /// Something is done to the file that is not counted.
    fn lose(&self) {
        self.is_known.store(false, Ordering::Relaxed);
        self.is_older.store(false, Ordering::Relaxed);
    }

    fn is(&self, size: u64) -> bool {
        self.is_known.load(Ordering::Relaxed) && self.end.load(Ordering::Relaxed) == size
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.root.uploads.forget(key, &self.wanted);
        }
        if !self.done.load(Ordering::Acquire)
            && let Err(failure) = self.abandon()
        {
            tracing::warn!(?failure, "unfinished upload not put away");
        }
    }
}

//! A handle of an upload under way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use flotilla_protocol::entry::{AttributeChange, Attributes};
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::fs::OFlags;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::fault::failure;
use super::part::Part;
use super::source;
use crate::storage::{DescriptorTask, Sink, Work};

/// What the session holds. Dropped unpublished, the file work that this means goes to the pool.
#[derive(Debug)]
pub(super) struct Upload {
    path: VirtualPath,
    start: u64,
    access: Access,
    writes: Writes,
    /// `None` only while it is dropped.
    part: Option<Arc<Part>>,
    /// Who waits until it is put away hears of it when this is dropped.
    settled: OnceLock<oneshot::Sender<()>>,
}

/// What a handle may do, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Access {
    /// The file can be read through it.
    pub(super) read: bool,
    /// Writes go to the end.
    pub(super) append: bool,
    /// Another handle had it open before.
    pub(super) joined: bool,
    /// Nothing that is done to the file waits for a disk, so what is short needs no other thread.
    pub(super) in_memory: bool,
}

impl Access {
    /// To open a published file.
    pub(super) fn flags(self) -> OFlags {
        let access = if self.read { OFlags::RDWR } else { OFlags::WRONLY };
        let append = if self.append { OFlags::APPEND } else { OFlags::empty() };
        access | append | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC
    }
}

impl Upload {
    pub(super) fn new(path: VirtualPath, start: u64, access: Access, part: Arc<Part>) -> Self {
        let (writes, settled) = (Writes::default(), OnceLock::new());
        Self { path, start, access, writes, part: Some(part), settled }
    }

    fn part(&self) -> Result<&Arc<Part>, Failure> {
        self.part.as_ref().ok_or(Failure::Internal)
    }

    /// Runs a job that moves this many bytes, where it belongs.
    fn work<T: Send + 'static>(
        self: Arc<Self>,
        bytes: usize,
        job: impl FnOnce(&Self, &Part) -> Result<T, Failure> + Send + 'static,
    ) -> Work<T> {
        let root = match self.part() {
            Ok(part) if self.access.in_memory && bytes <= INLINE_BYTES_MAX => {
                return Work::ready(job(&self, part));
            }
            Ok(part) => Arc::clone(&part.root),
            Err(failure) => return Work::ready(Err(failure)),
        };
        root.work(move |_, _| job(&self, self.part()?))
    }

    /// As [`Upload::work`], for what changes the bytes.
    fn write_work<T: Send + 'static>(
        self: Arc<Self>,
        bytes: usize,
        job: impl FnOnce(&Self, &Part) -> Result<T, Failure> + Send + 'static,
    ) -> Work<T> {
        self.writes.begin();
        self.work(bytes, move |this, part| this.writes.end(job(this, part)))
    }

    fn put(&self, part: &Part, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        if self.access.append { part.append(bytes) } else { part.write(offset, bytes) }
    }

    /// A write at this offset is missing.
    fn miss(&self, offset: u64) {
        if let Ok(part) = self.part()
            && !self.access.append
        {
            part.extent.miss(offset);
        }
    }

    fn may_read(&self) -> Result<(), Failure> {
        if self.access.read { Ok(()) } else { Err(Failure::Denied("not open for reading")) }
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
        let missing = Missing { upload: Some(Arc::clone(&self)), offset };
        self.write_work(buffer.len(), move |this, part| {
            this.put(part, offset, &buffer)?;
            missing.disarm();
            buffer.clear();
            Ok(buffer)
        })
    }

    fn with_descriptor(self: Arc<Self>, task: DescriptorTask) -> Option<Work<usize>> {
        // The kernel does not splice into a file that is open for appending.
        if self.access.append {
            return None;
        }
        Some(self.write_work(0, move |_, part| part.with_descriptor(task)))
    }

    fn publish(self: Arc<Self>, size: u64) -> Work<()> {
        self.work(0, move |this, part| part.publish(&this.path, Some(size)))
    }

    fn finish(self: Arc<Self>, offset: u64, last: Vec<u8>, size: u64) -> Work<()> {
        self.work(last.len(), move |this, part| {
            this.put(part, offset, &last)?;
            part.publish(&this.path, Some(size))
        })
    }

    fn close(self: Arc<Self>) -> Work<()> {
        let is_published = self.part.as_ref().is_none_or(|part| part.is_published());
        if let Err(failure) = self.writes.verdict()
            && !is_published
        {
            let abandoned = self.abandon();
            return Work::pending(async move { abandoned.await.and(Err(failure)) });
        }
        if self.access.joined && self.writes.is_none() {
            return Work::ready(Ok(()));
        }
        self.work(0, |this, part| part.publish(&this.path, None))
    }

    fn abandon(self: Arc<Self>) -> Work<()> {
        let deadline = match self.part() {
            Ok(part) => part.root.lane.deadline(),
            Err(failure) => return Work::ready(Err(failure)),
        };
        let (settled, heard) = oneshot::channel();
        // A second call finds the place taken and is heard at once.
        let _ = self.settled.set(settled);
        drop(self);
        Work::pending(async move {
            match timeout(deadline, heard).await {
                Ok(_) => Ok(()),
                Err(_) => Err(Failure::StorageTimeout),
            }
        })
    }

    fn write_now(&self, offset: u64, data: &[u8]) -> Option<Result<(), Failure>> {
        if !self.access.in_memory || data.len() > INLINE_BYTES_MAX {
            return None;
        }
        self.writes.begin();
        let written = self.part().and_then(|part| self.put(part, offset, data));
        if written.is_err() {
            self.miss(offset);
        }
        Some(self.writes.end(written))
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize, Failure>> {
        if let Err(failure) = self.may_read() {
            return Some(Err(failure));
        }
        let part = self.part.as_ref()?;
        source::read_now(&part.root, &part.file, offset, buffer)
    }

    fn read_after(
        self: Arc<Self>,
        offset: u64,
        mut buffer: Vec<u8>,
        head: usize,
    ) -> Work<(Vec<u8>, usize)> {
        self.work(buffer.len(), move |this, part| {
            this.may_read()?;
            let room = buffer.get_mut(head..).unwrap_or_default();
            let count = source::read_at(&part.file, offset, room)?;
            Ok((buffer, count))
        })
    }

    fn attributes(self: Arc<Self>) -> Work<Attributes> {
        match self.part() {
            Ok(part) if part.root.local => Work::ready(part.attributes()),
            _ => self.work(0, |_, part| part.attributes()),
        }
    }

    fn change(self: Arc<Self>, change: AttributeChange) -> Work<()> {
        if change.size.is_some() {
            return self.write_work(0, move |_, part| part.change(change));
        }
        self.work(0, move |_, part| part.change(change))
    }

    fn sync(self: Arc<Self>) -> Work<()> {
        self.work(0, |_, part| rustix::fs::fsync(&part.file).map_err(failure))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(part) = self.part.take() else { return };
        let settled = self.settled.take();
        // Another handle may still hold the file, whose end it is then.
        let Some(part) = Arc::into_inner(part) else { return };
        if !(part.root.local && part.done.load(Ordering::Acquire)) {
            let lane = Arc::clone(&part.root.lane);
            // In this order: put away, then told.
            lane.dispose((part, settled));
        }
    }
}

/// A write that is missing unless it says otherwise; it may never run.
struct Missing {
    upload: Option<Arc<Upload>>,
    offset: u64,
}

impl Missing {
    fn disarm(mut self) {
        self.upload = None;
    }
}

impl Drop for Missing {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.miss(self.offset);
        }
    }
}

/// Whether all that was to be written is written.
#[derive(Debug, Default)]
struct Writes {
    begun: AtomicUsize,
    done: AtomicUsize,
    failure: OnceLock<Failure>,
}

impl Writes {
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    fn end<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        match &result {
            Ok(_) => {
                self.done.fetch_add(1, Ordering::Release);
            }
            Err(failure) => {
                let _ = self.failure.set(failure.clone());
            }
        }
        result
    }

    fn is_none(&self) -> bool {
        self.begun.load(Ordering::Relaxed) == 0
    }

    /// A write that never ran, because the pool was too busy or nobody waited for it, is missing
    /// as one that failed.
    fn verdict(&self) -> Result<(), Failure> {
        if self.done.load(Ordering::Acquire) == self.begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(self.failure.get().cloned().unwrap_or(Failure::StorageTimeout))
    }
}

/// What an arbiter writes into memory by itself at once: a mebibyte takes some 300 us, as long as
/// the same in one `sendfile` of a download.
const INLINE_BYTES_MAX: usize = 1 << 20;

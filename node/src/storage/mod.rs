//! Where files live: a [`Storage`] answers for virtual paths; policy and protocol stand above it.
//!
//! Every operation returns [`Work`]: ready at once where the answer is in the kernel's caches, or a
//! future that waits for the bounded blocking pool. So a warm local file costs no thread hop and a
//! cold or remote one stalls no arbiter.

pub mod posix;
mod roots;

use std::future::Future;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flotilla_protocol::entry::{AttributeChange, Attributes, FileSystem};
use flotilla_protocol::ftp::{Algorithm, Failure};
use flotilla_protocol::path::VirtualPath;

pub use self::roots::Storages;

/// An answer that is often there at once.
pub enum Work<T> {
    /// It is there; `None` once it was taken.
    Ready(Option<Result<T, Failure>>),
    /// It comes from the blocking pool or the network. Dropping it gives the result up; what was
    /// begun on the storage is undone or completed by the storage itself.
    Pending(Pin<Box<dyn Future<Output = Result<T, Failure>>>>),
}

impl<T> Work<T> {
    /// An answer that is there.
    pub fn ready(result: Result<T, Failure>) -> Self {
        Self::Ready(Some(result))
    }

    /// An answer that will come.
    pub fn pending(future: impl Future<Output = Result<T, Failure>> + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// The answer changed into something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U + 'static) -> Work<U>
    where
        T: 'static,
    {
        self.and_then(|value| Ok(change(value)))
    }

    /// The answer changed into something else, or refused after all.
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Result<U, Failure> + 'static) -> Work<U>
    where
        T: 'static,
    {
        match self {
            Self::Ready(result) => Work::Ready(result.map(|result| result.and_then(change))),
            Self::Pending(future) => Work::pending(async move { future.await.and_then(change) }),
        }
    }
}

impl<T: Unpin> Future for Work<T> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Ready(result) => match result.take() {
                Some(result) => Poll::Ready(result),
                None => Poll::Ready(Err(Failure::Internal)),
            },
            Self::Pending(future) => future.as_mut().poll(context),
        }
    }
}

/// A tree of files under one user's root. Paths can not leave it, whatever links it holds. Knows
/// nothing of users' permissions (that is `Files`); it does know whose unfinished uploads it shows.
pub trait Storage: Send + Sync {
    /// Attributes of a path; links are followed inside the root if `follow`.
    fn attributes(&self, path: &VirtualPath, follow: bool) -> Work<Attributes>;
    /// Opens a plain file for reading.
    fn open(&self, path: &VirtualPath) -> Work<Box<dyn Source>>;
    /// Begins an upload.
    fn create(&self, path: &VirtualPath, options: CreateOptions) -> Work<Box<dyn Sink>>;
    /// Opens a directory for listing.
    fn read_directory(&self, path: &VirtualPath) -> Work<Box<dyn Directory>>;
    /// Where a symbolic link points, as stored.
    fn read_link(&self, path: &VirtualPath) -> Work<Vec<u8>>;
    /// Makes a directory.
    fn make_directory(&self, path: &VirtualPath) -> Work<()>;
    /// Makes a directory and all its missing parents (a home at first login).
    fn make_directories(&self, path: &VirtualPath) -> Work<()>;
    /// Removes an empty directory.
    fn remove_directory(&self, path: &VirtualPath) -> Work<()>;
    /// Removes a file or link, or an unfinished upload that bears the name.
    fn remove_file(&self, path: &VirtualPath) -> Work<()>;
    /// Renames; a plain file in the way is replaced if `replace`, otherwise it is
    /// [`Failure::Exists`].
    fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()>;
    /// Makes a symbolic link. An absolute target is one of this view and is stored relative to the
    /// link's folder, so that other programs of the machine follow it inside the root as well; a
    /// relative one is stored as it is, or is [`Failure::Denied`] if it climbs above the root.
    fn symlink(&self, target: &[u8], link: &VirtualPath) -> Work<()>;
    /// Gives a published plain file a second name. Links are not followed, and nothing is replaced.
    fn hard_link(&self, existing: &VirtualPath, new: &VirtualPath) -> Work<()>;
    /// Changes attributes; links are followed inside the root if `follow`. What belongs to an
    /// upload under way is kept by it through its end, as [`Sink::change`] does.
    fn set_attributes(&self, path: &VirtualPath, change: AttributeChange, follow: bool)
    -> Work<()>;
    /// Copies a plain file (reflink or `copy_file_range` where possible), published atomically.
    fn copy(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()>;
    /// The digest of a range of a plain file: lower-case hex and the end of the range.
    fn digest(
        &self,
        path: &VirtualPath,
        algorithm: Algorithm,
        start: u64,
        end: Option<u64>,
    ) -> Work<(String, u64)>;
    /// Free bytes above the reserve.
    fn available(&self, path: &VirtualPath) -> Work<u64>;
    /// The file system that a path lies on; the reserve does not count as available.
    fn file_system(&self, path: &VirtualPath) -> Work<FileSystem>;
}

/// How an upload begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateMode {
    /// A new file that replaces what bears the name; an unfinished upload of that name is given up.
    Replace,
    /// As `Replace`, but refused with [`Failure::Exists`] if something bears the name.
    New,
    /// Goes on from this offset: on the owner's unfinished upload if no published file bears the
    /// name, else in place on the published one, as FTP servers do: what arrived is then there for
    /// the next attempt, whoever makes it. [`Failure::BadOffset`] behind the end.
    Resume(u64),
    /// At the end of what is there, as `Resume`; a published file only ever grows, also under two
    /// who append.
    Append,
    /// A name that nothing bears, made from the wanted one.
    Unique,
    /// Writes at any offset, as programs do that open files themselves (SFTP). Ends with
    /// [`Sink::close`].
    Edit(Edit),
}

/// How a file is opened for writes at any offset.
///
/// With `truncate` it is a new file that takes the name when it is closed. Without, a published
/// file is written in place and keeps its length; where nothing is published, the owner's
/// unfinished upload is continued, and if another handle of this owner has it open, both write
/// the same file, which the first of them that is closed after writing publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// It is read through the same handle as well.
    pub read: bool,
    /// Something new is made where nothing bears the name; otherwise that is
    /// [`Failure::NotFound`].
    pub create: bool,
    /// What is there is given up.
    pub truncate: bool,
    /// As [`CreateMode::New`].
    pub exclusive: bool,
    /// Every write goes to the end, whatever its offset. A published file that is opened so only
    /// grows: its attributes are not changed through the handle.
    pub append: bool,
}

/// Options of [`Storage::create`].
#[derive(Clone, Copy, Debug)]
pub struct CreateOptions {
    /// How it begins.
    pub mode: CreateMode,
    /// A promised size in bytes (ALLO), 0 when unknown: refused at once if it can not fit.
    pub expected: u64,
    /// Permission bits of a new file, less the umask; without them it gets all that the umask
    /// leaves. A file that replaces another one takes over those of the other.
    pub permissions: Option<u32>,
}

impl CreateOptions {
    /// Of this mode, and nothing more.
    pub fn new(mode: CreateMode) -> Self {
        Self { mode, expected: 0, permissions: None }
    }
}

/// A plain file open for reading.
pub trait Source: Send + Sync {
    /// Attributes when it was opened.
    fn attributes(&self) -> &Attributes;
    /// The descriptor, where the kernel may move the bytes by itself (sendfile).
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
    /// Reads up to `buffer.len()` bytes from `offset` without blocking: `None` if that would wait
    /// for the storage.
    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize, Failure>>;
    /// Reads on the blocking pool; the buffer comes back with the number of bytes, 0 at the end.
    fn read(self: Arc<Self>, offset: u64, buffer: Vec<u8>) -> Work<(Vec<u8>, usize)> {
        self.read_after(offset, buffer, 0)
    }
    /// As [`Source::read`], into the buffer behind its first `head` bytes, which stay. The number
    /// is that of the bytes read.
    fn read_after(
        self: Arc<Self>,
        offset: u64,
        buffer: Vec<u8>,
        head: usize,
    ) -> Work<(Vec<u8>, usize)>;
    /// Attributes as they are now; ready at once where the file is local.
    fn now(self: Arc<Self>) -> Work<Attributes>;
    /// Runs `task` on the blocking pool of this storage with the descriptor (a sendfile that may
    /// wait for the disk). The task must be of bounded length and must not wait for a peer:
    /// `storage.timeout` covers the whole of it.
    fn with_descriptor(self: Arc<Self>, task: DescriptorTask) -> Work<usize>;
}

/// Work with a descriptor on the blocking pool.
pub type DescriptorTask = Box<dyn FnOnce(BorrowedFd<'_>) -> Result<usize, Failure> + Send>;

/// An upload under way, or a file open for writing. Dropped without [`Sink::publish`] or
/// [`Sink::close`] it is abandoned as the storage's `on_abort` says. Writes at different offsets
/// may run at once; what ends it may not run beside them.
pub trait Sink: Send + Sync {
    /// The published path that it will have (STOU: the name made). After [`Sink::publish`] the one
    /// that it has: a unique name that somebody else took in the meantime is made anew.
    fn path(&self) -> &VirtualPath;
    /// The offset of the first byte to be written.
    fn start(&self) -> u64;
    /// Writes at an offset on the blocking pool; the buffer comes back empty for reuse. Short
    /// writes do not happen.
    fn write(self: Arc<Self>, offset: u64, buffer: Vec<u8>) -> Work<Vec<u8>>;
    /// Runs `task` on the blocking pool with the descriptor (splice from a pipe). `None` if there
    /// is no descriptor.
    fn with_descriptor(self: Arc<Self>, task: DescriptorTask) -> Option<Work<usize>>;
    /// Makes the bytes visible under the path, `size` bytes long, atomically. Called at most once.
    fn publish(self: Arc<Self>, size: u64) -> Work<()>;
    /// Writes the last piece at an offset and publishes, in one trip to the pool: what a small
    /// upload costs.
    fn finish(self: Arc<Self>, offset: u64, last: Vec<u8>, size: u64) -> Work<()>;
    /// Publishes as long as the file is now: the end of an [`Edit`]. After a failed write nothing
    /// is published, and this repeats that failure. Called at most once.
    fn close(self: Arc<Self>) -> Work<()>;
    /// Gives it up as the storage's `on_abort` says. Ready when that is done: the next command
    /// then finds what was kept, and finds it free.
    fn abandon(self: Arc<Self>) -> Work<()>;
    /// Writes now if that waits for nothing; `None` where [`Sink::write`] must do it.
    fn write_now(&self, offset: u64, data: &[u8]) -> Option<Result<(), Failure>>;
    /// As [`Source::read_now`].
    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize, Failure>>;
    /// As [`Source::read_after`].
    fn read_after(
        self: Arc<Self>,
        offset: u64,
        buffer: Vec<u8>,
        head: usize,
    ) -> Work<(Vec<u8>, usize)>;
    /// Attributes as they are now, those that [`Sink::change`] set included.
    fn attributes(self: Arc<Self>) -> Work<Attributes>;
    /// Changes attributes. Mode and times last beyond the end of the upload, whatever is written
    /// in between.
    fn change(self: Arc<Self>, change: AttributeChange) -> Work<()>;
    /// Waits until the bytes written so far are on the disk.
    fn sync(self: Arc<Self>) -> Work<()>;
}

/// A directory being listed.
pub trait Directory: Send {
    /// The next entries: `visit` is called for each with its attributes (one `statx` per entry)
    /// until the batch is full. `false` from the future means that the end was reached.
    fn next_batch(self: Box<Self>, visit: Visitor) -> Work<(Box<dyn Directory>, Visitor, bool)>;
}

/// Receives the entries of one batch, in the directory's order, on the thread that reads the
/// directory. Writes lines into its own buffer.
pub type Visitor = Box<dyn Visit>;

/// See [`Visitor`].
pub trait Visit: Send {
    /// One entry, `.` and `..` excluded. `false` ends the batch after this entry (the buffer is
    /// full).
    fn entry(&mut self, entry: &flotilla_protocol::entry::Entry<'_>) -> bool;
    /// Whether [`Entry::target`](flotilla_protocol::entry::Entry::target) is to be read, which
    /// costs a system call per symbolic link. Asked once per batch.
    fn wants_target(&self) -> bool {
        false
    }
    /// Back to the concrete type.
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send>;
}

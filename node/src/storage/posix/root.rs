//! One directory that nothing leaves: every way into the file system starts here.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::fault::failure;
use super::room::Level;
use super::running::Running;
use super::{attribute, name};
use crate::blocking::{Lane, Ticket};
use crate::config::OnAbort;
use crate::storage::Work;

/// How files are made; from `[storage]`.
#[derive(Clone, Copy, Debug)]
pub struct PosixOptions {
    /// Publish uploads by rename when they are complete.
    pub atomic_uploads: bool,
    /// What becomes of an upload that breaks off.
    pub on_abort: OnAbort,
    /// Permission bits taken from new files and directories.
    pub umask: u32,
    /// Bytes that stay free.
    pub reserve: u64,
}

/// An open root. A path can not leave it: `openat2` resolves every link inside it, and whatever
/// changes a name acts on an open parent directory and that single name.
#[derive(Debug)]
pub(in crate::storage) struct Root {
    descriptor: Arc<OwnedFd>,
    pub(super) lane: Arc<Lane>,
    pub(super) options: PosixOptions,
    /// On a file system whose caches answer without any network, so that cached answers may be
    /// taken on the arbiter's own thread.
    pub(super) local: bool,
    /// On a file system that lies in memory, where nothing ever waits for a disk or a journal.
    pub(super) memory: bool,
    /// The process takes bits from modes that the options would leave.
    process_umask: bool,
    /// Device and inode of the directory.
    pub(super) identity: (u64, u64),
    /// Unfinished uploads that are open here.
    pub(super) uploads: Running,
    /// What is free on its own file system.
    level: Arc<Level>,
}

impl Root {
    pub(super) fn new(
        descriptor: OwnedFd,
        lane: Arc<Lane>,
        options: PosixOptions,
    ) -> Result<Self, Errno> {
        let process_umask = process_umask() & !options.umask != 0;
        Self::with(descriptor, lane, options, process_umask)
    }

    /// A directory of this root as a root of its own: links are resolved inside it from then on.
    pub(super) fn narrow(&self, directory: OwnedFd) -> Result<Self, Errno> {
        let lane = Arc::clone(&self.lane);
        let mut root = Self::with(directory, lane, self.options, self.process_umask)?;
        root.level = self.level(Some(root.identity));
        Ok(root)
    }

    fn with(
        descriptor: OwnedFd,
        lane: Arc<Lane>,
        options: PosixOptions,
        process_umask: bool,
    ) -> Result<Self, Errno> {
        let kind = rustix::fs::fstatfs(&descriptor)?.f_type;
        let memory = MEMORY.contains(&kind);
        let local = memory || LOCAL.contains(&kind);
        let identity = attribute::of_descriptor(&descriptor)?.identity;
        Ok(Self {
            descriptor: Arc::new(descriptor),
            lane,
            options,
            local,
            memory,
            process_umask,
            identity,
            uploads: Running::default(),
            level: Level::new(),
        })
    }

    /// What is free where a file lies: shared by all on the root's own file system.
    pub(super) fn level(&self, identity: Option<(u64, u64)>) -> Arc<Level> {
        match identity {
            Some((device, _)) if device == self.identity.0 => Arc::clone(&self.level),
            _ => Level::new(),
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Opens a path; links are followed inside the root (the last one not under `NOFOLLOW`).
    pub(super) fn open_at(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_mode(path, flags, 0)
    }

    /// As [`Root::open_at`], with a mode for `CREATE`.
    pub(super) fn open_mode(
        &self,
        path: &[u8],
        flags: OFlags,
        mode: u32,
    ) -> Result<OwnedFd, Errno> {
        let mode = Mode::from_raw_mode(mode);
        let mut left = RETRIES;
        loop {
            match rustix::fs::openat2(self.descriptor(), path, flags | QUIET, mode, CONFINED) {
                // A rename somewhere on the path while `..` was resolved; or a signal.
                Err(Errno::AGAIN | Errno::INTR) if left > 0 => left -= 1,
                result => return result,
            }
        }
    }

    /// As [`Root::open_at`], but only if that needs nothing but memory: `None` if it would wait, or
    /// can not tell. Other file systems mounted below a local root are left to the pool as well.
    pub(super) fn open_cached(&self, path: &[u8], flags: OFlags) -> Option<Result<OwnedFd, Errno>> {
        if !self.local {
            return None;
        }
        let resolve = CONFINED | ResolveFlags::CACHED | ResolveFlags::NO_XDEV;
        match rustix::fs::openat2(self.descriptor(), path, flags | QUIET, Mode::empty(), resolve) {
            // No flag of an old kernel (before 5.12) is worth an error: the pool knows the answer.
            Err(Errno::AGAIN | Errno::INTR | Errno::XDEV | Errno::INVAL | Errno::NOSYS) => None,
            result => Some(result),
        }
    }

    /// Opens the directory that holds a path, as a mere handle.
    pub(super) fn open_parent(&self, path: &VirtualPath) -> Result<Place, Failure> {
        let (parent, name) = split(path)?;
        let directory = match parent {
            b"/" => Arc::clone(&self.descriptor),
            parent => {
                let flags = OFlags::PATH | OFlags::DIRECTORY;
                Arc::new(self.open_at(parent, flags).map_err(failure)?)
            }
        };
        Ok(Place { directory, name: name.to_vec() })
    }

    /// As [`Root::open_parent`], but only where whatever is done in that directory then needs
    /// nothing but memory.
    pub(super) fn open_parent_in_memory(&self, path: &VirtualPath) -> Option<Place> {
        if !self.memory {
            return None;
        }
        let (parent, name) = split(path).ok()?;
        let directory = match parent {
            b"/" => Arc::clone(&self.descriptor),
            parent => {
                let flags = OFlags::PATH | OFlags::DIRECTORY;
                Arc::new(self.open_cached(parent, flags)?.ok()?)
            }
        };
        Some(Place { directory, name: name.to_vec() })
    }

    /// Where a directory lies below the root by now, whatever links led to it.
    pub(super) fn path_of(&self, directory: &OwnedFd) -> Result<VirtualPath, Failure> {
        let root = machine_path(self.descriptor())?;
        let path = machine_path(directory.as_fd())?;
        let root = root.strip_suffix(b"/").unwrap_or(&root);
        let path = path.strip_prefix(root).filter(|path| path.starts_with(b"/") || path.is_empty());
        // It was moved out meanwhile, or the root is not in the file tree of this process.
        let path = path.ok_or(Failure::Unsupported)?;
        VirtualPath::root().resolve(path).map_err(|_| Failure::BadName)
    }

    /// The mode for new files.
    pub(super) fn file_mode(&self) -> u32 {
        0o666 & !self.options.umask
    }

    /// The mode for new directories.
    pub(super) fn directory_mode(&self) -> u32 {
        0o777 & !self.options.umask
    }

    /// Whether the process takes bits from the modes of new files.
    pub(super) fn modes_are_cut(&self) -> bool {
        self.process_umask
    }

    /// Gives a new file the bits that the umask of the process took.
    pub(super) fn restore_mode(&self, file: impl std::os::fd::AsFd, mode: u32) {
        if self.process_umask
            && let Err(error) = rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
        {
            tracing::debug!(%error, "mode of a new file not set");
        }
    }

    /// Runs a job in the lane.
    pub(super) fn work<T, F>(self: &Arc<Self>, job: F) -> Work<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &Ticket) -> Result<T, Failure> + Send + 'static,
    {
        let root = Arc::clone(self);
        Work::pending(Arc::clone(&self.lane).run(move |ticket| job(&root, ticket)))
    }

    /// Runs a job that moves this many bytes: among the long ones if that takes long.
    pub(super) async fn work_through<T, F>(
        self: Arc<Self>,
        bytes: u64,
        job: F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &Ticket) -> Result<T, Failure> + Send + 'static,
    {
        let lane = Arc::clone(&self.lane);
        let job = move |ticket: &Ticket| job(&self, ticket);
        if bytes > SHORT_BYTES_MAX { lane.run_long(job).await } else { lane.run(job).await }
    }
}

/// A name in an open directory: what calls that change names act on.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: Arc<OwnedFd>,
    pub(super) name: Vec<u8>,
}

/// Cuts a path into its directory and its name; the root has none.
pub(super) fn split(path: &VirtualPath) -> Result<(&[u8], &[u8]), Failure> {
    let name = path.file_name().ok_or(Failure::BadName)?;
    let bytes = path.as_bytes();
    let parent = bytes.get(..bytes.len() - name.len()).unwrap_or(b"/");
    Ok((parent, name))
}

/// Fails if any part of the path is a name that only the server may use.
pub(super) fn check(path: &VirtualPath) -> Result<(), Failure> {
    if path.components().any(name::is_reserved) { Err(Failure::BadName) } else { Ok(()) }
}

/// Where the machine sees a directory.
fn machine_path(directory: BorrowedFd<'_>) -> Result<Vec<u8>, Failure> {
    let name = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let path = rustix::fs::readlink(name.as_str(), Vec::new()).map_err(failure)?;
    Ok(path.into_bytes())
}

/// The umask of the process, read without setting it (which other threads would notice).
fn process_umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Umask:"))
        .and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok())
        .unwrap_or(0o022)
}

/// Nothing leaves the root, and no `/proc` link jumps out of it.
const CONFINED: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// On every open: not inherited, no wait for the other end of a pipe or a lease, no terminal taken.
const QUIET: OFlags = OFlags::CLOEXEC;

/// What a job may read, hash or copy in the slots of short ones: 64 MiB take a local disk or a
/// hash some 100 ms.
const SHORT_BYTES_MAX: u64 = 64 << 20;

/// `openat2` gives up when a directory on the path moves at the wrong moment. One that moves all
/// the time is an attack, and its answer is an error.
const RETRIES: u32 = 64;

/// Magic numbers of the file systems on disks of this machine, whose caches are the truth
/// (statfs(2)): ext2 to ext4, XFS, Btrfs, overlayfs, F2FS, bcachefs, ZFS.
const LOCAL: [i64; 7] =
    [0xEF53, 0x5846_5342, 0x9123_683E, 0x794C_7630, 0xF2F5_2010, 0xCA45_1A4E, 0x2FC1_2FC1];

/// Those in memory: tmpfs, ramfs.
const MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58F6];

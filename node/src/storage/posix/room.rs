//! The space that stays free.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use flotilla_protocol::entry::FileSystem;
use flotilla_protocol::ftp::Failure;
use rustix::fs::StatVfsMountFlags;

use super::fault::failure;

/// Free bytes above the reserve on the file system of a descriptor.
pub(super) fn available(file: impl AsFd, reserve: u64) -> Result<u64, Failure> {
    let found = rustix::fs::fstatvfs(file).map_err(failure)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize).saturating_sub(reserve))
}

/// The file system of a descriptor; the reserve is not available.
pub(super) fn file_system(file: impl AsFd, reserve: u64) -> Result<FileSystem, Failure> {
    let found = rustix::fs::fstatvfs(file).map_err(failure)?;
    let reserved = reserve.div_ceil(found.f_frsize.max(1));
    Ok(FileSystem {
        block_bytes: found.f_bsize,
        fragment_bytes: found.f_frsize,
        blocks: found.f_blocks,
        blocks_free: found.f_bfree,
        blocks_available: found.f_bavail.saturating_sub(reserved),
        files: found.f_files,
        files_free: found.f_ffree,
        files_available: found.f_favail,
        id: found.f_fsid,
        read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        name_bytes_max: found.f_namemax,
    })
}

/// Watches the reserve while an upload goes on.
#[derive(Debug)]
pub(super) struct Room {
    reserve: u64,
    /// Bytes that may still be written before the next look.
    unseen: AtomicU64,
}

impl Room {
    /// Fails if not even the promised bytes fit; without promise and reserve nothing is asked.
    pub(super) fn new(file: impl AsFd, reserve: u64, expected: u64) -> Result<Self, Failure> {
        let wanted = if reserve > 0 { expected.max(1) } else { expected };
        if wanted == 0 {
            return Ok(Self::unwatched());
        }
        let room = available(file, reserve)?;
        if room < wanted {
            return Err(Failure::NoSpace);
        }
        Ok(Self { reserve, unseen: AtomicU64::new(until_next_look(room)) })
    }

    /// For an upload that ends before it began.
    pub(super) fn unwatched() -> Self {
        Self { reserve: 0, unseen: AtomicU64::new(0) }
    }

    /// To be called for each piece written.
    pub(super) fn take(&self, file: impl AsFd, bytes: usize) -> Result<(), Failure> {
        if self.reserve == 0 {
            return Ok(());
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if let Some(left) = self.unseen.load(Ordering::Relaxed).checked_sub(bytes) {
            self.unseen.store(left, Ordering::Relaxed);
            return Ok(());
        }
        let room = available(file, self.reserve)?;
        if room < bytes {
            return Err(Failure::NoSpace);
        }
        self.unseen.store(until_next_look(room), Ordering::Relaxed);
        Ok(())
    }
}

/// Half of the room, so that two uploads at once do not overdraw it together, and so that the looks
/// get closer as it gets tight.
fn until_next_look(room: u64) -> u64 {
    (room / 2).min(LOOK_BYTES_MAX)
}

/// Between two looks at the free space at the most: 64 MiB, so that the look costs nothing, and a
/// hundred uploads at once overdraw the reserve by 6 GiB at the very most.
const LOOK_BYTES_MAX: u64 = 64 << 20;

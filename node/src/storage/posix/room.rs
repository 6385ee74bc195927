//! The space that stays free.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

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

/// What is free on one file system, looked at now and then and shared by all who write there.
#[derive(Debug)]
pub(super) struct Level {
    epoch: Instant,
    /// Milliseconds since the epoch up to which the last look counts.
    until: AtomicU64,
    /// Bytes that may still be written before the next look.
    left: AtomicU64,
}

impl Level {
    /// Nobody has looked yet.
    pub(super) fn new() -> Arc<Self> {
        let (until, left) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { epoch: Instant::now(), until, left })
    }

    /// Takes bytes from what was seen; a new look where that does not do.
    fn take(&self, file: impl AsFd, reserve: u64, bytes: u64) -> Result<(), Failure> {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let less = |left: u64| left.checked_sub(bytes);
        let is_fresh = now < self.until.load(Ordering::Relaxed);
        if is_fresh && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
            return Ok(());
        }
        let room = available(file, reserve)?;
        if room < bytes {
            return Err(Failure::NoSpace);
        }
        self.left.store(until_next_look(room).saturating_sub(bytes), Ordering::Relaxed);
        self.until.store(now + LOOK_MS_MAX, Ordering::Relaxed);
        Ok(())
    }
}

/// Watches the reserve while an upload goes on.
#[derive(Debug)]
pub(super) struct Room {
    reserve: u64,
    level: Arc<Level>,
}

impl Room {
    /// Fails if not even the promised bytes fit; without promise and reserve nothing is asked.
    pub(super) fn new(
        file: impl AsFd,
        reserve: u64,
        expected: u64,
        level: Arc<Level>,
    ) -> Result<Self, Failure> {
        if expected > 0 && available(&file, reserve)? < expected {
            return Err(Failure::NoSpace);
        }
        let this = Self { reserve, level };
        this.take(file, 1)?;
        Ok(this)
    }

    /// For an upload that ends before it began.
    pub(super) fn unwatched() -> Self {
        Self { reserve: 0, level: Level::new() }
    }

    /// To be called for each piece written.
    pub(super) fn take(&self, file: impl AsFd, bytes: usize) -> Result<(), Failure> {
        if self.reserve == 0 {
            return Ok(());
        }
        self.level.take(file, self.reserve, u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

/// Half of the room, so that what others write at the same time does not overdraw it at once, and
/// so that the looks get closer as it gets tight.
fn until_next_look(room: u64) -> u64 {
    (room / 2).min(LOOK_BYTES_MAX)
}

/// Between two looks at the free space at the most, by all uploads together: 64 MiB, so that the
/// look costs nothing, and other nodes and programs overdraw the reserve by little.
const LOOK_BYTES_MAX: u64 = 64 << 20;

/// Milliseconds that a look counts at the most: what others write in a second.
const LOOK_MS_MAX: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_serves_all_for_a_while() {
        let file = std::fs::File::open(std::env::temp_dir()).unwrap();
        let level = Level::new();
        let left = || level.left.load(Ordering::Relaxed);
        let room = || Room::new(&file, 1, 0, Arc::clone(&level)).unwrap();
        let (one, two) = (room(), room());
        let seen = left();
        one.take(&file, 100).unwrap();
        two.take(&file, 100).unwrap();
        assert_eq!(left(), seen - 200);
        // What was seen is used up: the next look is of now.
        level.left.store(99, Ordering::Relaxed);
        one.take(&file, 100).unwrap();
        assert!(left() > 99);
        // It is too long ago.
        level.until.store(0, Ordering::Relaxed);
        level.left.store(u64::MAX, Ordering::Relaxed);
        two.take(&file, 1).unwrap();
        assert!(left() <= LOOK_BYTES_MAX);
        // A promise is held against what is free now, and no look lets the reserve be used.
        let promise = Room::new(&file, 1, u64::MAX / 2, Arc::clone(&level));
        assert_eq!(promise.err(), Some(Failure::NoSpace));
        level.until.store(0, Ordering::Relaxed);
        assert_eq!(level.take(&file, u64::MAX / 2, 1), Err(Failure::NoSpace));
    }
}

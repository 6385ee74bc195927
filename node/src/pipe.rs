//! Pipes, through which the kernel moves bytes from one descriptor to another without a copy.
//!
//! A process has only so many, whoever it runs as: each takes two descriptors and, full, a mebibyte of the kernel's
//! memory, and a peer that stops reading or sending keeps one for as long as its transfer may stand still. Who finds
//! none copies through a buffer, which costs more and holds nobody up.

use std::cell::{Cell, RefCell};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use rustix::pipe::PipeFlags;
use tracing::debug;

/// A pipe, empty while it is in the arbiter's store.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) reader: OwnedFd,
    pub(crate) writer: OwnedFd,
    /// In bytes.
    pub(crate) capacity: usize,
    _place: Place,
}

impl Pipe {
    /// One that is idle, or a new one. `None` if there are [`PIPES_MAX`], or none is to be had, or only one that is
    /// smaller than `least` bytes: a user may own 64 MiB of them (`pipe-user-pages-soft`), and below a certain size
    /// a buffer is as good.
    pub(crate) fn take(least: usize) -> Option<Self> {
        if let Some(pipe) = IDLE.with_borrow_mut(Vec::pop) {
            return Some(pipe);
        }
        if NONE_UNTIL.get().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let made = Self::make().filter(|pipe| pipe.capacity >= least);
        // Who transfers meanwhile does without, rather than ask in vain for every batch.
        NONE_UNTIL.set(made.is_none().then(|| Instant::now() + AGAIN));
        if made.is_none() {
            PIPES.missed.fetch_add(1, Ordering::Relaxed);
            debug!(pipes = PIPES.count(), "no pipe is to be had: bytes are copied for a while");
        }
        made
    }

    fn make() -> Option<Self> {
        let place = PIPES.place(PIPES_MAX)?;
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).ok()?;
        let capacity = rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES)
            .or_else(|_| rustix::pipe::fcntl_getpipe_size(&writer))
            .ok()?;
        Some(Self { reader, writer, capacity, _place: place })
    }

    /// Keeps the pipe for the next one; it must be empty.
    pub(crate) fn put(self) {
        IDLE.with_borrow_mut(|idle| {
            if idle.len() < IDLE_MAX && self.capacity >= PIPE_BYTES {
                idle.push(self);
            }
        });
    }
}

/// Whether a socket from which a splice took nothing is not at its end: the kernel stops before urgent data,
/// which reading passes.
pub(crate) fn is_open(socket: BorrowedFd<'_>) -> std::io::Result<bool> {
    let (_, count) = rustix::net::recv(socket, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(count > 0)
}

/// How many pipes there are.
#[derive(Debug)]
pub(crate) struct Pipes {
    count: AtomicUsize,
    missed: AtomicU64,
}

impl Pipes {
    const fn new() -> Self {
        Self { count: AtomicUsize::new(0), missed: AtomicU64::new(0) }
    }

    /// In use or idle.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How often an arbiter went without for a while ([`AGAIN`]), since the start.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// A place for one more, unless there are `max` already.
    fn place(&'static self, max: usize) -> Option<Place> {
        let more = |count: usize| (count < max).then_some(count.saturating_add(1));
        let counted = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.ok().map(|_| Place(self))
    }
}

/// A place among all pipes.
#[derive(Debug)]
struct Place(&'static Pipes);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Those of this process.
pub(crate) static PIPES: Pipes = Pipes::new();

thread_local! {
    static IDLE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
    /// No new one is to be had until then.
    static NONE_UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The size of a pipe in bytes: what an unprivileged process may have (`pipe-max-size`).
const PIPE_BYTES: usize = 1024 * 1024;
/// Pipes of a process: a quarter of a gibibyte of the kernel's memory, if all are full. Without privileges there are
/// fewer.
pub(crate) const PIPES_MAX: usize = 256;
/// Pipes kept per arbiter while nothing uses them.
const IDLE_MAX: usize = 4;
/// After a pipe that was not to be had, until the next one is asked for: a system call or four each time.
const AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_to_be_had_is_not_asked_for_at_once() {
        // On a thread of its own: the store is the thread's.
        let asked = std::thread::spawn(|| {
            assert!(Pipe::take(usize::MAX).is_none());
            assert!(Pipe::take(1).is_none(), "asked again");
            NONE_UNTIL.set(Some(Instant::now()));
            let pipe = Pipe::take(1).unwrap();
            let is_idle = pipe.capacity >= PIPE_BYTES;
            pipe.put();
            NONE_UNTIL.set(Some(Instant::now() + AGAIN));
            assert_eq!(Pipe::take(1).is_some(), is_idle, "an idle one needs no call");
        });
        asked.join().unwrap();
    }

    #[test]
    fn there_are_only_so_many() {
        static FEW: Pipes = Pipes::new();
        let places = [FEW.place(2), FEW.place(2)];
        assert!(places.iter().all(Option::is_some));
        assert!(FEW.place(2).is_none());
        drop(places);
        assert_eq!((FEW.count(), FEW.place(2).is_some()), (0, true));
    }
}

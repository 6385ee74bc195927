//! Pipes, through which the kernel moves bytes from one descriptor to another without a copy.

use std::cell::RefCell;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::RecvFlags;
use rustix::pipe::PipeFlags;

/// A pipe, empty while it is in the arbiter's store.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) reader: OwnedFd,
    pub(crate) writer: OwnedFd,
    /// In bytes.
    pub(crate) capacity: usize,
}

impl Pipe {
    /// One that is idle, or a new one. `None` if there is none to be had, or only one that is smaller than
    /// `least` bytes: a user may own 64 MiB of them (`pipe-user-pages-soft`), and below a certain size a
    /// buffer is as good.
    pub(crate) fn take(least: usize) -> Option<Self> {
        if let Some(pipe) = IDLE.with_borrow_mut(Vec::pop) {
            return Some(pipe);
        }
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).ok()?;
        let capacity = rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES)
            .or_else(|_| rustix::pipe::fcntl_getpipe_size(&writer))
            .ok()?;
        (capacity >= least).then_some(Self { reader, writer, capacity })
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

thread_local! {
    static IDLE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// The size of a pipe in bytes: what an unprivileged process may have (`pipe-max-size`).
const PIPE_BYTES: usize = 1024 * 1024;
/// Pipes kept per arbiter while nothing uses them.
const IDLE_MAX: usize = 4;

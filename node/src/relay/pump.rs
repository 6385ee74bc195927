//! Bytes both ways between two sockets, until both have ended.
//!
//! The kernel moves them: socket to pipe to socket (splice(2)), no byte is copied into the process. A pipe is
//! held only while there is something in it, so that a relay that waits has none, and one whose reader is slow
//! stops its writer: nothing is read before what was read is gone.
//!
//! As much is taken at once as a pipe holds, 1 MiB as a rule. With 256 KiB at once a relaying node spent 1.5 times
//! as much on a byte of an upload, 1.4 times on one of a download in clear and 1.1 times on one by TLS
//! (`flotilla-loadtest relay`, five alternating runs). A reader that needs long for that gets little at a time,
//! through a buffer: the pipes of a process are few, and slow readers would hold them all. Those that stop keep one
//! until the relay is taken for stalled; where none is left, the others copy.

use std::cell::Cell;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use futures_util::future::try_join;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustix::pipe::SpliceFlags;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::{abort_at_close, end_at_close};
use crate::keepalive::Tuned;
use crate::pipe::{Pipe, is_open};

/// What a relay moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// From the client to the owner.
    pub(super) inward: u64,
    /// From the owner to the client.
    pub(super) outward: u64,
}

/// What one direction has come to.
#[derive(Debug, Default)]
struct Flow {
    bytes: Cell<u64>,
    /// Its end was said, and passed on.
    has_ended: Cell<bool>,
}

/// Moves bytes until both sides have said their end; each end is passed on at once. What comes from the owner is
/// moved once `first` has read what is not for the client.
///
/// # Errors
/// One side broke, `first` failed, no byte moved for `stalled`, or `halted` came. Whoever has not been told its end is reset then; who has may still
/// be reading what is on its way.
pub(super) async fn run(
    client: TcpStream,
    owner: TcpStream,
    first: impl AsyncFnOnce(&TcpStream) -> io::Result<()>,
    stalled: Duration,
    halted: impl Future<Output = impl Sized>,
) -> (Moved, io::Result<()>) {
    let (inward, outward) = (Flow::default(), Flow::default());
    let result = {
        let back = async {
            first(&owner).await?;
            Way::new(&owner, &client, &outward).carry().await
        };
        let both = try_join(Way::new(&client, &owner, &inward).carry(), back);
        let moved = || inward.bytes.get() + outward.bytes.get();
        tokio::select! {
            result = both => result.map(drop),
            () = silence(stalled, [&client, &owner], moved) => Err(io::ErrorKind::TimedOut.into()),
            _ = halted => Err(io::ErrorKind::Interrupted.into()),
        }
    };
    for (socket, flow) in [(&client, &outward), (&owner, &inward)] {
        let settle = if flow.has_ended.get() { end_at_close } else { abort_at_close };
        // A socket that takes no option is broken already.
        let _ = settle(socket);
    }
    (Moved { inward: inward.bytes.get(), outward: outward.bytes.get() }, result)
}

/// Ends when nothing has moved for so long. Meanwhile the sockets are kept as the policy has it now.
async fn silence(stalled: Duration, sockets: [&TcpStream; 2], moved: impl Fn() -> u64) {
    let mut tuned = sockets.map(|socket| (Tuned::now(), socket));
    let (mut before, mut since) = (moved(), Instant::now());
    loop {
        let left = stalled.saturating_sub(since.elapsed());
        tokio::time::sleep(left.min(LOOK)).await;
        for (tuned, socket) in &mut tuned {
            tuned.refresh(*socket);
        }
        let now = moved();
        if now != before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() >= stalled {
            return;
        }
    }
}

/// One direction.
struct Way<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    flow: &'a Flow,
    /// How many bytes are taken at once.
    batch: usize,
    /// When the reader was first waited for in this batch.
    waits: Option<Instant>,
}

/// What one look at a socket brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    Nothing,
    Bytes(usize),
    End,
}

impl<'a> Way<'a> {
    fn new(from: &'a TcpStream, to: &'a TcpStream, flow: &'a Flow) -> Self {
        Self { from, to, flow, batch: BATCH_BYTES, waits: None }
    }

    /// Carries all, and the end.
    async fn carry(mut self) -> io::Result<()> {
        let mut since_rest = 0;
        loop {
            self.from.readable().await?;
            let is_fast = self.batch > COPY_BYTES;
            let batch = match is_fast.then(|| Pipe::take(COPY_BYTES)).flatten() {
                Some(pipe) => self.splice(pipe).await?,
                None => self.copy().await?,
            };
            match batch {
                Batch::Nothing => continue,
                Batch::End => break,
                Batch::Bytes(count) => since_rest += count,
            }
            self.adapt();
            if since_rest >= TURN_BYTES {
                since_rest = 0;
                tokio::task::yield_now().await;
            }
        }
        SockRef::from(self.to).shutdown(Shutdown::Write)?;
        self.flow.has_ended.set(true);
        Ok(())
    }

    /// Little at once for a slow reader, twice as much each time for one that is fast again.
    fn adapt(&mut self) {
        let is_slow = self.waits.take().is_some_and(|since| since.elapsed() > SLOW);
        self.batch = if is_slow { COPY_BYTES } else { (self.batch * 2).min(BATCH_BYTES) };
    }

    async fn splice(&mut self, pipe: Pipe) -> io::Result<Batch> {
        let (from, to) = (self.from, self.to);
        let room = pipe.capacity.min(self.batch);
        let filled = from.try_io(Interest::READABLE, || {
            match rustix::pipe::splice(from.as_fd(), None, &pipe.writer, None, room, SPLICE) {
                // The kernel stops at urgent data, and says that nothing is there, or that this is the end.
                Ok(0) | Err(Errno::AGAIN) if is_open(from.as_fd())? => Ok(Filled::Urgent),
                result => Ok(Filled::Bytes(result?)),
            }
        });
        let count = match filled {
            Ok(Filled::Bytes(count)) if count > 0 => count,
            // The pipe is empty yet.
            Ok(Filled::Bytes(_)) => {
                pipe.put();
                return Ok(Batch::End);
            }
            Ok(Filled::Urgent) => {
                pipe.put();
                return self.copy().await;
            }
            Err(error) => {
                pipe.put();
                return nothing_yet(error);
            }
        };
        let mut left = count;
        while left > 0 {
            let emptied = to.try_io(Interest::WRITABLE, || {
                retried(|| rustix::pipe::splice(&pipe.reader, None, to.as_fd(), None, left, SPLICE))
            });
            let gone = self.gone(emptied).await?;
            left = left.saturating_sub(gone);
        }
        pipe.put();
        Ok(Batch::Bytes(count))
    }

    /// The same through a buffer, where there is no pipe, or urgent data is in its way, or the reader is slow.
    async fn copy(&mut self) -> io::Result<Batch> {
        let (from, to) = (self.from, self.to);
        let mut buffer = Vec::with_capacity(COPY_BYTES);
        let received = from.try_io(Interest::READABLE, || {
            let flags = RecvFlags::DONTWAIT;
            retried(|| rustix::net::recv(from.as_fd(), spare_capacity(&mut buffer), flags))
        });
        match received {
            Ok((0, _)) => return Ok(Batch::End),
            Ok(_) => {}
            Err(error) => return nothing_yet(error),
        }
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let sent = to.try_io(Interest::WRITABLE, || {
                retried(|| rustix::net::send(to.as_fd(), rest, flags))
            });
            let gone = self.gone(sent).await?;
            rest = rest.get(gone..).unwrap_or_default();
        }
        Ok(Batch::Bytes(buffer.len()))
    }

    /// How much the reader took; waits for it if that is nothing.
    async fn gone(&mut self, taken: io::Result<usize>) -> io::Result<usize> {
        match taken {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.flow.bytes.set(self.flow.bytes.get() + count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.waits.get_or_insert_with(Instant::now);
                self.to.writable().await?;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

/// What a pipe got.
enum Filled {
    /// So many; 0 is the end of the stream.
    Bytes(usize),
    /// None, for it can not take what comes next.
    Urgent,
}

fn nothing_yet(error: io::Error) -> io::Result<Batch> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(Batch::Nothing),
        _ => Err(error),
    }
}

fn retried<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

const SPLICE: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);
/// Between two looks at whether something moved.
const LOOK: Duration = Duration::from_secs(5);
/// Moved by one relay before other tasks of the arbiter run.
const TURN_BYTES: usize = 1024 * 1024;
/// Taken at once, if a pipe holds so much.
const BATCH_BYTES: usize = 1024 * 1024;
/// Taken at once without a pipe. A smaller pipe is no better.
const COPY_BYTES: usize = 64 * 1024;
/// A reader that lets a batch wait for longer is slow: below 4 MB/s, where copying costs next to nothing.
const SLOW: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;

//! A file to a data connection.
//!
//! Clear and unchanged, the kernel moves it: `sendfile` in calls of a mebibyte, on this thread
//! while the file is in the page cache and on the storage's pool where it is not. Otherwise pieces
//! of 256 KiB are read, again here or there, converted or encrypted, and written.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use flotilla_protocol::ftp::Failure;
use rustix::io::Errno;

use super::ascii::Encoder;
use super::buffer;
use super::connection::Connection;
use super::pace::{Pace, RUN_BYTES_MAX, Terms};
use super::socket::{Direction, Socket, is_of_network};
use crate::storage::Source;

/// Which part of a file goes out, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Download {
    /// The first byte.
    pub offset: u64,
    /// Bytes at the most; `None`: to the end.
    pub length: Option<u64>,
    /// LF becomes CR LF.
    pub ascii: bool,
}

/// Sends the file as long as it was when it was opened, then ends the connection cleanly. Tells the
/// bytes of the data connection.
///
/// # Errors
///
/// [`Failure::DataBroken`], [`Failure::DataStalled`], the storage's failures, and
/// [`Failure::StorageError`] if the file became shorter. The connection is then closed without a
/// clean end.
pub async fn send(
    mut connection: Connection,
    source: Arc<dyn Source>,
    download: Download,
    terms: &Terms,
) -> Result<u64, Failure> {
    let mut pace = Pace::new(terms);
    let before = terms.progress.bytes();
    let size = source.attributes().size;
    let end =
        download.length.map_or(size, |length| size.min(download.offset.saturating_add(length)));
    let mut rest = Rest { source, offset: download.offset, end };
    if download.ascii {
        copy(&mut connection, &mut rest, Some(Encoder::default()), &mut pace).await?;
    } else {
        let by_kernel = match &mut connection {
            Connection::Clear(socket) if rest.length() > SMALL_BYTES_MAX => {
                splice_out(socket, &mut rest, &mut pace).await?
            }
            _ => false,
        };
        if !by_kernel {
            copy(&mut connection, &mut rest, None, &mut pace).await?;
        }
    }
    connection.finish(&mut pace).await?;
    Ok(terms.progress.bytes().saturating_sub(before))
}

/// What is still to be sent.
struct Rest {
    source: Arc<dyn Source>,
    offset: u64,
    end: u64,
}

impl Rest {
    fn length(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }

    /// The length of the next piece.
    fn piece(&self, most: usize) -> usize {
        usize::try_from(self.length()).map_or(most, |length| length.min(most))
    }

    /// Moves on; no bytes where some should have been mean that the file became shorter.
    fn advance(&mut self, bytes: usize) -> Result<(), Failure> {
        if bytes == 0 {
            tracing::debug!(offset = self.offset, "file became shorter while it was sent");
            return Err(Failure::StorageError);
        }
        self.offset = self.offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Whether the next `count` bytes seem to be in the page cache: one byte in every stretch that
    /// the kernel reads ahead at once is asked for, and the last one.
    fn is_warm(&self, count: usize) -> bool {
        let last = u64::try_from(count.saturating_sub(1)).unwrap_or(u64::MAX);
        let mut probe = [0];
        (0..last).step_by(PROBE_STRIDE_BYTES).chain([last]).all(|distance| {
            let answer = self.source.read_now(self.offset.saturating_add(distance), &mut probe);
            // Errors and the end show again where the bytes are moved.
            answer.is_some()
        })
    }
}

/// Reads and writes.
async fn copy(
    connection: &mut Connection,
    rest: &mut Rest,
    mut ascii: Option<Encoder>,
    pace: &mut Pace,
) -> Result<(), Failure> {
    while rest.length() > 0 {
        let mut piece = buffer::take_filled();
        let most = rest.piece(pace.piece().min(piece.len()));
        let room = piece.get_mut(..most).unwrap_or_default();
        let count = match rest.source.read_now(rest.offset, room) {
            Some(count) => count?,
            None => {
                piece.truncate(most);
                let (filled, count) =
                    pace.stored(Arc::clone(&rest.source).read(rest.offset, piece)).await?;
                piece = filled;
                count
            }
        };
        rest.advance(count)?;
        let data = piece.get(..count).unwrap_or(&piece);
        match &mut ascii {
            Some(encoder) => {
                let mut text = buffer::take_empty();
                encoder.encode(data, &mut text);
                buffer::put_filled(piece);
                connection.write_all(&text, pace).await?;
                buffer::put_empty(text);
            }
            None => {
                if rest.length() == 0 {
                    connection.write_last(data, pace).await?;
                } else {
                    connection.write_all(data, pace).await?;
                }
                buffer::put_filled(piece);
            }
        }
    }
    Ok(())
}

/// Lets the kernel move the rest. `false` if it can not for this file: the caller copies what is
/// left.
async fn splice_out(
    socket: &mut Socket,
    rest: &mut Rest,
    pace: &mut Pace,
) -> Result<bool, Failure> {
    while rest.length() > 0 {
        let count = rest.piece(pace.piece());
        let step = if rest.is_warm(count) {
            send_warm(socket, rest, count)
        } else {
            pace.stored(send_cold(socket, rest, count)).await?
        };
        match step {
            Step::Moved(bytes) => {
                rest.advance(bytes)?;
                pace.moved(bytes).await;
            }
            Step::Full => {
                let ready = pace.watch(socket.ready(Direction::Write)).await?;
                ready.map_err(|_| Failure::DataBroken)?;
            }
            Step::Unable => return Ok(false),
            Step::Broken => return Err(Failure::DataBroken),
            Step::Unreadable => return Err(Failure::StorageError),
        }
    }
    Ok(true)
}

/// What one `sendfile` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// So many bytes went; 0: the file ends here.
    Moved(usize),
    /// The socket takes nothing now.
    Full,
    /// Not with this file.
    Unable,
    /// The connection is gone.
    Broken,
    /// The file can not be read.
    Unreadable,
}

impl Step {
    fn from_result(result: Result<usize, Errno>) -> Self {
        match result {
            Ok(bytes) => Self::Moved(bytes),
            Err(Errno::AGAIN) => Self::Full,
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Self::Unable,
            Err(error) if is_of_network(error) => Self::Broken,
            Err(error) => {
                tracing::debug!(%error, "sendfile failed");
                Self::Unreadable
            }
        }
    }

    /// As one number; the bytes of `Moved` travel apart.
    fn code(self) -> u8 {
        match self {
            Self::Moved(_) => 0,
            Self::Full => 1,
            Self::Unable => 2,
            Self::Broken => 3,
            Self::Unreadable => 4,
        }
    }

    fn from_code(code: u8, bytes: usize) -> Self {
        match code {
            0 => Self::Moved(bytes),
            1 => Self::Full,
            2 => Self::Unable,
            3 => Self::Broken,
            _ => Self::Unreadable,
        }
    }
}

fn send_warm(socket: &Socket, rest: &Rest, count: usize) -> Step {
    let Some(file) = rest.source.descriptor() else { return Step::Unable };
    let sent = socket.attempt(Direction::Write, |descriptor| {
        let mut offset = rest.offset;
        Ok(rustix::fs::sendfile(descriptor, file, Some(&mut offset), count)?)
    });
    Step::from_result(sent.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN)))
}

/// The same on the storage's pool, where it may wait for the disk. The socket does not block there
/// either.
async fn send_cold(socket: &mut Socket, rest: &Rest, count: usize) -> Result<Step, Failure> {
    if rest.source.descriptor().is_none() {
        return Ok(Step::Unable);
    }
    let stream = socket.lend().map_err(|_| Failure::DataBroken)?;
    let verdict = Arc::new(AtomicU8::new(0));
    let told = Arc::clone(&verdict);
    let mut offset = rest.offset;
    let task = Box::new(move |file: BorrowedFd<'_>| {
        let sent = rustix::io::retry_on_intr(|| {
            rustix::fs::sendfile(&*stream, file, Some(&mut offset), count)
        });
        let step = Step::from_result(sent);
        told.store(step.code(), Ordering::Release);
        Ok(if let Step::Moved(bytes) = step { bytes } else { 0 })
    });
    let bytes = Arc::clone(&rest.source).with_descriptor(task).await?;
    let step = Step::from_code(verdict.load(Ordering::Acquire), bytes);
    if step == Step::Full {
        // The reactor has not seen this refusal: ask again here, so that the wait is a real one.
        let room = socket.attempt(Direction::Write, |descriptor| match is_writable(descriptor) {
            true => Ok(()),
            false => Err(std::io::ErrorKind::WouldBlock.into()),
        });
        drop(room);
    }
    Ok(step)
}

fn is_writable(socket: BorrowedFd<'_>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut set = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    // An error shows again at the next write.
    !matches!(poll(&mut set, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
}

/// Up to here in bytes a file is read and written in one go: two system calls that never wait for
/// the disk, where `sendfile` would need its probe as well.
const SMALL_BYTES_MAX: u64 = 64 * 1024;
/// The kernel's default read-ahead (`read_ahead_kb`): pages of one stretch mostly come and go
/// together.
const PROBE_STRIDE_BYTES: usize = 128 * 1024;

const _: () = assert!(RUN_BYTES_MAX / PROBE_STRIDE_BYTES <= 8, "probes stay under 1 % of the work");

#[cfg(test)]
mod tests;

//! A data connection to a file.
//!
//! A small upload is read to its end and then written and published by one job of the storage's
//! pool. A larger one goes on by [`splice`] where it comes clear and unchanged, and otherwise
//! through a buffer of a mebibyte. The socket's own buffer fills while a piece is written, so the
//! network does not wait for the disk.

use std::sync::Arc;

use flotilla_protocol::ftp::Failure;

use super::ascii::Decoder;
use super::buffer;
use super::connection::Connection;
use super::pace::{Pace, Terms};
use super::splice;
use crate::storage::Sink;

/// A complete upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the data connection.
    pub bytes: u64,
    /// The size of the published file.
    pub size: u64,
}

/// Receives to the end of the stream, asks `at_end` once what that end is worth, and publishes. On a
/// clear connection a killed client looks like one that is done; what `at_end` refuses is not
/// published, and its bytes are kept as the storage keeps those of a broken upload.
///
/// # Errors
///
/// [`Failure::DataBroken`] (also for a TLS stream without `close_notify`),
/// [`Failure::DataStalled`], the storage's failures, and those of `at_end`. What was received is
/// written before that, but not published.
pub async fn receive(
    connection: Connection,
    sink: Arc<dyn Sink>,
    ascii: bool,
    at_end: impl AsyncFnOnce() -> Result<(), Failure>,
    terms: &Terms,
) -> Result<Received, Failure> {
    let before = terms.progress.bytes();
    let mut pace = Pace::new(terms);
    let mut upload = Upload {
        connection,
        written: sink.start(),
        sink,
        pending: Vec::with_capacity(FIRST_BYTES),
        ascii: ascii.then(Decoder::default),
    };
    let received = match upload.run(&mut pace).await {
        Ok(()) => at_end().await,
        failed => failed,
    };
    if let Err(failure) = received {
        upload.save(&pace).await;
        return Err(failure);
    }
    if upload.pending.capacity() >= buffer::BULK_BYTES {
        let last = std::mem::take(&mut upload.pending);
        buffer::put_empty(upload.write(last, &pace).await?);
    }
    let Upload { connection, sink, pending, written, .. } = upload;
    let size = written.saturating_add(length(&pending));
    connection.close(&mut pace).await;
    pace.stored(sink.finish(written, pending, size)).await?;
    Ok(Received { bytes: terms.progress.bytes().saturating_sub(before), size })
}

/// An upload under way.
pub(super) struct Upload {
    pub(super) connection: Connection,
    pub(super) sink: Arc<dyn Sink>,
    /// Where the next byte of the file goes.
    pub(super) written: u64,
    /// Bytes of the file that are received and not yet written.
    pub(super) pending: Vec<u8>,
    ascii: Option<Decoder>,
}

impl Upload {
    /// Up to the end of the stream; the last bytes are left in `pending`.
    async fn run(&mut self, pace: &mut Pace) -> Result<(), Failure> {
        while self.pending.len() < FIRST_BYTES - ROOM_BYTES_MIN {
            if self.fill(pace).await? == 0 {
                return Ok(());
            }
        }
        if self.ascii.is_none() && matches!(self.connection, Connection::Clear(_)) {
            let first = std::mem::take(&mut self.pending);
            self.write(first, pace).await?;
            if splice::run(self, pace).await? {
                return Ok(());
            }
        }
        self.copy(pace).await
    }

    /// Through a large buffer.
    async fn copy(&mut self, pace: &mut Pace) -> Result<(), Failure> {
        let first = std::mem::replace(&mut self.pending, buffer::take_empty());
        self.pending.extend_from_slice(&first);
        loop {
            while self.pending.capacity() - self.pending.len() >= ROOM_BYTES_MIN {
                if self.fill(pace).await? == 0 {
                    return Ok(());
                }
            }
            let full = std::mem::take(&mut self.pending);
            self.pending = self.write(full, pace).await?;
            self.pending.reserve_exact(buffer::BULK_BYTES);
        }
    }

    /// Appends what has come to `pending`; 0 is the end.
    async fn fill(&mut self, pace: &mut Pace) -> Result<usize, Failure> {
        let count = match &mut self.ascii {
            None => self.connection.read(&mut self.pending, pace).await?,
            Some(decoder) => {
                let mut wire = Vec::with_capacity(ROOM_BYTES_MIN - 1);
                let count = self.connection.read(&mut wire, pace).await?;
                match count {
                    0 => decoder.finish(&mut self.pending),
                    _ => decoder.decode(&wire, &mut self.pending),
                }
                count
            }
        };
        if count > 0 {
            pace.moved(count).await;
        }
        Ok(count)
    }

    /// Writes on the storage's pool; the buffer comes back empty.
    pub(super) async fn write(&mut self, buffer: Vec<u8>, pace: &Pace) -> Result<Vec<u8>, Failure> {
        let count = length(&buffer);
        let buffer = pace.stored(Arc::clone(&self.sink).write(self.written, buffer)).await?;
        self.written = self.written.saturating_add(count);
        Ok(buffer)
    }

    /// Writes what an upload that failed still has, so that its client can resume behind it.
    async fn save(&mut self, pace: &Pace) {
        if let Some(decoder) = &mut self.ascii {
            decoder.finish(&mut self.pending);
        }
        let last = std::mem::take(&mut self.pending);
        if !last.is_empty()
            && let Err(failure) = self.write(last, pace).await
        {
            tracing::debug!(?failure, "last bytes of a broken upload not written");
        }
    }
}

fn length(buffer: &[u8]) -> u64 {
    u64::try_from(buffer.len()).unwrap_or(u64::MAX)
}

/// The first buffer in bytes: an upload that fits is written and published in one job, and one that
/// comes slowly holds no more than that.
const FIRST_BYTES: usize = 96 * 1024;
/// Room in bytes below which a buffer counts as full: one record of TLS must fit.
const ROOM_BYTES_MIN: usize = 32 * 1024;

#[cfg(test)]
mod tests;

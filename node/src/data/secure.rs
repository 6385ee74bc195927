//! TLS on a data connection: rustls driven straight over the socket.
//!
//! An adapter around a stream would pass 4 to 16 KiB per system call. Here a download encrypts a
//! whole piece and sends up to 64 records in one `writev`; an upload receives up to a mebibyte of
//! records at once and hands them to rustls one by one.

use std::future::poll_fn;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::task::ready;
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::Failure;
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};

use super::buffer;
use super::pace::Pace;
use super::socket::{Direction, Gather, Socket, receive_now};
use crate::tls::{Binding, SessionKey, SessionScope};

/// A socket with TLS.
#[derive(Debug)]
pub struct Secure {
    socket: Socket,
    tls: ServerConnection,
    /// Records received and not yet handed to rustls; no capacity while there are none.
    received: Vec<u8>,
    /// Where the first record in `received` that is not wholly handed over begins.
    record: usize,
    /// Bytes of that record that rustls has already: see [`feed`](Self::feed).
    fed: usize,
}

impl Secure {
    /// Shakes hands as the server, and tells whose session was resumed.
    pub(super) async fn accept(
        socket: Socket,
        config: Arc<ServerConfig>,
        key: SessionKey,
        deadline: Instant,
    ) -> Result<(Self, Binding), Failure> {
        let mut tls = ServerConnection::new(config).map_err(|error| {
            tracing::error!(%error, "tls configuration unusable");
            Failure::Internal
        })?;
        tls.set_buffer_limit(Some(SENDABLE_BYTES_MAX));
        let mut secure = Self { socket, tls, received: Vec::new(), record: 0, fed: 0 };
        let mut scope = SessionScope::new(key);
        let shaken = secure.shake_hands(&mut scope);
        match tokio::time::timeout_at(deadline.into(), shaken).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "tls handshake of a data connection failed");
                return Err(Failure::DataHandshake);
            }
            Err(_) => return Err(Failure::DataTimeout),
        }
        let binding = scope.binding(&secure.tls);
        Ok((secure, binding))
    }

    async fn shake_hands(&mut self, scope: &mut SessionScope) -> io::Result<()> {
        loop {
            match scope.run(|| self.feed()) {
                // What is left to send then, tickets among it, rides with the first bytes of the
                // transfer.
                Ok(_) if !self.tls.is_handshaking() => return Ok(()),
                Ok(true) => {}
                Ok(false) => {
                    self.flush().await?;
                    if self.refill().await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => {
                    // The alert that says why, if there is room for it.
                    let _ = self.write_now();
                    return Err(error);
                }
            }
        }
    }

    /// The version, and whether a session was resumed, after the handshake.
    pub(super) fn negotiated(&self) -> Option<(&'static str, bool)> {
        let version = self.tls.protocol_version()?.as_str()?;
        Some((version, self.tls.handshake_kind() == Some(HandshakeKind::Resumed)))
    }

    /// Encrypts from the front of `data` what fits now and tells how much that was;
    /// [`flush`](Self::flush) sends it.
    pub(super) fn encrypt(&mut self, data: &[u8]) -> io::Result<usize> {
        self.tls.writer().write(data)
    }

    /// Sends what is encrypted.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.write_some().await?;
        }
        Ok(())
    }

    /// As [`flush`](Self::flush), with a stall noticed.
    pub(super) async fn flush_watched(&mut self, pace: &mut Pace) -> Result<(), Failure> {
        while self.tls.wants_write() {
            pace.watch(self.write_some()).await?.map_err(|_| Failure::DataBroken)?;
        }
        Ok(())
    }

    async fn write_some(&mut self) -> io::Result<usize> {
        poll_fn(|context| {
            loop {
                match self.write_now() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready!(self.socket.poll_ready(Direction::Write, context))?;
                    }
                    result => return std::task::Poll::Ready(result),
                }
            }
        })
        .await
    }

    fn write_now(&mut self) -> io::Result<usize> {
        let Self { socket, tls, .. } = self;
        socket.attempt(Direction::Write, |descriptor| tls.write_tls(&mut Gather(descriptor)))
    }

    /// Appends plaintext to the room that `out` has, at least 16 KiB; 0 is the end, said by the
    /// peer's `close_notify`.
    ///
    /// # Errors
    ///
    /// [`Failure::DataBroken`] also if the stream ends without `close_notify`: anybody on the path
    /// could have cut it there.
    pub(super) async fn read(
        &mut self,
        out: &mut Vec<u8>,
        pace: &mut Pace,
    ) -> Result<usize, Failure> {
        let before = out.len();
        loop {
            let ended = self.decrypt(out).map_err(|error| {
                tracing::debug!(%error, "tls data connection broke");
                let _ = self.write_now();
                Failure::DataBroken
            })?;
            if out.len() > before || ended {
                return Ok(out.len() - before);
            }
            self.answer();
            match pace.watch(self.refill()).await? {
                Ok(0) | Err(_) => return Err(Failure::DataBroken),
                Ok(_) => {}
            }
        }
    }

    /// Sends what the client waits for during an upload: the end of a TLS 1.2 handshake. The
    /// tickets of TLS 1.3 are kept for [`finish`](Self::finish): a client that never reads and
    /// closes with tickets unread resets its own connection, and what it sent last is lost with it.
    fn answer(&mut self) {
        if self.tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            while self.tls.wants_write() && self.write_now().is_ok() {}
        }
    }

    /// Decrypts whole records while `out` has room for them; `true` once the peer has said the end.
    fn decrypt(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            match self.tls.reader().fill_buf() {
                Ok([]) => return Ok(true),
                Ok(plaintext) => {
                    let length = plaintext.len();
                    let room = out.capacity() - out.len();
                    if length > room {
                        return Ok(false);
                    }
                    out.extend_from_slice(plaintext);
                    self.tls.reader().consume(length);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if out.capacity() - out.len() < RECORD_BYTES_MAX || !self.feed()? {
                return Ok(false);
            }
        }
    }

    /// Hands the next whole record to rustls, and with it the next one's header: rustls keeps its
    /// buffer while it holds something, and would otherwise make a new one for every record.
    /// `false` if no whole record is there.
    fn feed(&mut self) -> io::Result<bool> {
        let Some(rest) = self.received.get(self.record..) else { return Ok(false) };
        let Some(length) = record_length(rest) else { return Ok(false) };
        if rest.len() < length {
            return Ok(false);
        }
        let end = rest.len().min(length + HEADER_BYTES);
        let mut piece = rest.get(self.fed..end).unwrap_or_default();
        while !piece.is_empty() {
            if self.tls.read_tls(&mut piece)? == 0 {
                break;
            }
            self.tls.process_new_packets().map_err(io::Error::other)?;
        }
        self.fed = end - length;
        self.record += length;
        Ok(true)
    }

    /// Receives more records. The buffer goes back to the arbiter while nothing is in it.
    async fn refill(&mut self) -> io::Result<usize> {
        self.received.drain(..self.record.min(self.received.len()));
        self.record = 0;
        if !self.received.is_empty() {
            return self.socket.receive(&mut self.received).await;
        }
        loop {
            let mut room = std::mem::take(&mut self.received);
            if room.capacity() == 0 {
                room = buffer::take_empty();
            }
            match self
                .socket
                .attempt(Direction::Read, |descriptor| receive_now(descriptor, &mut room))
            {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    buffer::put_empty(room);
                    self.socket.ready(Direction::Read).await?;
                }
                result => {
                    self.received = room;
                    return result;
                }
            }
        }
    }

    /// Says the end in both ways: `close_notify` and FIN. What the peer still sends, its own
    /// `close_notify` for one, is read away in the background, so that no reset destroys what it
    /// has not read yet.
    pub(super) async fn finish(mut self, pace: &mut Pace) -> Result<(), Failure> {
        self.tls.send_close_notify();
        self.flush_watched(pace).await?;
        self.socket.end().map_err(|_| Failure::DataBroken)?;
        buffer::put_empty(std::mem::take(&mut self.received));
        if !self.tls_ended() {
            linger(self.socket);
        }
        Ok(())
    }

    fn tls_ended(&mut self) -> bool {
        matches!(self.tls.reader().fill_buf(), Ok([]))
    }
}

/// The whole length of the record at the front of `bytes`, once its header is there. A length that
/// no record may have ends the wait for it: rustls judges.
fn record_length(bytes: &[u8]) -> Option<usize> {
    let [_, _, _, high, low] = bytes.first_chunk::<HEADER_BYTES>()?;
    let length = HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low]));
    Some(if length > RECORD_BYTES_MAX { HEADER_BYTES } else { length })
}

/// Reads the socket to its end, for a moment.
fn linger(mut socket: Socket) {
    let Some(place) = Lingering::take() else { return };
    tokio::spawn(async move {
        let _place = place;
        let _ = tokio::time::timeout(LINGER, async {
            let mut scrap = Vec::with_capacity(SCRAP_BYTES);
            while let Ok(1..) = socket.receive(&mut scrap).await {
                scrap.clear();
            }
        })
        .await;
    });
}

/// A place among the lingering sockets of an arbiter.
struct Lingering;

impl Lingering {
    fn take() -> Option<Self> {
        LINGERING.with(|count| {
            if count.get() >= LINGERING_MAX {
                return None;
            }
            count.set(count.get() + 1);
            Some(Self)
        })
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let _ = LINGERING.try_with(|count| count.set(count.get().saturating_sub(1)));
    }
}

thread_local! {
    static LINGERING: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Type, version and length (RFC 8446, 5.1).
const HEADER_BYTES: usize = 5;
/// The longest record: header, 2^14 bytes, and the 2048 of expansion that TLS 1.2 grants.
const RECORD_BYTES_MAX: usize = HEADER_BYTES + 16 * 1024 + 2048;
/// Plaintext encrypted ahead of the socket: one piece of a download.
const SENDABLE_BYTES_MAX: usize = buffer::READ_BYTES;
/// How long the peer has for its own end: a round trip and its scheduling.
const LINGER: Duration = Duration::from_secs(5);
const SCRAP_BYTES: usize = 1024;
/// Sockets of one arbiter that wait for that at a time; more are closed at once.
const LINGERING_MAX: usize = 1024;

#[cfg(test)]
mod tests;

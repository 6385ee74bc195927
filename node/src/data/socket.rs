//! A data socket that asks the kernel first and the reactor only when that would block.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use flotilla_protocol::ftp::Failure;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use socket2::{Domain, Protocol, SockRef, Type};
use tokio::io::Interest;

use crate::keepalive::{self, Tuned};

/// A connected, non-blocking TCP socket. A transfer that never has to wait, such as that of a
/// small file, registers nothing with the reactor.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    /// A second descriptor for work on the blocking pool, which may outlive the socket by one piece.
    lent: Option<Arc<OwnedFd>>,
    /// The options that it has.
    tuned: Tuned,
}

#[derive(Debug)]
enum Stream {
    /// No call has blocked yet.
    Fresh(std::net::TcpStream),
    /// Known to the reactor.
    Registered(tokio::net::TcpStream),
    /// The registration failed: nothing works any more.
    Lost,
}

/// What comes behind bytes that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Something, or it is not known.
    More,
    /// The end of the stream, at once.
    End,
}

/// Which readiness to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Socket {
    /// Takes a connected socket over. The buffers keep the kernel's autotuning.
    pub fn new(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self::prepared(stream))
    }

    /// Takes over a socket that is non-blocking and has `TCP_NODELAY` already, at no system call.
    pub fn prepared(stream: std::net::TcpStream) -> Self {
        Self { stream: Stream::Fresh(stream), lent: None, tuned: Tuned::now() }
    }

    /// The other end.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Fresh(stream) => stream.peer_addr(),
            Stream::Registered(stream) => stream.peer_addr(),
            Stream::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        match &self.stream {
            Stream::Fresh(stream) => Ok(stream.as_fd()),
            Stream::Registered(stream) => Ok(stream.as_fd()),
            Stream::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// A descriptor of its own for work elsewhere. If that is still under way when the socket is dropped, the
    /// connection is shut down, so that the peer does not wait for it.
    pub(super) fn lend(&mut self) -> io::Result<Arc<OwnedFd>> {
        if let Some(lent) = &self.lent {
            return Ok(Arc::clone(lent));
        }
        let lent = Arc::new(self.descriptor()?.try_clone_to_owned()?);
        self.lent = Some(Arc::clone(&lent));
        Ok(lent)
    }

    /// One system call, now. `WouldBlock` is recorded, so that [`ready`](Self::ready) then waits.
    pub(super) fn attempt<T>(
        &self,
        direction: Direction,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut retried = |descriptor: BorrowedFd<'_>| loop {
            match call(descriptor) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        };
        match &self.stream {
            Stream::Fresh(stream) => retried(stream.as_fd()),
            Stream::Registered(stream) => {
                let interest = match direction {
                    Direction::Read => Interest::READABLE,
                    Direction::Write => Interest::WRITABLE,
                };
                stream.try_io(interest, || retried(stream.as_fd()))
            }
            Stream::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Waits until the kernel may have changed its mind since the last `WouldBlock`.
    pub(super) fn poll_ready(
        &mut self,
        direction: Direction,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Stream::Fresh(_) = &self.stream
            && let Stream::Fresh(stream) = std::mem::replace(&mut self.stream, Stream::Lost)
        {
            self.stream = Stream::Registered(tokio::net::TcpStream::from_std(stream)?);
        }
        if let Stream::Registered(stream) = &self.stream {
            // Whoever waits is woken when they change: the session that polls the transfer is told.
            self.tuned.refresh(stream);
        }
        match (&self.stream, direction) {
            (Stream::Registered(stream), Direction::Read) => stream.poll_read_ready(context),
            (Stream::Registered(stream), Direction::Write) => stream.poll_write_ready(context),
            _ => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// See [`poll_ready`](Self::poll_ready).
    pub(super) async fn ready(&mut self, direction: Direction) -> io::Result<()> {
        poll_fn(|context| self.poll_ready(direction, context)).await
    }

    /// One system call, repeated until it does not block.
    pub(super) async fn run<T>(
        &mut self,
        direction: Direction,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        poll_fn(|context| {
            loop {
                match self.attempt(direction, &mut call) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready!(self.poll_ready(direction, context))?;
                    }
                    result => return Poll::Ready(result),
                }
            }
        })
        .await
    }

    /// Appends what has come to the room that `out` has; 0 is the end of the stream.
    pub(super) async fn receive(&mut self, out: &mut Vec<u8>) -> io::Result<usize> {
        self.run(Direction::Read, |descriptor| receive_now(descriptor, out)).await
    }

    /// What has come, left where it is; 0 is the end of the stream.
    pub async fn peek(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.run(Direction::Read, |descriptor| {
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            let (_, count) = rustix::net::recv(descriptor, &mut *room, flags)?;
            Ok(count.min(room.len()))
        })
        .await
    }

    /// Sends from the front of `data` what the kernel takes.
    pub(super) async fn send(&mut self, data: &[u8], then: Then) -> io::Result<usize> {
        let flags = match then {
            Then::More => SendFlags::NOSIGNAL,
            // The end of the stream then goes out in the last segment: one packet and one wake-up of
            // the client less.
            Then::End => SendFlags::NOSIGNAL | SendFlags::MORE,
        };
        self.run(Direction::Write, |descriptor| Ok(rustix::net::send(descriptor, data, flags)?))
            .await
    }

    /// What a connect that was begun came to.
    fn connected(&self) -> io::Result<()> {
        rustix::net::sockopt::socket_error(self.descriptor()?)??;
        self.peer_address().map(drop)
    }

    /// Says that nothing more will be sent.
    pub(super) fn end(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.descriptor()?, Shutdown::Write)?)
    }

    /// Ends a download over a clear connection. The kernel goes on delivering what it holds after the
    /// close, unless unread bytes turn the close into a reset: they are drained. A reset by the peer that
    /// has been seen by now is an error.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.end().map_err(|_| Failure::DataBroken)?;
        let descriptor = self.descriptor().map_err(|_| Failure::DataBroken)?;
        let mut scrap = [0; DRAIN_BYTES];
        for _ in 0..DRAINS_MAX {
            match rustix::net::recv(descriptor, &mut scrap[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) | Err(Errno::AGAIN) => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return Err(Failure::DataBroken),
            }
        }
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(lent) = &self.lent
            && Arc::strong_count(lent) > 1
        {
            let _ = rustix::net::shutdown(lent, Shutdown::Both);
        }
    }
}

/// Appends what has come to the room that `out` has, without waiting.
pub(super) fn receive_now(socket: BorrowedFd<'_>, out: &mut Vec<u8>) -> io::Result<usize> {
    Ok(rustix::io::read(socket, spare_capacity(out))?)
}

fn send_now(socket: BorrowedFd<'_>, data: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, data, SendFlags::NOSIGNAL)?)
}

/// A socket as rustls wants to write to it: many records in one call.
pub(super) struct Gather<'a>(pub(super) BorrowedFd<'a>);

impl io::Write for Gather<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        send_now(self.0, data)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(self.0, pieces)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether an error of a call that has both a file and a socket is the socket's.
pub(super) fn is_of_network(error: Errno) -> bool {
    matches!(
        error,
        Errno::PIPE
            | Errno::CONNRESET
            | Errno::CONNABORTED
            | Errno::NOTCONN
            | Errno::SHUTDOWN
            | Errno::TIMEDOUT
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::NETDOWN
    )
}

/// Connects to the client in active mode, from the control connection's own address, as its firewall
/// expects. The source port is any: port 20 needs a privilege and no client of today asks for it.
///
/// # Errors
///
/// [`Failure::DataTimeout`] at the deadline, [`Failure::DataRefused`] for all that the network says.
pub async fn connect_active(
    target: SocketAddr,
    local: IpAddr,
    deadline: Instant,
) -> Result<Socket, Failure> {
    let mut socket = start_connection(target, local).map_err(|error| refused(target, &error))?;
    let connected = tokio::time::timeout_at(deadline.into(), socket.ready(Direction::Write)).await;
    match connected {
        Err(_) => Err(Failure::DataTimeout),
        Ok(result) => match result.and_then(|()| socket.connected()) {
            Ok(()) => Ok(socket),
            Err(error) => Err(refused(target, &error)),
        },
    }
}

fn start_connection(target: SocketAddr, local: IpAddr) -> io::Result<Socket> {
    let socket = socket2::Socket::new(
        Domain::for_address(target),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    // A port in TIME_WAIT towards another client is free for this one.
    socket.set_reuse_address(true)?;
    keepalive::enable(&SockRef::from(&socket))?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Socket::new(socket.into()),
    }
}

fn refused(target: SocketAddr, error: &io::Error) -> Failure {
    tracing::debug!(%target, %error, "active data connection failed");
    if error.kind() == io::ErrorKind::TimedOut {
        Failure::DataTimeout
    } else {
        Failure::DataRefused
    }
}

/// Read away at the end of a download, in bytes at a time.
const DRAIN_BYTES: usize = 4096;
/// A client that sends more than this many pieces into its own download may have its reset.
const DRAINS_MAX: usize = 16;

#[cfg(test)]
mod tests;

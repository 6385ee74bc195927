//! A data socket that asks the kernel first and the reactor only when that would block.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::Failure;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A connected, non-blocking TCP socket. A transfer that never has to wait, such as that of a
/// small file, registers nothing with the reactor.
#[derive(Debug)]
pub struct Socket {
    /// Shared with work on the blocking pool that may outlive the socket by one piece.
    stream: Arc<TcpStream>,
    reactor: OnceLock<AsyncFd<Arc<TcpStream>>>,
}

/// Options that keep a connection alive on its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Between probes.
    pub interval: Duration,
    /// Probes without an answer before the connection is given up.
    pub probes: u32,
    /// How long sent bytes may stay unacknowledged; `None`: as the system has it.
    pub user_timeout: Option<Duration>,
}

/// Which readiness to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Socket {
    /// Takes a connected socket over. The buffers keep the kernel's autotuning.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Arc::new(stream), reactor: OnceLock::new() })
    }

    /// The other end.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// This end.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Sets the keepalive options.
    pub fn keep_alive(&self, options: &Keepalive) -> io::Result<()> {
        let socket = SockRef::from(&*self.stream);
        let keepalive = TcpKeepalive::new()
            .with_time(options.idle)
            .with_interval(options.interval)
            .with_retries(options.probes);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(options.user_timeout)
    }

    /// The descriptor, for work elsewhere.
    pub(super) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// One system call, now. `WouldBlock` is recorded, so that [`ready`](Self::ready) then waits.
    pub(super) fn attempt<T>(
        &self,
        direction: Direction,
        mut call: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut retried = |stream: &Arc<TcpStream>| loop {
            match call(stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        };
        match self.reactor.get() {
            Some(reactor) => {
                let interest = match direction {
                    Direction::Read => Interest::READABLE,
                    Direction::Write => Interest::WRITABLE,
                };
                reactor.try_io(interest, retried)
            }
            None => retried(&self.stream),
        }
    }

    /// Waits until the kernel may have changed its mind since the last `WouldBlock`.
    pub(super) fn poll_ready(
        &self,
        direction: Direction,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let reactor = match self.reactor.get() {
            Some(reactor) => reactor,
            None => self.register()?,
        };
        let guard = match direction {
            Direction::Read => ready!(reactor.poll_read_ready(context)),
            Direction::Write => ready!(reactor.poll_write_ready(context)),
        };
        Poll::Ready(guard.map(|mut guard| guard.retain_ready()))
    }

    /// See [`poll_ready`](Self::poll_ready).
    pub(super) async fn ready(&self, direction: Direction) -> io::Result<()> {
        poll_fn(|context| self.poll_ready(direction, context)).await
    }

    /// One system call, repeated until it does not block.
    pub(super) async fn run<T>(
        &self,
        direction: Direction,
        mut call: impl FnMut(&TcpStream) -> io::Result<T>,
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
    pub(super) async fn receive(&self, out: &mut Vec<u8>) -> io::Result<usize> {
        self.run(Direction::Read, |stream| receive_now(stream, out)).await
    }

    /// Says that nothing more will be sent.
    pub(super) fn end(&self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Write)
    }

    /// Ends a download over a clear connection. The kernel goes on delivering what it holds after the
    /// close, unless unread bytes turn the close into a reset: they are drained. A reset by the peer that
    /// has been seen by now is an error.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.end().map_err(|_| Failure::DataBroken)?;
        let mut scrap = [0; DRAIN_BYTES];
        for _ in 0..DRAINS_MAX {
            let drained = self.attempt(Direction::Read, |stream| {
                Ok(rustix::net::recv(stream, &mut scrap[..], RecvFlags::empty())?.1)
            });
            match drained {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Failure::DataBroken),
            }
        }
        Ok(())
    }

    fn register(&self) -> io::Result<&AsyncFd<Arc<TcpStream>>> {
        let reactor = AsyncFd::new(Arc::clone(&self.stream))?;
        Ok(self.reactor.get_or_init(|| reactor))
    }
}

impl Drop for Socket {
    /// Work on the pool may still hold the descriptor: the peer must not wait for that.
    fn drop(&mut self) {
        drop(self.reactor.take());
        if Arc::strong_count(&self.stream) > 1 {
            let _ = self.stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Appends what has come to the room that `out` has, without waiting.
pub(super) fn receive_now(stream: &TcpStream, out: &mut Vec<u8>) -> io::Result<usize> {
    Ok(rustix::io::read(stream, spare_capacity(out))?)
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
    let socket = start_connection(target, local).map_err(|error| refused(target, &error))?;
    let connected = tokio::time::timeout_at(deadline.into(), socket.ready(Direction::Write));
    match connected.await {
        Err(_) => Err(Failure::DataTimeout),
        Ok(result) => match result.and_then(|()| socket.stream.take_error()) {
            Ok(None) if socket.peer_address().is_ok() => Ok(socket),
            Ok(None) => Err(Failure::DataRefused),
            Ok(Some(error)) | Err(error) => Err(refused(target, &error)),
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
    socket.bind(&SocketAddr::new(local, 0).into())?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Socket::new(socket.into()),
    }
}

fn refused(target: SocketAddr, error: &io::Error) -> Failure {
    tracing::debug!(%target, %error, "active data connection failed");
    if error.kind() == io::ErrorKind::TimedOut { Failure::DataTimeout } else { Failure::DataRefused }
}

/// Read away at the end of a download, in bytes at a time.
const DRAIN_BYTES: usize = 4096;
/// A client that sends more than this many pieces into its own download may have its reset.
const DRAINS_MAX: usize = 16;

#[cfg(test)]
mod tests;

//! Accepting one connection.

use std::io;
use std::net::{SocketAddr, TcpStream};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::SocketFlags;
use socket2::Socket;

use super::grant::Accepted;
use crate::address::canonical;

/// Whose trouble a failed accept is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody's: the queue is empty.
    Empty,
    /// One connection's (accept(2) reports errors that are pending on it); the next may be fine.
    Connection,
    /// Ours: descriptors or memory. Trying again at once would only spin.
    System,
}

impl Trouble {
    /// The trouble behind an error.
    pub(crate) fn of(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::AGAIN) => Self::Empty,
            Some(
                Errno::INTR
                | Errno::CONNABORTED
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::NETUNREACH
                | Errno::OPNOTSUPP
                | Errno::TIMEDOUT
                | Errno::CONNRESET,
            ) => Self::Connection,
            _ => Self::System,
        }
    }
}

/// One `accept4`, nothing else.
pub(super) fn accept(socket: &Socket) -> io::Result<Accepted> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (descriptor, peer) = rustix::net::acceptfrom_with(socket, flags)?;
    let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
    let peer = SocketAddr::try_from(peer)?;
    let peer = canonical(peer);
    Ok(Accepted { stream: TcpStream::from(descriptor), peer, via: None })
}

/// Whether a connection is queued: a `poll` that never waits. A socket that can not be asked is said to have one, so
/// that the accept that follows tells why.
pub(super) fn is_waiting(socket: &Socket) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut asked, Some(&at_once)) != Ok(0)
}

//! One port of a shard at one local address.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use tokio::task::JoinHandle;

use super::listener::Listener;

/// Whether somebody listens there.
#[derive(Debug)]
pub(super) enum Slot {
    Closed,
    Open {
        listener: Rc<Listener>,
        driver: JoinHandle<()>,
    },
    /// Not ours to bind until then: another program has it.
    Blocked(Instant),
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Self::Open { driver, .. } = self {
            driver.abort();
        }
    }
}

/// Why a port can not be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindError {
    /// This port: in use by another program, or forbidden.
    Port,
    /// No descriptor or memory is left.
    Starved,
    /// The address is not (any more) this machine's.
    Address,
}

impl BindError {
    /// What an error of bind(2) means.
    pub(super) fn of(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Starved,
            Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::NODEV | Errno::INVAL) => {
                Self::Address
            }
            _ => Self::Port,
        }
    }
}

/// Where to listen for connections to `local`. A link-local address means nothing without its
/// interface, which the session does not know; there the listener takes all IPv6 addresses, and
/// the rule of each grant still judges who may connect.
pub(super) fn bindable(local: IpAddr, port: u16) -> SocketAddr {
    match local {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => (Ipv6Addr::UNSPECIFIED, port).into(),
        _ => (local, port).into(),
    }
}

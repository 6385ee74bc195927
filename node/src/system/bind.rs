//! Listening sockets: one per address and arbiter, sharing the port by SO_REUSEPORT.

use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::addresses::Addresses;
use crate::config::{Config, Mode};
use crate::error::ServeError;
use crate::listen::{Door, Entry, Service};
use crate::ports::{self, Hosts};
use crate::relay::Inlet;
use crate::{ingress, keepalive};

/// All listening sockets of the node.
pub(super) struct Listeners {
    /// One set per arbiter.
    pub(super) sets: Vec<Vec<Door>>,
    /// Where they listen.
    pub(super) addresses: Addresses,
}

/// Binds every address once per arbiter.
pub(super) fn listeners(config: &Config, arbiters: usize) -> Result<Listeners, ServeError> {
    let mut sets: Vec<Vec<_>> = (0..arbiters).map(|_| Vec::new()).collect();
    let mut addresses = Addresses::default();
    for (wanted, service, bound) in [
        (&config.ftp.listen, Service::Ftp, &mut addresses.ftp),
        (&config.ftp.implicit_tls, Service::Ftps, &mut addresses.ftps),
        (&config.ssh.listen, Service::Ssh, &mut addresses.ssh),
    ] {
        for &configured in wanted {
            let mode = match service {
                Service::Ftp | Service::Ftps => ingress::reach(config, configured).mode,
                Service::Ssh => Mode::Direct,
            };
            let entry = Entry { service, mode };
            let refused = |source| ServeError::Bind { address: configured, source };
            let address = claim(configured).map_err(refused)?;
            for set in &mut sets {
                let listener =
                    listen(address, true).map_err(|source| ServeError::Bind { address, source })?;
                set.push(Door { listener, entry });
            }
            bound.push(address);
        }
    }
    Ok(Listeners { sets, addresses })
}

/// The listening sockets of all passive ports, if they are the pool's: a connection to any of them can come here.
///
/// # Errors
/// One of the ports is in use.
pub(super) fn data_ports(
    config: &Config,
    hosts: Option<Hosts>,
) -> Result<Vec<(SocketAddr, Socket)>, ServeError> {
    let range = config.ftp.passive_ports;
    let hosts = hosts.into_iter().flat_map(Hosts::iter);
    let addresses = hosts.flat_map(|host| {
        (range.first()..=range.last()).map(move |port| SocketAddr::new(host, port))
    });
    let bind = |address| {
        let socket = ports::socket(address);
        socket
            .map(|socket| (address, socket))
            .map_err(|source| ServeError::Bind { address, source })
    };
    addresses.map(bind).collect()
}

/// The relay listeners, one per arbiter, and where they listen.
///
/// # Errors
/// The address is in use.
pub(super) fn relay(
    config: &Config,
    arbiters: usize,
) -> Result<(Vec<Inlet>, Option<SocketAddr>), ServeError> {
    let Some(wanted) = config.relay.listen else { return Ok((Vec::new(), None)) };
    let refused = |source| ServeError::Bind { address: wanted, source };
    let address = claim(wanted).map_err(refused)?;
    let inlets = (0..arbiters).map(|_| listen(address, true).map(Inlet)).collect::<Result<_, _>>();
    Ok((inlets.map_err(refused)?, Some(address)))
}

/// Finds out whether the address is free, and which port stands for 0. With SO_REUSEPORT alone a second
/// node on the same address would start and silently take half of the first one's clients.
fn claim(address: SocketAddr) -> io::Result<SocketAddr> {
    listen(address, false)?.local_addr()
}

/// Whether `health.tcp` can be opened when the node is ready.
pub(super) fn probe(address: Option<SocketAddr>) -> Result<(), ServeError> {
    let Some(address) = address else { return Ok(()) };
    claim(address).map(drop).map_err(|source| ServeError::Bind { address, source })
}

/// The one listening socket of `health.listen`, if there is to be one.
pub(super) fn health(address: Option<SocketAddr>) -> Result<Option<TcpListener>, ServeError> {
    let Some(address) = address else { return Ok(None) };
    let listener = listen(address, false);
    listener.map(Some).map_err(|source| ServeError::Bind { address, source })
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    inherit(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Options that accepted connections inherit, at no cost per connection.
fn inherit(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    // The data mark of an urgent ABOR comes in line, where the telnet rules drop it.
    socket.set_out_of_band_inline(true)?;
    keepalive::enable(&SockRef::from(socket))
}

/// Raises the limit of open files to what is allowed; tells how many that are.
pub(super) fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let limit = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    limit.current.unwrap_or(DESCRIPTORS_UNLIMITED)
}

/// Connections that wait for an accept; the kernel caps it at `net.core.somaxconn`, 4096 by default.
const BACKLOG: i32 = 4096;

/// What an unlimited process is taken to have.
const DESCRIPTORS_UNLIMITED: u64 = 1 << 20;

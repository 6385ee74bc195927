//! A granted port: the right to one data connection.

use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::task::{Context, Poll};

use flotilla_cluster::id::Fence;
use flotilla_cluster::relay::TRACE_BYTES;

use super::lent::Lent;
use super::listener::Listener;
use super::rule::PeerRule;
use super::wait::Wait;

/// What a session asks for.
#[derive(Clone, Debug)]
pub struct GrantRequest {
    /// The client's address, as the session knows it.
    pub client: IpAddr,
    /// The local address of the control connection (the real one, not an advertised one): the
    /// listener is bound to it.
    pub local: IpAddr,
    /// Who may connect.
    pub rule: PeerRule,
    /// The client will prove by TLS who it is: what comes first may be a neighbour's, and more may come until
    /// the grant is dropped.
    pub proves: bool,
}

impl GrantRequest {
    pub(super) fn canonical(self) -> Self {
        Self {
            client: self.client.to_canonical(),
            local: self.local.to_canonical(),
            rule: self.rule.canonical(),
            ..self
        }
    }
}

/// A data connection: non-blocking, close-on-exec, `TCP_NODELAY`, registered with no runtime.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// Who connected; IPv4-mapped addresses as IPv4.
    pub peer: SocketAddr,
    /// The node that brought it; `None`: the client reached this one.
    pub via: Option<Via>,
}

/// The relay that brought a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via {
    /// The registration of the node that relays.
    pub sender: Fence,
    /// Trace id and span of the relay (W3C Trace Context).
    pub trace: [u8; TRACE_BYTES],
}

/// A port that waits for one connection. Dropped, it gives the port back: at once if a connection
/// came, otherwise the port stays closed to this client for the linger time.
///
/// It has no deadline of its own: sessions keep it for so long until a transfer takes it, and transfers wait for so
/// long (`wait_max`).
pub struct Grant {
    port: u16,
    source: Source,
}

enum Source {
    Here { listener: Rc<Listener>, wait: Rc<Wait> },
    There(Lent),
}

impl Grant {
    pub(super) fn here(listener: Rc<Listener>, wait: Rc<Wait>) -> Self {
        Self { port: listener.address().port(), source: Source::Here { listener, wait } }
    }

    pub(super) fn there(lent: Lent) -> Self {
        Self { port: lent.port(), source: Source::There(lent) }
    }

    /// The port to tell the client.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether nobody has connected yet: the port can be announced once more.
    pub fn is_untouched(&self) -> bool {
        match &self.source {
            Source::Here { wait, .. } => !wait.served(),
            Source::There(lent) => lent.is_empty(),
        }
    }

    /// The connection, once it is there. A grant yields one; where the client proves who it is
    /// ([`GrantRequest::proves`], [`PeerRule::Any`]) it may be asked again. Asked without need it
    /// stays pending for ever.
    pub fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Accepted> {
        match &mut self.source {
            Source::Here { listener, wait } => listener.poll(wait, context),
            Source::There(lent) => lent.poll_take(context),
        }
    }

    /// Waits for the connection; see [`Grant::poll_accept`]. Can be cancelled and called again.
    pub async fn accept(&mut self) -> Accepted {
        poll_fn(|context| self.poll_accept(context)).await
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Source::Here { listener, wait } = &self.source {
            listener.release(wait);
        }
    }
}

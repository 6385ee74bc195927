//! What a data connection passes before it reaches a grant: the PROXY header of a balancer; and where it goes
//! if no grant of this node waits for it.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use flotilla_protocol::proxy::{Header, Versions};
use ipnet::IpNet;
use tokio::net::TcpStream;
use tracing::debug;

use super::grant::Accepted;
use crate::config::Ingress;
use crate::metrics::ProxyHeaders;
use crate::proxy::{self, HeaderError};
use crate::relay::Forwarder;

/// The gate of one arbiter's ports.
#[derive(Debug)]
pub(super) struct Gate {
    /// The ports are the pool's: what comes may belong to another node.
    pub(super) is_shared: bool,
    pub(super) relays: Rc<Forwarder>,
    headers: ProxyHeaders,
    rule: RefCell<Arc<HeaderRule>>,
    /// Connections whose header is awaited.
    awaited: Rc<Cell<usize>>,
}

/// From whom a header is expected (`ingress.data_proxy_protocol`).
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderRule {
    versions: Option<Versions>,
    balancers: Vec<IpNet>,
}

impl HeaderRule {
    pub(crate) fn new(ingress: &Ingress) -> Self {
        let versions = proxy::in_front(ingress.data_proxy_protocol);
        Self { versions, balancers: ingress.balancers.clone() }
    }
}

impl Gate {
    pub(super) fn new(is_shared: bool, relays: Rc<Forwarder>, headers: ProxyHeaders) -> Self {
        let awaited = Rc::default();
        Self { is_shared, relays, headers, rule: RefCell::default(), awaited }
    }

    pub(super) fn set_rule(&self, rule: Arc<HeaderRule>) {
        *self.rule.borrow_mut() = rule;
    }

    /// Which header comes first on a connection from this address, if any does.
    pub(super) fn expected(&self, peer: IpAddr) -> Option<Versions> {
        let rule = self.rule.borrow();
        let versions = rule.versions?;
        rule.balancers.iter().any(|network| network.contains(&peer)).then_some(versions)
    }

    /// A place among those who wait for their header.
    pub(super) fn place(&self) -> Option<Place> {
        let awaited = self.awaited.get();
        (awaited < HEADERS_MAX).then(|| {
            self.awaited.set(awaited + 1);
            Place(Rc::clone(&self.awaited))
        })
    }

    /// The connection as the client's whom its header names. A balancer's own serves nobody.
    pub(super) async fn name(&self, connection: Accepted, versions: Versions) -> Option<Accepted> {
        let balancer = connection.peer;
        let read = async {
            let stream = TcpStream::from_std(connection.stream).map_err(|_| HeaderError::Gone)?;
            let header = proxy::read(&stream, versions).await?;
            Ok((stream.into_std().map_err(|_| HeaderError::Gone)?, header))
        };
        match read.await {
            Ok((stream, Header::Proxied { source, .. })) => {
                self.headers.taken.inc();
                Some(Accepted { stream, peer: source, via: None })
            }
            Ok((_, Header::Local)) => {
                self.headers.local.inc();
                None
            }
            Err(error) => {
                match error {
                    HeaderError::Gone => {}
                    HeaderError::Late => drop(self.headers.late.inc()),
                    HeaderError::Refused(_) => drop(self.headers.refused.inc()),
                }
                debug!(%balancer, %error, "data connection closed (ingress.data_proxy_protocol)");
                None
            }
        }
    }

    /// Carries what nobody here waits for to the node that owns the port. `false`: it is closed.
    pub(super) fn forward(&self, connection: Accepted, port: u16) -> bool {
        self.is_shared && connection.via.is_none() && self.relays.forward(connection, port)
    }
}

/// See [`Gate::place`].
#[derive(Debug)]
pub(super) struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Connections of an arbiter whose header is awaited; more are closed.
const HEADERS_MAX: usize = 1024;

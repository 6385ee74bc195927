//! What a data connection passes before it reaches a grant: the PROXY header of a balancer; and where it goes
//! if no grant of this node waits for it.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use flotilla_protocol::proxy::{Header, Versions};
use ipnet::IpNet;
use tokio::net::TcpStream;
use tracing::debug;

use super::grant::Accepted;
use super::linger;
use crate::config::Config;
use crate::log::Seldom;
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
    rules: RefCell<Arc<PortRules>>,
    /// For what is said when descriptors run out, of all listeners together.
    pub(super) starved: Seldom,
    /// And when another arbiter does not answer.
    pub(super) deaf: Seldom,
    /// Connections whose header is awaited.
    awaited: Rc<Cell<usize>>,
}

/// What a reload may change.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortRules {
    /// Headers are expected (`ingress.data_proxy_protocol`).
    versions: Option<Versions>,
    /// From them.
    balancers: Vec<IpNet>,
    /// How long a port stays closed to an address after a grant that nobody connected to.
    linger: Duration,
}

impl PortRules {
    /// By the configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let ingress = &config.ingress;
        Self {
            versions: proxy::in_front(ingress.data_proxy_protocol),
            balancers: ingress.balancers.clone(),
            linger: linger(config.timeouts.data_connect),
        }
    }

    /// No headers.
    pub(super) fn plain(linger: Duration) -> Self {
        Self { linger, ..Self::default() }
    }
}

impl Gate {
    pub(super) fn new(
        is_shared: bool,
        relays: Rc<Forwarder>,
        headers: ProxyHeaders,
        rules: Arc<PortRules>,
    ) -> Self {
        let (awaited, starved, deaf) = (Rc::default(), Seldom::default(), Seldom::default());
        Self { is_shared, relays, headers, rules: RefCell::new(rules), starved, deaf, awaited }
    }

    pub(super) fn set_rules(&self, rules: Arc<PortRules>) {
        *self.rules.borrow_mut() = rules;
    }

    pub(super) fn linger(&self) -> Duration {
        self.rules.borrow().linger
    }

    /// Which header comes first on a connection from this address, if any does.
    pub(super) fn expected(&self, peer: IpAddr) -> Option<Versions> {
        let rules = self.rules.borrow();
        let versions = rules.versions?;
        rules.balancers.iter().any(|network| network.contains(&peer)).then_some(versions)
    }

    /// A place among those who wait for their header; there are only so many.
    pub(super) fn place(&self) -> Option<Place> {
        let awaited = self.awaited.get();
        if awaited >= HEADERS_MAX {
            self.headers.crowded.inc();
            return None;
        }
        self.awaited.set(awaited + 1);
        Some(Place(Rc::clone(&self.awaited)))
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

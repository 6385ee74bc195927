//! What a data connection passes before it reaches a grant: the PROXY header of a balancer; and where it goes
//! if no grant of this node waits for it.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use flotilla_protocol::proxy::{Header, Versions};
use tokio::net::TcpStream;
use tracing::debug;

use super::grant::Accepted;
use super::linger;
use crate::config::{Config, Networks};
use crate::lobby::Lobby;
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
    lobby: Lobby,
}

/// What a reload may change.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortRules {
    /// Headers are expected (`ingress.data_proxy_protocol`).
    versions: Option<Versions>,
    /// From them.
    balancers: Networks,
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
        Self {
            is_shared,
            relays,
            headers,
            rules: RefCell::new(rules),
            starved: Seldom::default(),
            deaf: Seldom::default(),
            lobby: Lobby::new(HEADERS_MAX),
        }
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
        rules.balancers.contains(peer).then_some(versions)
    }

    /// Lets a connection wait for its header. There are only so many places: a balancer sends it at once, so the one
    /// that is silent for the longest is closed when they are used up.
    pub(super) fn wait(&self, reading: impl Future<Output = ()> + 'static) {
        if self.lobby.enter(reading) {
            self.headers.crowded.inc();
            debug!("too many data connections without their PROXY header: the oldest is closed");
        }
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
                    HeaderError::Late | HeaderError::Silent => self.headers.late.inc(),
                    HeaderError::Refused(_) => self.headers.refused.inc(),
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

/// Connections of an arbiter whose header is awaited.
const HEADERS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Instant;

    use actix_rt::System;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::listener::{Listener, socket};
    use super::super::wait::Wait;
    use super::super::{Grant, GrantRequest, PeerRule};
    use super::*;
    use crate::relay::Outgoing;

    #[test]
    fn silent_ones_do_not_keep_others_out() {
        System::new().block_on(async {
            let balancer = IpAddr::from(Ipv4Addr::LOCALHOST);
            let rules = PortRules {
                versions: Some(Versions::V1),
                balancers: ["127.0.0.1/32".parse().unwrap()].into_iter().collect(),
                linger: Duration::ZERO,
            };
            let headers = ProxyHeaders::default();
            let relays = Rc::new(Forwarder::new(Outgoing::default(), Arc::default()));
            let mut gate = Gate::new(false, relays, headers.clone(), Arc::new(rules));
            gate.lobby = Lobby::new(2);
            let socket = socket((balancer, 0).into()).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            let listener = Listener::new(socket, address, Arc::default(), Rc::new(gate)).unwrap();
            let listener = Rc::new(listener);
            let driver = tokio::task::spawn_local(Rc::clone(&listener).drive());
            let client = IpAddr::from([192, 0, 2, 1]);
            let request = GrantRequest {
                client,
                local: balancer,
                rule: PeerRule::Same(client),
                proves: false,
            };
            let wait = Rc::new(Wait::here(&request));
            listener.add(&wait, Instant::now());
            let mut grant = Grant::here(listener, wait);

            let mut silent = Vec::new();
            for _ in 0..3 {
                silent.push(TcpStream::connect(address).await.unwrap());
            }
            let mut named = TcpStream::connect(address).await.unwrap();
            named.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.9 4000 21\r\n").await.unwrap();
            assert_eq!(grant.accept().await.peer, "192.0.2.1:4000".parse().unwrap());
            for mut oldest in silent.drain(..2) {
                assert!(matches!(oldest.read(&mut [0]).await, Ok(0) | Err(_)));
            }
            assert_eq!(headers.crowded.count(), 2);
            driver.abort();
        });
    }
}

//! The start of what nodes share in mode `shared`: passive ports, relay listeners, and the address at which
//! other nodes find them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use flotilla_cluster::ports::Layout;
use tracing::{info, warn};

use super::{bind, check};
use crate::config::{Config, Mode, Store};
use crate::error::ServeError;
use crate::health::{PORTS, Readiness};
use crate::ingress;
use crate::metrics::Metrics;
use crate::pipe::PIPES_MAX;
use crate::ports::{Hosts, PortParts, PortRules, PortSettings};
use crate::relay::{Outgoing, preambles_max};

/// The passive ports before the arbiters start.
pub(super) struct Passive {
    pub(super) settings: PortSettings,
    pub(super) parts: PortParts,
    /// Where the relay listens, if it does.
    pub(super) relay: Option<SocketAddr>,
    /// What other nodes dial for it.
    pub(super) dialled: Option<SocketAddr>,
}

impl Passive {
    /// Descriptors that ports of the pool take: for their listeners, and for relays, if all places are taken. A relay
    /// has two, and a pipe in each direction only while bytes are in it: of those there are few in all.
    pub(super) fn descriptors(&self, config: &Config) -> usize {
        let inlets = self.parts.inlets.len();
        let relays = match self.relay {
            Some(_) => {
                let preambles = inlets * preambles_max(inlets);
                2 * (config.relay.connections as usize + PIPES_MAX) + preambles
            }
            None => 0,
        };
        self.parts.bound.len() + inlets + relays
    }
}

/// How the range is divided, if the ports are the pool's.
pub(super) fn layout(config: &Config) -> Option<Layout> {
    let ftp = &config.ftp;
    ingress::shares_ports(config).then(|| Layout::new(ftp.passive_ports, ftp.passive_block))
}

/// Binds what the mode asks for, and says what an operator should know of it.
///
/// # Errors
/// A port is in use.
pub(super) fn passive(
    config: &Config,
    arbiters: usize,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Result<Passive, ServeError> {
    check::warn(config);
    let is_shared = ingress::shares_ports(config);
    if is_shared {
        readiness.set(PORTS, "no block of passive ports was asked for yet".to_owned());
    }
    let hosts = is_shared.then(|| {
        let reaches = ingress::reaches(config).filter(|reach| reach.mode == Mode::Shared);
        Hosts::covering(reaches.map(|reach| reach.listener))
    });
    let settings = PortSettings {
        shared: hosts,
        ..PortSettings::new(config.ftp.passive_ports, config.timeouts.data_connect)
    };
    let (inlets, relay) = match is_shared && config.pool.store != Store::Embedded {
        true => bind::relay(config, arbiters)?,
        false => (Vec::new(), None),
    };
    let dialled = relay.and_then(|listens| dialled(config, listens));
    let parts = PortParts {
        bound: bind::data_ports(config, hosts)?,
        inlets,
        outgoing: Outgoing::new(metrics.relay.clone(), config.relay.connections, arbiters),
        headers: metrics.proxy.clone(),
        rules: Some(Arc::new(PortRules::new(config))),
    };
    Ok(Passive { settings, parts, relay, dialled })
}

/// What other nodes dial to reach the relay that listens there.
fn dialled(config: &Config, listens: SocketAddr) -> Option<SocketAddr> {
    if let Some(address) = config.relay.address {
        return Some(address);
    }
    if !listens.ip().is_unspecified() {
        return Some(listens);
    }
    let found = towards_store(config).map(|ip| SocketAddr::new(ip, listens.port()));
    match found {
        Some(address) => {
            info!(%address, "other nodes find the relay where the store is reached from")
        }
        None => {
            warn!("no address is known at which other nodes reach the relay: set relay.address")
        }
    }
    found
}

/// The own address on the way to the store. No packet is sent for it. Names are looked up.
fn towards_store(config: &Config) -> Option<IpAddr> {
    let Store::Redis(store) = &config.pool.store else { return None };
    store.hosts().iter().find_map(|host| {
        let any = |target: &SocketAddr| match target {
            SocketAddr::V4(_) => SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0),
            SocketAddr::V6(_) => SocketAddr::new(std::net::Ipv6Addr::UNSPECIFIED.into(), 0),
        };
        let mut targets = std::net::ToSocketAddrs::to_socket_addrs(host.as_str()).ok()?;
        targets.find_map(|target| {
            let socket = UdpSocket::bind(any(&target)).ok()?;
            socket.connect(target).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    #[test]
    fn other_nodes_dial_what_is_configured_or_can_be_found() {
        let found = |flags: &[(&str, &str)], listens: &str| {
            let (config, _) = load_flags(flags).unwrap();
            dialled(&config, listens.parse().unwrap()).map(|address| address.to_string())
        };
        let configured = [("relay.address", "192.0.2.1:99")];
        assert_eq!(found(&configured, "0.0.0.0:2120").as_deref(), Some("192.0.2.1:99"));
        assert_eq!(found(&[], "192.0.2.5:2120").as_deref(), Some("192.0.2.5:2120"));
        let store = [("pool.store", "redis://127.0.0.1:6379")];
        assert_eq!(found(&store, "0.0.0.0:2120").as_deref(), Some("127.0.0.1:2120"));
        assert_eq!(found(&[], "0.0.0.0:2120"), None);
    }
}

//! What of a node must be reached from where, and why.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::config::{Balancer, Config, Ingress, Mode, Proxy, Store};
use crate::ingress::{self, reach};

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What must be reached. What else the machine serves is not ours to judge.
    pub(crate) openings: Vec<Opening>,
    /// Who is who.
    pub(crate) groups: Groups,
    /// What could not be planned, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// Ports of the node that must be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// What listens.
    pub(crate) service: &'static str,
    /// Where: one address, all IPv4 addresses (`0.0.0.0`), or all there are (`::`).
    pub(crate) address: IpAddr,
    /// The first port.
    pub(crate) first: u16,
    /// The last, included.
    pub(crate) last: u16,
    /// From where, and why. Nobody else has any business there.
    pub(crate) from: Vec<(Source, &'static str)>,
}

/// From where connections may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From everywhere; the only one of its opening.
    Anyone,
    /// The balancers (`ingress.balancers`).
    Balancers,
    /// Clients that reach the node itself, whatever the mode (`ingress.internal`).
    Internal,
    /// The nodes of the pool.
    Nodes,
    /// Who watches the node: scrapers of `/metrics`, operators from afar.
    Monitors,
}

/// The networks of each source. The configuration does not know those of nodes and monitors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) balancers: Vec<IpNet>,
    pub(crate) internal: Vec<IpNet>,
    /// `None`: not told.
    pub(crate) nodes: Option<Vec<IpNet>>,
    /// `None`: not told.
    pub(crate) monitors: Option<Vec<IpNet>>,
}

impl Plan {
    /// What a node with this configuration needs.
    pub(crate) fn of(config: &Config) -> Self {
        let ingress = &config.ingress;
        let groups = Groups {
            balancers: ingress.balancers.to_vec(),
            internal: ingress.internal.to_vec(),
            ..Groups::default()
        };
        let mut plan = Self { openings: Vec::new(), groups, notes: Vec::new() };
        for (service, listeners) in
            [("ftp", &config.ftp.listen), ("ftps", &config.ftp.implicit_tls)]
        {
            for &listener in listeners {
                plan.open(service, listener, control(ingress, reach(config, listener).mode));
            }
        }
        for &listener in &config.ssh.listen {
            plan.open("ssh", listener, control(ingress, ingress::mode(config)));
        }
        plan.open_passive(config);
        plan.open_relay(config);
        for (service, listener) in
            [("health", config.health.listen), ("readiness", config.health.tcp)]
        {
            if let Some(listener) = listener {
                plan.open(service, listener, checks(ingress));
            }
        }
        plan
    }

    fn open(
        &mut self,
        service: &'static str,
        listener: SocketAddr,
        from: Vec<(Source, &'static str)>,
    ) {
        let address = listener.ip().to_canonical();
        match listener.port() {
            // Nobody reaches it from outside this machine.
            _ if address.is_loopback() => {}
            0 => self.notes.push(format!(
                "{service} listens at {listener}: port 0 is another one at every start, for which \
                 there can be no rule"
            )),
            port => self.openings.push(Opening { service, address, first: port, last: port, from }),
        }
    }

    fn open_passive(&mut self, config: &Config) {
        let (ingress, ftp) = (&config.ingress, &config.ftp);
        let listeners = ftp.listen.iter().chain(&ftp.implicit_tls);
        let listeners = listeners.filter(|listener| !listener.ip().to_canonical().is_loopback());
        let listeners = listeners.copied().collect::<Vec<_>>();
        let mut from = Vec::<(Source, &str)>::new();
        for &listener in &listeners {
            for source in data(ingress, reach(config, listener).mode) {
                if !from.iter().any(|(known, _)| *known == source.0) {
                    from.push(source);
                }
            }
        }
        if let Some(anyone) = from.iter().copied().find(|(source, _)| *source == Source::Anyone) {
            from = vec![anyone];
        }
        let Some(address) = together(listeners.iter().map(|listener| listener.ip())) else {
            return;
        };
        let (first, last) = (ftp.passive_ports.first(), ftp.passive_ports.last());
        self.openings.push(Opening { service: "passive ports", address, first, last, from });
    }

    fn open_relay(&mut self, config: &Config) {
        let ftp = &config.ftp;
        let mut listeners = ftp.listen.iter().chain(&ftp.implicit_tls);
        let shared = listeners.any(|listener| reach(config, *listener).mode == Mode::Shared);
        let Some(listener) = config.relay.listen else { return };
        if shared && config.pool.store != Store::Embedded {
            let why = "nodes bring data connections that are another node's";
            self.open("relay", listener, vec![(Source::Nodes, why)]);
        }
    }
}

/// Who opens control connections in this mode.
fn control(ingress: &Ingress, mode: Mode) -> Vec<(Source, &'static str)> {
    match mode {
        Mode::Auto | Mode::Direct => vec![(Source::Anyone, "clients connect to the node itself")],
        Mode::Balanced | Mode::Shared => balanced(ingress, ingress.proxy_protocol),
    }
}

/// Who opens data connections in this mode.
fn data(ingress: &Ingress, mode: Mode) -> Vec<(Source, &'static str)> {
    match mode {
        Mode::Auto | Mode::Direct | Mode::Balanced => {
            vec![(Source::Anyone, "clients bring data to the node itself")]
        }
        Mode::Shared => balanced(ingress, ingress.data_proxy_protocol),
    }
}

/// Who connects where clients come through a balancer. A packet filter sees the balancer's address, unless the
/// balancer keeps the clients': then it may be anybody's, and no rule could tell who came around it.
fn balanced(ingress: &Ingress, header: Proxy) -> Vec<(Source, &'static str)> {
    let why = match (header, ingress.balancer) {
        (Proxy::Off, Balancer::Classic) if !ingress.balancers.is_empty() => {
            "a classic balancer connects from its own address"
        }
        (Proxy::Off, _) => {
            let why =
                "the balancer may keep the clients' addresses, as no PROXY header is expected";
            return vec![(Source::Anyone, why)];
        }
        _ => "clients come through a balancer, which says whose connection it is",
    };
    let internal = (Source::Internal, "these clients reach the node itself (ingress.internal)");
    let internal = Some(internal).filter(|_| !ingress.internal.is_empty());
    std::iter::once((Source::Balancers, why)).chain(internal).collect()
}

/// Who asks how the node is. Checkers of a name service and whoever else is not known here.
fn checks(ingress: &Ingress) -> Vec<(Source, &'static str)> {
    let balancers = (Source::Balancers, "health checks of the balancer");
    let balancers = Some(balancers).filter(|_| !ingress.balancers.is_empty());
    let monitors = (Source::Monitors, "checkers, scrapers of metrics, operators from afar");
    balancers.into_iter().chain([monitors]).collect()
}

/// One address for what listens at all of these; `None` where there is nothing.
fn together(addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    addresses.map(|address| address.to_canonical()).reduce(|one, other| match (one, other) {
        (one, other) if one == other => one,
        (IpAddr::V4(_), IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
        _ => Ipv6Addr::UNSPECIFIED.into(),
    })
}

#[cfg(test)]
mod tests;

//! What a node wants of a balancer, by its configuration.

use std::net::SocketAddr;

use flotilla_cluster::aws::instance::Instance;
use flotilla_cluster::balancer::{Accepts, Mode, Want};

use crate::config::{self, Config, Proxy};
use crate::{ingress, keepalive};

/// What a node with these names wants.
pub(crate) fn want(config: &Config, ids: Vec<String>) -> Want {
    let Config { ftp, ssh, health, ingress, .. } = config;
    let modes = ingress::reaches(config).map(|reach| mode(reach.mode));
    let zone_address = |of: &config::ZoneAddress| (of.zone.clone(), of.address);
    Want {
        pool: config.pool.name.clone(),
        ids,
        zone: config.node.zone.clone(),
        ftp: ports(&ftp.listen),
        implicit_tls: ports(&ftp.implicit_tls),
        ssh: ports(&ssh.listen),
        passive: Some(ftp.passive_ports),
        health: health.tcp.iter().chain(&health.listen).map(SocketAddr::port).collect(),
        mode: modes.max().unwrap_or(Mode::Direct),
        proxy: accepts(ingress.proxy_protocol),
        data_proxy: accepts(ingress.data_proxy_protocol),
        trusted: ingress.balancers.iter().copied().collect(),
        balancer: keepalive::path(config).balancer,
        idle_timeout: ingress.idle_timeout,
        addresses: ingress.addresses.iter().map(zone_address).collect(),
        drain: config.timeouts.drain,
    }
}

/// As what this machine is known to balancers.
pub(crate) fn own_ids(config: &Config, instance: Option<&Instance>) -> Vec<String> {
    let Some(instance) = instance else { return Vec::new() };
    let id = config.aws.instance.clone().unwrap_or_else(|| instance.id.clone());
    let private = instance.interfaces.iter().flat_map(|interface| &interface.private);
    let ids = [id].into_iter().chain(private.map(ToString::to_string));
    ids.filter(|id| !id.is_empty()).collect()
}

/// A port of 0 is nobody's.
fn ports(listeners: &[SocketAddr]) -> Vec<u16> {
    listeners.iter().map(SocketAddr::port).filter(|port| *port != 0).collect()
}

fn mode(mode: config::Mode) -> Mode {
    match mode {
        config::Mode::Auto | config::Mode::Direct => Mode::Direct,
        config::Mode::Balanced => Mode::Balanced,
        config::Mode::Shared => Mode::Shared,
    }
}

fn accepts(proxy: Proxy) -> Accepts {
    match proxy {
        Proxy::Off => Accepts::Off,
        Proxy::V1 => Accepts::V1,
        Proxy::V2 => Accepts::V2,
        Proxy::Any => Accepts::Any,
        Proxy::Late => Accepts::Late,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    #[test]
    fn a_node_wants_what_it_is_configured_for() {
        let flags = [
            ("ftp.listen", "0.0.0.0:2121,127.0.0.1:0"),
            ("ingress.listeners", "0.0.0.0:2121=shared"),
            ("ingress.proxy_protocol", "v1"),
            ("ingress.balancers", "10.0.1.0/24"),
            ("ingress.addresses", "a=203.0.113.7"),
            ("health.tcp", "0.0.0.0:8082"),
        ];
        let (config, _) = load_flags(&flags).unwrap();
        let want = want(&config, vec!["i-1".to_owned()]);
        assert_eq!(
            (want.ftp.as_slice(), want.mode, want.proxy),
            (&[2121][..], Mode::Shared, Accepts::V1)
        );
        assert_eq!(want.health.first(), Some(&8082));
        assert_eq!(want.addresses, [(Some("a".to_owned()), [203, 0, 113, 7].into())]);
        assert_eq!(want.trusted.len(), 1);
    }
}

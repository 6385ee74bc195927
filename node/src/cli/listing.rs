//! The listeners that a balancer in front of a pool needs, by the configuration of its nodes.

use std::net::SocketAddr;

use flotilla_cluster::balancer::{Kind, ListingWant, Sharing};

use crate::config::Config;

/// Those of a Network Load Balancer that nobody knows yet.
pub(super) fn listing_want(config: &Config) -> ListingWant {
    let health = config.health.tcp.or(config.health.listen).map_or(HEALTH, |of| of.port());
    let drain = u16::try_from(config.timeouts.drain.as_secs()).unwrap_or(DELAY_MAX_S);
    ListingWant {
        pool: config.pool.name.clone(),
        vpc: String::new(),
        kind: Kind::Network,
        balancer: String::new(),
        control: control(config),
        passive: config.ftp.passive_ports,
        nodes: Vec::new(),
        sharing: Sharing::Shared,
        cross_zone: false,
        health,
        drain: drain.min(DELAY_MAX_S),
        present: Vec::new(),
    }
}

/// What clients dial for control connections and SSH, and where nodes listen: the same.
pub(super) fn control(config: &Config) -> Vec<(u16, u16)> {
    let Config { ftp, ssh, .. } = config;
    let listeners = ftp.listen.iter().chain(&ftp.implicit_tls).chain(&ssh.listen);
    let outside = listeners.filter(|address| !address.ip().to_canonical().is_loopback());
    let mut ports: Vec<u16> = outside.map(SocketAddr::port).filter(|port| *port != 0).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.into_iter().map(|port| (port, port)).collect()
}

/// What the manual proposes as `health.tcp`.
const HEALTH: u16 = 8082;
/// `deregistration_delay.timeout_seconds`, at the most.
const DELAY_MAX_S: u16 = 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    #[test]
    fn listeners_follow_the_configuration() {
        let wanted = |flags: &[(&str, &str)]| listing_want(&load_flags(flags).unwrap().0);
        let of = wanted(&[
            ("ftp.listen", "0.0.0.0:2121,127.0.0.1:2122,0.0.0.0:0"),
            ("health.tcp", "0.0.0.0:8083"),
            ("timeouts.drain", "0s"),
        ]);
        assert!(of.control.contains(&(2121, 2121)), "{of:?}");
        assert!(!of.control.iter().any(|(port, _)| [0, 2122].contains(port)), "{of:?}");
        assert_eq!((of.health, of.drain), (8083, 0), "zero is zero");
        assert_eq!(wanted(&[("timeouts.drain", "1d")]).drain, 3600);
    }
}

//! A pool of two nodes behind a balancer with which nothing is wrong.

use std::time::Duration;

use super::*;
use crate::keepalive;

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Node i-1 in zone a, in mode `shared`, with four passive ports.
pub(super) fn want() -> Want {
    Want {
        pool: "main".to_owned(),
        ids: vec!["i-1".to_owned(), "10.0.1.5".to_owned()],
        zone: Some("eu-west-1a".to_owned()),
        ftp: vec![2121],
        implicit_tls: Vec::new(),
        ssh: vec![22],
        passive: Some("61000-61003".parse().unwrap()),
        health: vec![8082, 9090],
        mode: Mode::Shared,
        proxy: Accepts::Off,
        data_proxy: Accepts::Off,
        trusted: vec!["10.0.1.0/24".parse().unwrap(), "10.0.2.0/24".parse().unwrap()],
        balancer: keepalive::Balancer::Network,
        idle_timeout: None,
        addresses: Vec::new(),
        drain: seconds(600),
    }
}

pub(super) fn group(port: u16) -> Group {
    let target = |id: &str, zone: &str| Target {
        id: id.to_owned(),
        port,
        zone: Some(zone.to_owned()),
        health: Health::Healthy,
        reason: String::new(),
    };
    Group {
        arn: format!("arn:group/{port}"),
        name: format!("ftp-{port}"),
        owner: Some("main".to_owned()),
        protocol: Protocol::Tcp,
        port,
        targets_are: TargetKind::Instance,
        attributes: Attributes {
            cuts_unhealthy: Some(false),
            unhealthy_draining: seconds(600),
            deregistration_delay: Some(seconds(600)),
            ..Attributes::default()
        },
        health: HealthCheck {
            protocol: Protocol::Tcp,
            port: Some(8082),
            interval: seconds(10),
            failures: 2,
        },
        targets: vec![target("i-1", "eu-west-1a"), target("i-2", "eu-west-1b")],
    }
}

pub(super) fn network() -> Balancer {
    let listener = |port: u16, target: u16| Listener {
        arn: format!("arn:listener/{port}"),
        protocol: Protocol::Tcp,
        port,
        idle_timeout: Some(seconds(350)),
        owner: Some("main".to_owned()),
        groups: vec![format!("arn:group/{target}")],
    };
    let zone = |letter: &str, public: [u8; 4], private: [u8; 4]| Zone {
        name: format!("eu-west-1{letter}"),
        public: vec![public.into()],
        private: vec![private.into()],
    };
    let passive = 61_000..=61_003;
    Balancer {
        kind: Kind::Network,
        name: "ftp".to_owned(),
        arn: "arn:balancer/ftp".to_owned(),
        dns_name: "ftp-1.elb.eu-west-1.amazonaws.com".to_owned(),
        public: true,
        vpc: "vpc-1".to_owned(),
        zones: vec![
            zone("a", [203, 0, 113, 7], [10, 0, 1, 9]),
            zone("b", [203, 0, 113, 8], [10, 0, 2, 9]),
        ],
        cross_zone: false,
        security_groups: vec!["sg-1".to_owned()],
        owner: None,
        idle_timeout: None,
        draining: None,
        listeners: [(21, 2121), (22, 22)]
            .into_iter()
            .chain(passive.clone().map(|port| (port, port)))
            .map(|(port, target)| listener(port, target))
            .collect(),
        groups: [2121, 22].into_iter().chain(passive).map(group).collect(),
    }
}

/// The same as a classic balancer, which sends headers of version 1.
pub(super) fn classic() -> Balancer {
    let mut balancer = network();
    balancer.kind = Kind::Classic;
    balancer.arn = String::new();
    balancer.owner = Some("main".to_owned());
    balancer.idle_timeout = Some(seconds(3600));
    balancer.draining = Some(seconds(600));
    balancer.zones = Vec::new();
    for listener in &mut balancer.listeners {
        listener.arn = String::new();
        listener.idle_timeout = None;
    }
    for group in &mut balancer.groups {
        group.attributes = Attributes {
            proxy: Header::V1,
            preserve_client_ip: false,
            cuts_unhealthy: None,
            deregistration_delay: None,
            ..Attributes::default()
        };
    }
    balancer
}

/// What a node behind it is configured for.
pub(super) fn want_classic() -> Want {
    Want {
        proxy: Accepts::V1,
        data_proxy: Accepts::V1,
        balancer: keepalive::Balancer::Classic,
        ..want()
    }
}

pub(super) fn state(balancer: Balancer) -> State {
    State { balancers: vec![balancer], unread: Vec::new() }
}

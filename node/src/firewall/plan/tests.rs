//! Who may reach what, by configuration.

use super::*;
use crate::config::load_flags;

/// The plan, an opening a line: service, address, ports, sources.
fn plan(flags: &[(&str, &str)]) -> Vec<String> {
    let plan = Plan::of(&load_flags(flags).unwrap().0);
    let lines = plan.openings.iter().map(|opening| {
        let Opening { service, address, first, last, from } = opening;
        for (source, why) in from {
            assert!(!why.is_empty());
            assert!(*source != Source::Anyone || from.len() == 1, "{from:?}");
            // The longest comment that nft takes.
            assert!(service.len() + why.len() + 2 < 128, "{service}: {why}");
        }
        let from = from.iter().map(|(source, _)| format!("{source:?}").to_lowercase());
        let from = from.collect::<Vec<_>>().join(" ");
        format!("{service} {address} {first}-{last}: {from}")
    });
    lines.chain(plan.notes).collect()
}

const SHARED: &[(&str, &str)] = &[
    ("ingress.mode", "shared"),
    ("ingress.balancers", "10.0.1.0/24"),
    ("ftp.listen", "0.0.0.0:21"),
    ("ssh.listen", "[::]:22"),
    ("ftp.passive.ports", "61000-61099"),
    ("health.listen", "127.0.0.1:8081"),
];

fn with(
    base: &[(&'static str, &'static str)],
    more: &[(&'static str, &'static str)],
) -> Vec<String> {
    plan(&[base, more].concat())
}

#[test]
fn alone() {
    assert_eq!(
        plan(&[]),
        [
            "ftp 0.0.0.0 2121-2121: anyone",
            "ssh 0.0.0.0 2222-2222: anyone",
            "passive ports 0.0.0.0 61000-61999: anyone",
        ]
    );
    let out_of_reach = [("ftp.listen", "127.0.0.1:21"), ("ssh.listen", "[::1]:22")];
    assert_eq!(plan(&out_of_reach), [""; 0]);
    let moving = plan(&[("ftp.listen", "10.0.0.5:0"), ("ssh.listen", "")]);
    assert_eq!(moving[0], "passive ports 10.0.0.5 61000-61999: anyone");
    assert!(moving[1].contains("port 0"), "{moving:?}");
    assert_eq!(
        plan(&[("ftp.listen", ""), ("ssh.listen", "10.0.0.5:22"), ("health.tcp", "10.0.0.5:8082")]),
        ["ssh 10.0.0.5 22-22: anyone", "readiness 10.0.0.5 8082-8082: monitors"]
    );
    let both = [("ftp.listen", "10.0.0.5:21"), ("ftp.implicit_tls", "[2001:db8::5]:990")];
    assert_eq!(plan(&both)[3], "passive ports :: 61000-61999: anyone");
    let two = [("ftp.listen", "10.0.0.5:21"), ("ftp.implicit_tls", "10.0.0.6:990")];
    assert_eq!(plan(&two)[3], "passive ports 0.0.0.0 61000-61999: anyone");
}

#[test]
fn shared() {
    // Addresses may be kept: a filter could not tell a client from anybody else (proxy_protocol off).
    assert_eq!(
        with(SHARED, &[]),
        [
            "ftp 0.0.0.0 21-21: anyone",
            "ssh :: 22-22: anyone",
            "passive ports 0.0.0.0 61000-61099: anyone",
        ]
    );
    let headers = [("ingress.proxy_protocol", "v2"), ("ingress.data_proxy_protocol", "v2")];
    assert_eq!(
        with(SHARED, &headers),
        [
            "ftp 0.0.0.0 21-21: balancers",
            "ssh :: 22-22: balancers",
            "passive ports 0.0.0.0 61000-61099: balancers",
        ]
    );
    let internal = [headers[0], headers[1], ("ingress.internal", "10.0.0.0/8")];
    assert_eq!(with(SHARED, &internal)[2], "passive ports 0.0.0.0 61000-61099: balancers internal");
    // Only the control connections have a header: who brings data is not known.
    assert_eq!(with(SHARED, &headers[..1])[2], "passive ports 0.0.0.0 61000-61099: anyone");
    let classic = [("ingress.balancer", "classic")];
    assert!(with(SHARED, &classic).iter().all(|line| line.ends_with(": balancers")));
    let health = [("health.listen", "10.0.0.5:8081"), ("health.tcp", "0.0.0.0:8082")];
    assert_eq!(
        with(SHARED, &health)[3..],
        [
            "health 10.0.0.5 8081-8081: balancers monitors",
            "readiness 0.0.0.0 8082-8082: balancers monitors",
        ]
    );
}

#[test]
fn balanced() {
    let mode = ("ingress.mode", "balanced");
    let header = ("ingress.proxy_protocol", "late");
    assert_eq!(
        with(SHARED, &[mode, header]),
        [
            "ftp 0.0.0.0 21-21: balancers",
            "ssh :: 22-22: balancers",
            "passive ports 0.0.0.0 61000-61099: anyone",
        ]
    );
    // Listeners of two modes: the widest need counts for the ports that they share.
    let both = [
        header,
        ("ingress.data_proxy_protocol", "v1"),
        ("ftp.listen", "0.0.0.0:21,10.0.0.5:2121"),
        ("ingress.listeners", "10.0.0.5:2121=direct"),
    ];
    assert_eq!(
        with(SHARED, &both),
        [
            "ftp 0.0.0.0 21-21: balancers",
            "ftp 10.0.0.5 2121-2121: anyone",
            "ssh :: 22-22: balancers",
            "passive ports 0.0.0.0 61000-61099: anyone",
        ]
    );
}

#[test]
fn nodes_reach_the_relay_where_there_is_one() {
    let pool = [
        ("pool.store", "redis://10.0.0.2:6379"),
        ("pool.secret_file", "pool.secret"),
        ("relay.listen", "10.0.0.5:2120"),
    ];
    let relay = "relay 10.0.0.5 2120-2120: nodes".to_owned();
    assert_eq!(plan(&[SHARED, &pool].concat())[3], relay);
    let (balanced, off) = (("ingress.mode", "balanced"), &pool[..2]);
    assert!(!plan(&[SHARED, &pool, &[balanced]].concat()).contains(&relay));
    assert!(
        !plan(&[SHARED, &pool[2..]].concat()).contains(&relay),
        "a node alone relays to nobody"
    );
    let listener = [("ingress.listeners", "0.0.0.0:21=shared"), balanced];
    assert!(plan(&[SHARED, &pool, &listener].concat()).contains(&relay));
    assert!(plan(&[SHARED, off].concat()).contains(&"relay 0.0.0.0 2120-2120: nodes".to_owned()));
}

/// Port 20 is ours to connect from, not to be connected to.
#[test]
fn port_20_is_never_opened() {
    for line in with(SHARED, &[]).iter().chain(&plan(&[])) {
        assert!(!line.contains(" 20-20:"), "{line}");
    }
}

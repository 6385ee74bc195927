//! The plan as what security groups must let through.

use std::net::IpAddr;

use flotilla_cluster::group::{Kind, Origin, Span, Want};
use ipnet::IpNet;

use super::{Groups, Opening, Plan, Source};
use crate::config::{Aws, DnsCheck};

/// What the groups of a pool must let through, and what can not be said for them, a sentence each. Those that the
/// plan itself could not say are among them.
///
/// A rule knows no address of the node, so one that listens at two has one rule. Families stay apart: where nothing
/// listens on IPv6, nobody of IPv6 is let in.
pub(crate) fn of(plan: &Plan, aws: &Aws) -> (Vec<Want>, Vec<String>) {
    let mut wants = Vec::<Want>::new();
    let mut notes = plan.notes.clone();
    for opening in &plan.openings {
        let checked = is_checked(opening, plan, aws);
        for &(source, why) in &opening.from {
            let origins = origins(opening, source, &plan.groups);
            if origins.is_empty() && !(source == Source::Monitors && checked) {
                notes.push(format!(
                    "{} at tcp {}: {why} are not known here, let them in by hand",
                    opening.service,
                    ports(opening)
                ));
            }
            origins.into_iter().for_each(|origin| want(&mut wants, opening, origin, why));
        }
        if checked && opening.from.iter().all(|(source, _)| *source != Source::Anyone) {
            for v6 in families(opening.address) {
                want(&mut wants, opening, Origin::Checkers { v6 }, "health checks of Route 53");
            }
        }
    }
    (wants, notes)
}

/// Adds it, once.
fn want(wants: &mut Vec<Want>, opening: &Opening, from: Origin, why: &str) {
    let (kind, ports) = (kind(opening.service), ports(opening));
    let same = |want: &Want| (want.kind, want.ports, &want.from) == (kind, ports, &from);
    if !wants.iter().any(same) {
        let (service, why) = (opening.service.to_owned(), why.to_owned());
        wants.push(Want { kind, service, ports, from, why });
    }
}

fn kind(service: &str) -> Kind {
    match service {
        "ftp" | "ftps" | "passive ports" => Kind::Ftp,
        "ssh" => Kind::Ssh,
        _ => Kind::Pool,
    }
}

fn ports(opening: &Opening) -> Span {
    Span::new(opening.first, opening.last)
}

/// Whether the health checks of Route 53 connect there: to one listener, the first of its kind.
fn is_checked(opening: &Opening, plan: &Plan, aws: &Aws) -> bool {
    let services: &[&str] = match aws.dns_check {
        DnsCheck::Health => &["readiness"],
        DnsCheck::Ftp => &["ftp", "ftps"],
        DnsCheck::Ssh => &["ssh"],
        DnsCheck::Off => &[],
    };
    let first = plan.openings.iter().find(|opening| services.contains(&opening.service));
    aws.dns_name.is_some() && first.is_some_and(|first| std::ptr::eq(first, opening))
}

/// Who that is, as far as it can be told.
fn origins(opening: &Opening, source: Source, groups: &Groups) -> Vec<Origin> {
    let families = families(opening.address);
    let networks = |networks: &[IpNet]| {
        let fits = |network: &&IpNet| families.contains(&network.addr().is_ipv6());
        networks.iter().filter(fits).copied().map(Origin::Network).collect()
    };
    match source {
        Source::Anyone => {
            let everybody = |v6: &bool| IpNet::new(unspecified(*v6), 0).ok().map(Origin::Network);
            families.iter().filter_map(everybody).collect()
        }
        Source::Balancers => networks(&groups.balancers),
        Source::Internal => networks(&groups.internal),
        Source::Nodes => vec![Origin::Nodes],
        Source::Monitors => networks(groups.monitors.as_deref().unwrap_or_default()),
    }
}

/// Of which families clients reach an address; whether of IPv6, each. One that is every address of IPv6 is every
/// address of IPv4 too.
fn families(address: IpAddr) -> Vec<bool> {
    match address {
        IpAddr::V4(_) => vec![false],
        IpAddr::V6(address) if address.is_unspecified() => vec![false, true],
        IpAddr::V6(_) => vec![true],
    }
}

fn unspecified(v6: bool) -> IpAddr {
    if v6 { std::net::Ipv6Addr::UNSPECIFIED.into() } else { std::net::Ipv4Addr::UNSPECIFIED.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    /// What a configuration wants, a line each, and its notes.
    fn told(flags: &[(&str, &str)]) -> Vec<String> {
        let config = load_flags(flags).unwrap().0;
        let (wants, notes) = of(&Plan::of(&config), &config.aws);
        let lines = wants.iter().map(|want| {
            let from = match &want.from {
                Origin::Network(network) => network.to_string(),
                Origin::Nodes => "nodes".to_owned(),
                Origin::Checkers { v6 } => format!("checkers v6={v6}"),
            };
            assert!(!want.why.is_empty());
            format!("{} {} {}: {from}", want.kind, want.service, want.ports)
        });
        lines.chain(notes).collect()
    }

    const DNS: &[(&str, &str)] = &[("aws.enabled", "true"), ("aws.dns_name", "ftp.example.org")];

    #[test]
    fn a_node_that_clients_reach_themselves() {
        let listen = [("ftp.listen", "0.0.0.0:21"), ("ssh.listen", "[::]:22")];
        let range = ("ftp.passive.ports", "60000-65535");
        assert_eq!(
            told(&[listen[0], listen[1], range]),
            [
                "ftp ftp 21: 0.0.0.0/0",
                "ssh ssh 22: 0.0.0.0/0",
                "ssh ssh 22: ::/0",
                // One value for listeners and rules: both end at the same port.
                "ftp passive ports 60000-65535: 0.0.0.0/0",
            ]
        );
        let twice = [("ftp.listen", "10.0.0.5:21,10.0.0.6:21"), ("ssh.listen", "")];
        assert_eq!(told(&twice)[..1], ["ftp ftp 21: 0.0.0.0/0"]);
        assert_eq!(told(&twice).len(), 2);
    }

    #[test]
    fn checkers_are_let_in_where_they_connect() {
        let health = [("health.tcp", "0.0.0.0:8082"), ("health.listen", "0.0.0.0:8081")];
        let bare = [("ftp.listen", ""), ("ssh.listen", "127.0.0.1:22"), health[0], health[1]];
        let by_hand = "checkers, scrapers of metrics, operators from afar are not known here";
        let lines = told(&[DNS, &bare].concat());
        assert_eq!(lines[0], "pool readiness 8082: checkers v6=false");
        assert!(
            lines[1].starts_with("health at tcp 8081") && lines[1].contains(by_hand),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 2);
        // Nobody checks.
        assert_eq!(told(&bare).len(), 2);
        assert!(told(&bare).iter().all(|line| line.contains(by_hand)));
        // They come to a listener that is open to everybody, or that is not.
        let ssh = [("ssh.listen", "[::]:22"), ("aws.dns_check", "ssh"), ("ftp.listen", "")];
        assert_eq!(told(&[DNS, &ssh].concat()), ["ssh ssh 22: 0.0.0.0/0", "ssh ssh 22: ::/0"]);
        let behind = [
            ("ingress.mode", "balanced"),
            ("ingress.balancers", "10.0.1.9/24"),
            ("ingress.proxy_protocol", "v2"),
        ];
        assert_eq!(
            told(&[DNS, &ssh, &behind].concat()),
            [
                "ssh ssh 22: 10.0.1.9/24",
                "ssh ssh 22: checkers v6=false",
                "ssh ssh 22: checkers v6=true",
            ]
        );
    }

    #[test]
    fn a_shared_pool() {
        let Plan { mut openings, groups, notes } = Plan::of(&load_flags(&[]).unwrap().0);
        let relay = vec![(Source::Nodes, "a test wants it")];
        let address = "10.0.0.5".parse().unwrap();
        openings.clear();
        openings.push(Opening { service: "relay", address, first: 2120, last: 2120, from: relay });
        let aws = load_flags(&[]).unwrap().0.aws;
        let (wants, notes) = of(&Plan { openings, groups, notes }, &aws);
        assert_eq!(notes, [""; 0]);
        assert_eq!((wants.len(), wants[0].kind, &wants[0].from), (1, Kind::Pool, &Origin::Nodes));
    }
}

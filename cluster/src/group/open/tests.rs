//! The union of rules, against asking rule by rule about every port and address.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::group::{List, Place, Protocol};

/// A network with at most 16 addresses out of 10.0.0.0/28, or all there are.
fn network() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        9 => (0u8..16, 28u8..=32).prop_map(|(last, length)| {
            IpNet::new(Ipv4Addr::new(10, 0, 0, last).into(), length).unwrap().trunc()
        }),
        1 => Just(everybody(false)),
        1 => Just(everybody(true)),
    ]
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        8 => network().prop_map(Source::network),
        1 => (0..3).prop_map(|id| Source::List(format!("pl-{id}"))),
        1 => (0..2).prop_map(|id| Source::Group(Place::Id(format!("sg-{id}")))),
    ]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        6 => Just(Protocol::Tcp),
        1 => Just(Protocol::All),
        1 => Just(Protocol::Other("udp".to_owned())),
    ]
}

fn reach() -> impl Strategy<Value = Reach> {
    (protocol(), 0u16..24, 0u16..24, source()).prop_map(|(protocol, one, other, source)| {
        // At the upper end too, where sums leave sixteen bits.
        let at = |port: u16| if port < 16 { port } else { u16::MAX - 23 + port };
        Reach { protocol, ports: Span::new(at(one), at(other)), source }
    })
}

/// Two lists are known, the third is not.
fn lists() -> State {
    let list = |id: &str, networks: &[&str]| List {
        id: id.to_owned(),
        name: id.to_owned(),
        v6: false,
        weight: 1,
        networks: Some(networks.iter().map(|network| network.parse().unwrap()).collect()),
    };
    let lists = vec![list("pl-0", &["10.0.0.0/30"]), list("pl-1", &["10.0.0.0/29", "10.0.0.8/31"])];
    State { lists, ..State::default() }
}

/// Every address of a small network, as networks of one; what is not one is asked for as it is.
fn addresses(source: &Source, state: &State) -> Vec<Source> {
    match source {
        Source::Network(network) if network.prefix_len() >= 28 => {
            network.subnets(32).unwrap().map(Source::network).collect()
        }
        Source::List(id) => match state.list(id).and_then(|list| list.networks.clone()) {
            Some(own) => {
                own.into_iter().flat_map(|own| addresses(&Source::Network(own), state)).collect()
            }
            None => vec![source.clone()],
        },
        other => vec![other.clone()],
    }
}

/// One rule, one port, one address.
fn lets(rule: &Reach, port: u16, address: &Source, state: &State) -> bool {
    let tcp = match rule.protocol {
        Protocol::All => true,
        Protocol::Tcp => (rule.ports.first()..=rule.ports.last()).contains(&port),
        Protocol::Other(_) => false,
    };
    let from = match (&rule.source, address) {
        (one, other) if one == other => true,
        (Source::Network(all), Source::Network(part)) => all.contains(part),
        (Source::List(id), Source::Network(part)) => state
            .list(id)
            .and_then(|list| list.networks.clone())
            .is_some_and(|own| own.iter().any(|own| own.contains(part))),
        _ => false,
    };
    tcp && from
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_union_is_that_of_every_port_and_address(
        wanted in reach(),
        rules in prop::collection::vec(reach(), 0..8),
    ) {
        let state = lists();
        // What is behind another group or an unknown list is decided by more than one rule: see below.
        let unknown = Source::List("pl-2".to_owned());
        prop_assume!(!matches!(wanted.source, Source::Group(_)) && wanted.source != unknown);
        let all = rules.iter().collect::<Vec<_>>();
        let spans = closed(&wanted, &all, &state);
        for pair in spans.windows(2) {
            prop_assert!(u32::from(pair[0].last()) + 1 < u32::from(pair[1].first()), "{:?}", spans);
        }
        let addresses = addresses(&wanted.source, &state);
        let edges = (0..=24).chain(u16::MAX - 24..=u16::MAX);
        for port in edges.filter(|port| wanted.ports.contains(Span::new(*port, *port))) {
            let told = spans.iter().any(|span| span.contains(Span::new(port, port)));
            let open = addresses.iter().all(|address| {
                rules.iter().any(|rule| lets(rule, port, address, &state))
            });
            prop_assert_eq!(told, !open, "port {}", port);
        }
        prop_assert!(spans.iter().all(|span| wanted.ports.contains(*span)));
    }

    #[test]
    fn order_does_not_matter_and_more_rules_close_nothing(
        wanted in reach(),
        mut rules in prop::collection::vec(reach(), 1..8),
        turn in 0usize..8,
    ) {
        let state = lists();
        let ask = |rules: &[Reach]| closed(&wanted, &rules.iter().collect::<Vec<_>>(), &state);
        let count = |spans: &[Span]| spans.iter().map(|span| span.count()).sum::<u32>();
        let spans = ask(&rules);
        prop_assert!(count(&ask(&rules[1..])) >= count(&spans));
        let turn = turn % rules.len();
        rules.rotate_left(turn);
        prop_assert_eq!(&ask(&rules), &spans);
        rules.push(wanted.clone());
        prop_assert_eq!(ask(&rules).is_empty(), wanted.protocol.has_tcp() || spans.is_empty());
    }
}

fn tcp(first: u16, last: u16, source: Source) -> Reach {
    Reach { protocol: Protocol::Tcp, ports: Span::new(first, last), source }
}

fn net(text: &str) -> Source {
    Source::network(text.parse().unwrap())
}

#[test]
fn halves_make_a_whole() {
    let state = lists();
    let all = tcp(0, u16::MAX, net("0.0.0.0/0"));
    let halves = [tcp(0, u16::MAX, net("0.0.0.0/1")), tcp(0, u16::MAX, net("128.0.0.0/1"))];
    assert_eq!(closed(&all, &[&halves[0], &halves[1]], &state), []);
    assert_eq!(closed(&all, &[&halves[0]], &state), [Span::ALL]);
    let wanted = tcp(60_000, 65_535, net("::/0"));
    let short = tcp(60_000, 65_534, net("::/0"));
    assert_eq!(closed(&wanted, &[&short], &state), [Span::new(65_535, 65_535)]);
    let everything = Reach { protocol: Protocol::All, ..tcp(0, 0, net("::/0")) };
    assert_eq!(closed(&wanted, &[&everything], &state), []);
}

#[test]
fn what_is_not_known_is_closed_to_all_but_everybody() {
    let state = lists();
    let both = [tcp(1, 9, net("0.0.0.0/0")), tcp(1, 9, net("::/0"))];
    for source in [Source::List("pl-2".to_owned()), Source::Group(Place::Id("sg-0".to_owned()))] {
        let wanted = tcp(5, 5, source);
        assert_eq!(closed(&wanted, &[&both[0]], &state), [Span::new(5, 5)]);
        assert_eq!(closed(&wanted, &[&both[0], &both[1]], &state), []);
        assert_eq!(closed(&wanted, &[&wanted], &state), []);
    }
    let known = tcp(5, 5, Source::List("pl-0".to_owned()));
    assert_eq!(closed(&known, &[&both[0]], &state), []);
    assert_eq!(closed(&known, &[&tcp(5, 5, net("10.0.0.3/29"))], &state), []);
}

#[test]
fn networks_have_no_bits_of_a_host() {
    assert_eq!(net("100.68.0.18/18"), net("100.68.0.0/18"));
    assert_eq!(net("100.68.0.18/18").to_string(), "100.68.0.0/18");
    assert_eq!(net("2001:DB8::1/32").to_string(), "2001:db8::/32");
}

//! One table for all ways, and what several addresses do.

use super::*;

/// A client on the internet.
const OUTSIDE: &str = "192.0.2.9";
/// One in the node's own network.
const INSIDE: &str = "10.0.7.7";
/// The node.
const NODE: &str = "10.0.0.5";
/// Its balancer, as the balancer knows itself, and as the internet knows it.
const BALANCER: &str = "10.0.0.9";
const VIP: &str = "198.51.100.1";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn zones(list: &[&str]) -> Vec<ZoneAddress> {
    let read = |text: &&str| match text.split_once('=') {
        Some((zone, address)) => {
            ZoneAddress { zone: Some(zone.to_owned()), address: address.parse().unwrap() }
        }
        None => ZoneAddress { zone: None, address: text.parse().unwrap() },
    };
    list.iter().map(read).collect()
}

/// What a row of the table says.
struct Row {
    mode: Mode,
    client: &'static str,
    local: &'static str,
    arrival: Arrival,
    /// `c`: 203.0.113.7 is configured, `p`: 203.0.113.8 is public, `i` and `v`: 10.0.7.0/24 is internal, or
    /// the VPC's.
    known: &'static str,
    balancer: &'static [&'static str],
}

impl Row {
    fn new(mode: Mode, client: &'static str) -> Self {
        Self { mode, client, local: NODE, arrival: Arrival::Plain, known: "", balancer: &[] }
    }

    fn proxied(self, destination: &str) -> Self {
        Self { arrival: Arrival::Proxied(address(destination)), ..self }
    }

    fn hidden(self) -> Self {
        Self { arrival: Arrival::Hidden, client: BALANCER, ..self }
    }

    fn local(self, local: &'static str) -> Self {
        Self { local, ..self }
    }

    fn known(self, known: &'static str) -> Self {
        Self { known, ..self }
    }

    fn balancer(self, balancer: &'static [&'static str]) -> Self {
        Self { balancer, ..self }
    }

    fn chosen(&self) -> (String, Reason) {
        let inside = ["10.0.0.0/16".parse().unwrap()];
        let balancer = zones(self.balancer);
        let has = |letter| self.known.contains(letter);
        let known = Known {
            configured: has('c').then(|| "203.0.113.7".parse().unwrap()),
            balancer: &balancer,
            zone: Some("a"),
            internal: if has('i') { &inside } else { &[] },
            vpc: if has('v') { &inside } else { &[] },
            public: has('p').then(|| "203.0.113.8".parse().unwrap()),
        };
        let Self { mode, arrival, .. } = *self;
        let (client, local) = (address(self.client), address(self.local));
        let chosen = advertised(&Path { mode, client, local, arrival, known });
        (chosen.address.to_string(), chosen.reason)
    }
}

fn assert_table(rows: impl IntoIterator<Item = (Row, &'static str, Reason)>) {
    for (number, (row, expected, reason)) in rows.into_iter().enumerate() {
        assert_eq!(row.chosen(), (expected.to_owned(), reason), "row {number}");
        let guess = matches!(reason, Reason::Own | Reason::OtherZone | Reason::Translated);
        assert_eq!(reason.to_string().starts_with("a guess"), guess, "{reason:?}");
    }
}

#[test]
fn direct() {
    let from = |client| Row::new(Mode::Direct, client);
    assert_table([
        (from(OUTSIDE), NODE, Reason::Dialled),
        (from(OUTSIDE).known("c"), "203.0.113.7", Reason::Configured),
        (from(OUTSIDE).known("p"), "203.0.113.8", Reason::Public),
        (from(OUTSIDE).known("cpiv"), "203.0.113.7", Reason::Configured),
        (from(INSIDE).known("cpi"), NODE, Reason::Internal),
        (from(INSIDE).known("cpv"), NODE, Reason::Vpc),
        (from("::ffff:10.0.7.7").known("ci"), NODE, Reason::Internal),
        // A client on the node itself could not come back in through the public address.
        (from("127.0.0.1").local("127.0.0.1").known("cp"), "127.0.0.1", Reason::Loopback),
        (from("::1").local("::1").known("cp"), "::1", Reason::Loopback),
        (from(OUTSIDE).local("::ffff:10.0.0.5"), NODE, Reason::Dialled),
        (from("2001:db8::9").local("2001:db8::1").known("cp"), "2001:db8::1", Reason::Ipv6),
        // Off EC2 `auto` is `direct`.
        (Row::new(Mode::Auto, OUTSIDE).known("c"), "203.0.113.7", Reason::Configured),
        // One node behind a balancer that forwards everything.
        (from(OUTSIDE).proxied(VIP), VIP, Reason::Dialled),
    ]);
}

#[test]
fn balanced() {
    let from = |client| Row::new(Mode::Balanced, client);
    assert_table([
        (from(OUTSIDE).known("cp"), "203.0.113.7", Reason::Configured),
        (from(OUTSIDE).proxied(VIP).known("p"), "203.0.113.8", Reason::Public),
        // Never the balancer, where nobody waits for data.
        (from(OUTSIDE).proxied(VIP).balancer(&[VIP]), NODE, Reason::Own),
        (from(OUTSIDE), NODE, Reason::Own),
        (from(INSIDE).proxied(BALANCER).known("cpi"), NODE, Reason::Internal),
        (from(INSIDE).known("cv"), NODE, Reason::Vpc),
        // That the balancer is inside says nothing of the client.
        (from(OUTSIDE).hidden().known("civ"), "203.0.113.7", Reason::Configured),
        (from(OUTSIDE).hidden().local("127.0.0.1").known("c"), "203.0.113.7", Reason::Configured),
        (from("2001:db8::9").proxied("2001:db8::1").known("c"), "2001:db8::1", Reason::Ipv6),
    ]);
}

#[test]
fn shared() {
    let from = |client| Row::new(Mode::Shared, client);
    let both: &[&str] = &["b=203.0.113.2", "a=203.0.113.1", "203.0.113.3"];
    let zoneless: &[&str] = &["b=203.0.113.2", "203.0.113.3"];
    let others: &[&str] = &["b=203.0.113.2"];
    assert_table([
        (from(OUTSIDE).proxied(VIP).balancer(both).known("c"), VIP, Reason::Proxied),
        (from(OUTSIDE).balancer(both).known("c"), "203.0.113.1", Reason::Zone),
        (from(OUTSIDE).balancer(zoneless).known("c"), "203.0.113.3", Reason::Balancer),
        (from(OUTSIDE).balancer(others).known("c"), "203.0.113.7", Reason::Configured),
        (from(OUTSIDE).balancer(others), "203.0.113.2", Reason::OtherZone),
        (from(OUTSIDE), NODE, Reason::Own),
        // The public address of one node would be no way to another's ports.
        (from(OUTSIDE).known("p"), NODE, Reason::Own),
        // Its private address, which a balancer on the internet puts into the header.
        (from(OUTSIDE).proxied(BALANCER).balancer(both), "203.0.113.1", Reason::Zone),
        (from(OUTSIDE).proxied("100.64.0.1").known("c"), "203.0.113.7", Reason::Configured),
        (from(OUTSIDE).proxied("100.128.0.1").known("c"), "100.128.0.1", Reason::Proxied),
        (from(OUTSIDE).proxied(BALANCER), BALANCER, Reason::Translated),
        // Inside, the node itself, and a balancer that is inside too.
        (from(INSIDE).balancer(both).known("i"), NODE, Reason::Internal),
        (from(INSIDE).balancer(both).known("v"), NODE, Reason::Vpc),
        (from(INSIDE).proxied(BALANCER).balancer(both).known("i"), BALANCER, Reason::Proxied),
        (from(INSIDE).hidden().balancer(both).known("i"), "203.0.113.1", Reason::Zone),
        (from("127.0.0.1").local("127.0.0.1").balancer(both), "127.0.0.1", Reason::Loopback),
        (from(OUTSIDE).hidden().local("127.0.0.1").balancer(both), "203.0.113.1", Reason::Zone),
        (from("127.0.0.1").proxied("127.0.0.9").balancer(both), "127.0.0.9", Reason::Proxied),
        (from("2001:db8::9").proxied("2001:db8::1").balancer(both), "2001:db8::1", Reason::Ipv6),
    ]);
}

/// Several addresses for all: each client has one, all are used, and one that is added takes clients
/// from the others and moves nobody else.
#[test]
fn several_addresses_are_shared_out() {
    let three = zones(&["203.0.113.1", "203.0.113.2", "203.0.113.3"]);
    let mut turned = three.clone();
    turned.rotate_left(1);
    let fourth = zones(&["203.0.113.4"]);
    let four = [three.clone(), fourth].concat();
    let choice = |number: u32, balancer: &[ZoneAddress]| {
        let client = Ipv4Addr::from_bits(0xc000_0200 + number).into();
        let known = Known { balancer, ..Known::default() };
        let (mode, local, arrival) = (Mode::Shared, address(NODE), Arrival::Plain);
        advertised(&Path { mode, client, local, arrival, known }).address
    };
    let mut clients = std::collections::BTreeMap::<IpAddr, u32>::new();
    for number in 0..3000 {
        let chosen = choice(number, &three);
        assert_eq!(choice(number, &turned), chosen, "the order of the list says nothing");
        let among_four = choice(number, &four);
        assert!(among_four == chosen || among_four == address("203.0.113.4"));
        *clients.entry(among_four).or_default() += 1;
    }
    assert_eq!(clients.len(), 4);
    assert!(clients.values().all(|count| (500..1000).contains(count)), "{clients:?}");
}

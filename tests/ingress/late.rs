//! Behind a balancer that sends the PROXY header only with the client's first bytes: a server that
//! waited for it before its greeting would wait for ever.

use std::net::{Ipv4Addr, SocketAddr};

use flotilla_tests::network::{Header, Host, LateProxy, VIP};
use flotilla_tests::{Network, Server, Wire, wait};

use super::site::assert_client;

fn start(network: &Network) -> Server {
    Server::builder()
        .on(&network.nodes()[0])
        .set("ingress.mode", "balanced")
        .set("ingress.proxy_protocol", "late")
        .set("ingress.balancers", [&*format!("{}/32", network.router().v4())])
        .set("limits.login_attempts", 1)
        .set("limits.ban_after", 1)
        .start()
}

fn front() -> SocketAddr {
    SocketAddr::from((VIP, 21))
}

/// From a computer of the inside, past the balancer.
fn dial(from: &Host, network: &Network) -> Wire {
    let mut wire = from.run(|| Wire::connect(SocketAddr::from((network.nodes()[0].v4(), 21))));
    wire.expect(220);
    wire
}

fn header(client: Ipv4Addr) -> Header {
    Header::new(SocketAddr::from((client, 40_000)), front())
}

/// The greeting comes at once, and the client is known before it is anybody.
#[test]
fn the_greeting_comes_before_the_header() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network);
    let _late = LateProxy::start(&network, 21, 0);
    let _outside = network.clients().enter();
    let client = network.client(4);
    let mut wire = Wire::connect_from(client, front());
    wire.expect(220);
    wire.auth_tls(&server.tls()).login("alice");
    assert_client(&server, client);
    assert!(server.names(client) && !server.names(network.router().v4()));
}

/// A ban holds for the address in the header, from the first command on, and not for the balancer.
#[test]
fn bans_are_of_the_client() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network);
    let _late = LateProxy::start(&network, 21, 0);
    let _outside = network.clients().enter();
    let (guesser, other) = (network.client(1), network.client(2));
    let mut wire = Wire::connect_from(guesser, front());
    wire.expect(220);
    wire.ask("USER alice", 331);
    wire.send("PASS guessed");
    wire.expect_any(&[530, 421]);
    wait::until("the ban", || {
        let mut wire = Wire::connect_from(guesser, front());
        wire.expect(220);
        wire.send("USER alice");
        (wire.reply().code == 421).then(|| wire.expect_end())
    });
    let mut wire = Wire::connect_from(other, front());
    wire.expect(220);
    wire.login("alice");
    assert_client(&server, other);
}

/// It is the very first that a client's connection brings, or it is not there at all.
#[test]
fn only_the_first_bytes_are_a_header() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network);
    let (genuine, forged) = (Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(192, 0, 2, 66));
    // In pieces, and with the first command.
    for pieces in [1, 5, 1000] {
        let mut wire = dial(network.router(), &network);
        let bytes = [header(genuine).checked().v2(), b"USER alice\r\n".to_vec()].concat();
        bytes.chunks(pieces).for_each(|piece| wire.send_raw(piece));
        wire.expect(331);
        wire.ask("PASS swordfish", 230);
        assert_client(&server, genuine);
        // Too late for another one.
        wire.send_raw(header(forged).v1());
        wire.expect_any(&[500, 502]);
        assert_client(&server, genuine);
    }
    // Something else first: a client without a name is nobody's client.
    for first in [b"USER alice\r\n".to_vec(), header(genuine).corrupt().v2(), header(genuine).v1()]
    {
        let mut wire = dial(network.router(), &network);
        wire.send_raw([&first[..], b"PASS swordfish\r\n"].concat());
        let said = String::from_utf8_lossy(&wire.drain()).into_owned();
        assert!(!said.contains("331") && !said.contains("230"), "{said}");
    }
    // From a stranger it is an error, and without it they are who they are.
    let mut wire = dial(network.store(), &network);
    wire.send_raw([header(forged).v2(), b"USER alice\r\nPASS swordfish\r\n".to_vec()].concat());
    let said = String::from_utf8_lossy(&wire.drain()).into_owned();
    assert!(!said.contains("331") && !said.contains("230"), "{said}");
    let mut wire = dial(network.store(), &network);
    wire.login("alice");
    assert_client(&server, network.store().v4());
    assert!(!server.names(forged));
}

/// Probes are told by their header, or go without a word.
#[test]
fn probes_leave_no_trace() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network);
    server.wait_for_log("health listens");
    let log = server.log();
    for probe in [vec![], header(VIP).local().v2(), header(VIP).unspecified().v2()] {
        let mut wire = dial(network.router(), &network);
        wire.send_raw(probe);
    }
    wait::until("their ends", || (server.metric("flotilla_sessions") == 0).then_some(()));
    assert_eq!(server.log(), log);
}

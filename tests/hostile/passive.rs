//! Passive ports that run out (design, section 5): 425 at once, never a port outside the range, and
//! one port serves many addresses.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use flotilla_tests::{Data, Server, Wire, wait};

/// A server whose whole range is one port.
fn start() -> (Server, u16) {
    let builder = Server::builder().file("a", "content");
    let (port, _) = builder.ports();
    (builder.set("ftp.passive.ports", format!("{port}")).start(), port)
}

fn login_from(server: &Server, source: Ipv4Addr) -> Wire {
    let mut wire = Wire::connect_from(source, server.ftp());
    wire.expect(220);
    wire.login("alice");
    wire
}

/// One client uses the one port again and again.
#[test]
fn one_port_serves_one_client_many_times() {
    let (server, port) = start();
    let mut wire = server.login();
    for _ in 0..20 {
        let address = wire.epsv();
        assert_eq!(address.port(), port);
        let data = Data::connect(address).unwrap();
        wire.send("RETR a");
        wire.expect(150);
        assert_eq!(data.read_all().unwrap(), b"content");
        wire.expect(226);
    }
}

/// Clients of different addresses use it at the same time, and each gets what is theirs.
#[test]
fn one_port_serves_many_addresses_at_once() {
    let (server, port) = start();
    let mut clients: Vec<(Wire, Ipv4Addr)> = (1..=20)
        .map(|number| {
            let source = Ipv4Addr::new(127, 200, 2, number);
            std::fs::write(server.file(format!("f{number}")), source.to_string()).unwrap();
            (login_from(&server, source), source)
        })
        .collect();
    for (wire, _) in &mut clients {
        assert_eq!(wire.epsv().port(), port);
    }
    // In the opposite order, so that no first-come rule gives the right answer.
    for (wire, source) in clients.iter_mut().rev() {
        let address = (server.address(), port).into();
        let data = Data::connect_from((*source).into(), address).unwrap();
        wire.send(format!("RETR f{}", source.octets()[3]));
        wire.expect(150);
        assert_eq!(data.read_all().unwrap(), source.to_string().as_bytes());
        wire.expect(226);
    }
}

/// A second wait of the same address has no port left: 425 at once, and nothing outside the range.
#[test]
fn exhaustion_is_told_at_once() {
    let (server, port) = start();
    let (mut one, mut two) = (server.login(), server.login());
    assert_eq!(one.epsv().port(), port);
    let begun = Instant::now();
    two.ask("EPSV", 425);
    two.ask("PASV", 425);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // The first is not disturbed, and gives the port back.
    let data = Data::connect((server.address(), port).into()).unwrap();
    one.send("RETR a");
    one.expect(150);
    assert_eq!(data.read_all().unwrap(), b"content");
    one.expect(226);
    wait::until("the port to be free again", || {
        two.send("EPSV");
        (two.expect_any(&[229, 425]).code == 229).then_some(())
    });
}

/// A client that leaves with a port pending gives it back.
#[test]
fn a_client_that_leaves_gives_its_port_back() {
    let (server, port) = start();
    let mut one = server.login();
    assert_eq!(one.epsv().port(), port);
    one.reset();
    let mut two = server.login();
    wait::until("the port to be free again", || {
        two.send("EPSV");
        (two.expect_any(&[229, 425]).code == 229).then_some(())
    });
}

/// Asking again and again does not use the range up: the new wait replaces the old one.
#[test]
fn asking_again_replaces_the_wait() {
    let (server, port) = start();
    let mut wire = server.login();
    for _ in 0..50 {
        assert_eq!(wire.epsv().port(), port);
        assert_eq!(wire.pasv().port(), port);
    }
}

/// All ports lie in the range.
#[test]
fn every_port_lies_in_the_range() {
    let builder = Server::builder();
    let (first, last) = builder.ports();
    let server = builder.start();
    let mut wires: Vec<Wire> = (first..=last).map(|_| server.login()).collect();
    let mut ports: Vec<u16> = wires.iter_mut().map(|wire| wire.epsv().port()).collect();
    assert!(ports.iter().all(|port| (first..=last).contains(port)), "{ports:?}");
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), wires.len(), "a port was handed out twice to one address");
    server.login().ask("EPSV", 425);
}

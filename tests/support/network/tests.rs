//! What balancers do is what the tests of the server stand on.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::data::dial;

/// Answers every connection to this port of a node with the peer's address and the node's number,
/// then every byte with itself.
fn answer(network: &Network, number: usize, port: u16) {
    let node = &network.nodes()[number];
    let _inside = node.enter();
    let addresses: [IpAddr; 2] = [node.v4().into(), node.v6().into()];
    for address in addresses {
        let listener = TcpListener::bind((address, port)).unwrap();
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                std::thread::spawn(move || tcp.and_then(|tcp| talk(tcp, number)));
            }
        });
    }
}

fn talk(mut tcp: TcpStream, number: usize) -> io::Result<()> {
    let peer = tcp.peer_addr()?.ip();
    writeln!(tcp, "{number} {peer}")?;
    let mut byte = [0];
    while tcp.read(&mut byte)? > 0 {
        tcp.write_all(&byte)?;
    }
    Ok(())
}

/// The connection, and what it was told.
fn call(network: &Network, source: impl Into<IpAddr>, port: u16) -> (TcpStream, usize, String) {
    let source = source.into();
    let to = SocketAddr::new(vip(source), port);
    let mut tcp = network.clients().run(|| dial(Some(source), to)).unwrap();
    let line = line(&mut tcp);
    let (number, peer) = line.split_once(' ').unwrap();
    (tcp, number.parse().unwrap(), peer.to_owned())
}

fn line(tcp: &mut TcpStream) -> String {
    let (mut text, mut byte) = (String::new(), [0]);
    loop {
        tcp.read_exact(&mut byte).unwrap();
        if byte == *b"\n" {
            return text;
        }
        text.push(char::from(byte[0]));
    }
}

fn echo(tcp: &mut TcpStream) -> io::Result<()> {
    tcp.write_all(b"x")?;
    tcp.read_exact(&mut [0])
}

#[test]
fn an_nlb_spreads_connections_and_keeps_addresses() {
    let Some(network) = Network::open(3) else { return };
    (0..3).for_each(|number| answer(&network, number, 21));
    let mut nlb = Nlb::start(&network, "21");
    for source in
        [IpAddr::from(network.client(7)), network.client6(7).into(), network.clients().v6().into()]
    {
        let mut counts = BTreeMap::new();
        for _ in 0..60 {
            let (_, number, peer) = call(&network, source, 21);
            assert_eq!(peer, source.to_string());
            *counts.entry(number).or_insert(0) += 1;
        }
        // The chance that a fair one does worse is one in a million.
        assert!(counts.len() == 3 && counts.values().all(|count| *count >= 4), "{counts:?}");
    }
    let (mut before, ..) = call(&network, network.client(1), 21);
    nlb.route([("21", vec![1])]);
    assert!((0..20).all(|_| call(&network, network.client(1), 21).1 == 1));
    echo(&mut before).unwrap();
    nlb.without(1);
    let refused = SocketAddr::from((VIP, 21));
    assert!(network.clients().run(|| dial(None, refused)).is_err());
}

#[test]
fn an_nlb_forgets_idle_connections() {
    for (how, error) in [
        (Forgets::WithReset, ErrorKind::ConnectionReset),
        (Forgets::Silently, ErrorKind::WouldBlock),
    ] {
        let Some(network) = Network::open(1) else { return };
        answer(&network, 0, 21);
        let nlb = Nlb::start(&network, "21");
        nlb.forget(Duration::from_secs(2), how);
        let (mut idle, ..) = call(&network, network.client(1), 21);
        let (mut busy, ..) = call(&network, network.client6(1), 21);
        let half = Some(Duration::from_millis(500));
        // Here the time itself is what is tested; whoever is cut off too early says so at once.
        for _ in 0..6 {
            busy.set_read_timeout(half).unwrap();
            assert_eq!(busy.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
            busy.set_read_timeout(Some(crate::wait::DEADLINE)).unwrap();
            echo(&mut busy).unwrap();
        }
        idle.set_read_timeout(half).unwrap();
        assert_eq!(echo(&mut idle).unwrap_err().kind(), error, "{how:?}");
    }
}

#[test]
fn a_classic_balancer_says_whose_a_connection_is_and_cuts_idle_ones() {
    let Some(network) = Network::open(2) else { return };
    (0..2).for_each(|number| [21, 22, 61_001].iter().for_each(|p| answer(&network, number, *p)));
    let _classic = Classic::plan(&network)
        .port(21, Version::V1, &[0, 1])
        .port(22, Version::V2, &[1])
        .ports((61_000, 61_003), None, &[1])
        .idle(Duration::from_secs(1))
        .start();
    let source = network.client(3);
    let (mut first, _, peer) = call(&network, source, 21);
    assert_eq!(peer, network.router().v4().to_string());
    let port = first.local_addr().unwrap().port();
    assert_eq!(line(&mut first), format!("PROXY TCP4 {source} {VIP} {port} 21\r"));
    let (mut second, number, _) = call(&network, network.client6(3), 22);
    assert_eq!(number, 1);
    let header = Header::new(second.local_addr().unwrap(), SocketAddr::from((VIP6, 22))).v2();
    let mut told = vec![0; header.len()];
    second.read_exact(&mut told).unwrap();
    assert_eq!(told, header);
    let (mut third, ..) = call(&network, source, 61_001);
    echo(&mut third).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_late_proxy_says_nothing_before_its_client() {
    let Some(network) = Network::open(1) else { return };
    answer(&network, 0, 21);
    let _late = LateProxy::start(&network, 21, 0);
    let (mut tcp, _, peer) = call(&network, network.client(9), 21);
    assert_eq!(peer, network.router().v4().to_string());
    tcp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(tcp.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    tcp.write_all(b"USER").unwrap();
    let mut expected = Header::new(tcp.local_addr().unwrap(), SocketAddr::from((VIP, 21))).v2();
    expected.extend(b"USER");
    let mut told = vec![0; expected.len()];
    tcp.read_exact(&mut told).unwrap();
    assert_eq!(told, expected);
}

fn knock(from: &Host, to: impl Into<IpAddr>) -> bool {
    let address = SocketAddr::new(to.into(), 21);
    from.run(|| TcpStream::connect_timeout(&address, Duration::from_millis(200))).is_ok()
}

#[test]
fn the_inside_reaches_itself_and_clients_do_not_reach_it() {
    let Some(network) = Network::open(2) else { return };
    let node = &network.nodes()[1];
    answer(&network, 1, 21);
    for from in [network.router(), network.store(), &network.nodes()[0], node] {
        assert!(knock(from, node.v4()) && knock(from, node.v6()), "{from:?}");
    }
    assert!(!knock(network.clients(), node.v4()) && !knock(network.clients(), node.v6()));
}

#[test]
fn nodes_reach_clients_at_all_their_addresses() {
    let Some(network) = Network::open(1) else { return };
    let addresses: [IpAddr; 4] = [
        network.clients().v4().into(),
        network.clients().v6().into(),
        network.client(131_000).into(),
        network.client6(131_000).into(),
    ];
    for address in addresses {
        let listener = network.clients().run(|| TcpListener::bind((address, 20)).unwrap());
        let mut tcp = network.nodes()[0].run(|| TcpStream::connect((address, 20)).unwrap());
        let (mut client, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip(), network.nodes()[0].like(address));
        client.write_all(b"x").unwrap();
        tcp.read_exact(&mut [0]).unwrap();
    }
}

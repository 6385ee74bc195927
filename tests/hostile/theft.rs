//! Data-port theft (RFC 2577, 5; design, section 5): who connects to a passive port first and is
//! not the client gets nothing, and does not stop the client.

use std::net::Ipv4Addr;

use flotilla_tests::{Data, Server};

const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 9);

/// A stranger is there first: closed without a byte, and the client is served.
#[test]
fn a_stranger_neither_steals_nor_stops_a_download() {
    let server = Server::builder().file("a", "the content").start();
    assert_served_behind_a_stranger(&server, Ipv4Addr::LOCALHOST);
}

/// A stranger connects to the port first; the client, whose data connection comes from this address,
/// gets the file all the same, and the stranger nothing.
#[track_caller]
fn assert_served_behind_a_stranger(server: &Server, client: Ipv4Addr) {
    let mut wire = server.login();
    let address = wire.epsv();
    let stranger = Data::connect_from(STRANGER.into(), address);
    wire.send("RETR a");
    let data = Data::connect_from(client.into(), address).unwrap();
    wire.expect(150);
    assert_eq!(data.read_all().unwrap(), b"the content");
    wire.expect(226);
    if let Ok(stranger) = stranger {
        assert!(stranger.is_refused());
    }
}

/// Neither does a crowd.
#[test]
fn a_crowd_does_not_stop_the_client() {
    let server = Server::builder().file("a", "the content").start();
    let mut wire = server.login();
    let address = wire.epsv();
    wire.send("RETR a");
    let crowd: Vec<_> = (1..=100)
        .map(|number| Data::connect_from(Ipv4Addr::new(127, 200, 1, number).into(), address))
        .collect();
    let data = Data::connect(address).unwrap();
    wire.expect(150);
    assert_eq!(data.read_all().unwrap(), b"the content");
    wire.expect(226);
    assert!(crowd.into_iter().flatten().all(Data::is_refused));
}

/// A stranger's bytes never become a file.
#[test]
fn a_stranger_can_not_upload() {
    let server = Server::start();
    let mut wire = server.login();
    let address = wire.epsv();
    if let Ok(mut stranger) = Data::connect_from(STRANGER.into(), address) {
        let _ = stranger.write(b"forged");
        wire.send("STOR a");
        let data = Data::connect(address).unwrap();
        wire.expect(150);
        data.finish(b"genuine").unwrap();
        wire.expect(226);
        assert!(stranger.is_refused());
    }
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"genuine");
}

/// Another user on the client's own address has a port of their own: what they connect to is
/// theirs.
#[test]
fn sessions_of_one_address_are_kept_apart() {
    let server = Server::builder().file("a", "for one").file("b", "for two").start();
    let (mut one, mut two) = (server.login(), server.login());
    let (first, second) = (one.epsv(), two.epsv());
    assert_ne!(first, second);
    let (to_second, to_first) = (Data::connect(second).unwrap(), Data::connect(first).unwrap());
    one.send("RETR a");
    two.send("RETR b");
    one.expect(150);
    two.expect(150);
    assert_eq!(to_first.read_all().unwrap(), b"for one");
    assert_eq!(to_second.read_all().unwrap(), b"for two");
    one.expect(226);
    two.expect(226);
}

/// `data_peer = "prefix"` lets the neighbours in, and nobody else.
#[test]
fn neighbours_may_be_let_in() {
    let server =
        Server::builder().set("ftp.passive.data_peer", "prefix").file("a", "the content").start();
    assert_served_behind_a_stranger(&server, Ipv4Addr::new(127, 0, 0, 77));
}

/// A list of networks does the same for these.
#[test]
fn networks_may_be_let_in() {
    let server = Server::builder()
        .set("ftp.passive.data_peer", ["127.200.0.0/16"])
        .file("a", "the content")
        .start();
    let mut wire = server.login();
    let address = wire.epsv();
    wire.send("RETR a");
    let data = Data::connect_from(STRANGER.into(), address).unwrap();
    wire.expect(150);
    assert_eq!(data.read_all().unwrap(), b"the content");
    wire.expect(226);
}

/// A connection that comes when nothing is pending is closed.
#[test]
fn a_port_that_is_not_offered_serves_nobody() {
    let server = Server::builder().file("a", "x").start();
    let mut wire = server.login();
    let address = wire.epsv();
    let data = Data::connect(address).unwrap();
    wire.send("RETR a");
    wire.expect(150);
    data.read_all().unwrap();
    wire.expect(226);
    if let Ok(late) = Data::connect(address) {
        assert!(late.is_refused());
    }
}

//! The bounce attack (RFC 2577, 3): the server connects to nobody but the client itself, and to no
//! privileged port.

use std::net::TcpListener;
use std::time::Duration;

use flotilla_tests::{Data, Server, Wire, wait};

/// Sends it and says whether it was refused.
fn is_refused(wire: &mut Wire, command: &str) -> bool {
    wire.send(command);
    (500..600).contains(&wire.reply().code)
}

/// Another address than the client's.
#[test]
fn a_foreign_address_is_refused() {
    let server = Server::builder().file("a", "x").start();
    let mut wire = server.login();
    let victim = TcpListener::bind("127.200.0.1:0").unwrap();
    let port = victim.local_addr().unwrap().port();
    let [high, low] = port.to_be_bytes();
    for command in [
        format!("PORT 127,200,0,1,{high},{low}"),
        format!("EPRT |1|127.200.0.1|{port}|"),
        "PORT 10,0,0,1,200,200".to_owned(),
        "PORT 0,0,0,0,200,200".to_owned(),
        "PORT 255,255,255,255,200,200".to_owned(),
        "EPRT |1|192.0.2.1|40000|".to_owned(),
        "EPRT |2|::1|40000|".to_owned(),
        "EPRT |2|::ffff:127.200.0.1|40000|".to_owned(),
    ] {
        assert!(is_refused(&mut wire, &command), "{command}{wire}");
    }
    wire.ask_any("RETR a", &[425, 503]);
    victim.set_nonblocking(true).unwrap();
    let visited = wait::within(Duration::from_millis(300), || victim.accept().ok());
    assert!(visited.is_none(), "the server called on the victim");
}

/// The server itself is another address too: its own services are not reached through it.
#[test]
fn the_server_does_not_call_itself() {
    let server = Server::start();
    let mut wire = server.login();
    let [a, b, c, d] = server.address().octets();
    let [high, low] = server.ftp().port().to_be_bytes();
    assert!(is_refused(&mut wire, &format!("PORT {a},{b},{c},{d},{high},{low}")));
}

/// Ports below 1024, even of the client.
#[test]
fn a_privileged_port_is_refused() {
    let server = Server::start();
    let mut wire = server.login();
    for command in [
        "PORT 127,0,0,1,0,25",
        "PORT 127,0,0,1,3,255",
        "PORT 127,0,0,1,0,0",
        "EPRT |1|127.0.0.1|22|",
        "EPRT |1|127.0.0.1|1023|",
        "EPRT |1|127.0.0.1|0|",
    ] {
        assert!(is_refused(&mut wire, command), "{command}{wire}");
    }
    wire.ask("PORT 127,0,0,1,4,0", 200);
}

/// A refused PORT does not leave an older one in force.
#[test]
fn a_refused_address_leaves_none_behind() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = server.login();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
    wire.ask(format!("PORT 127,0,0,1,{high},{low}"), 200);
    assert!(is_refused(&mut wire, "PORT 10,0,0,1,200,200"));
    wire.send("RETR a");
    if wire.expect_any(&[150, 425, 503]).code == 150 {
        // Or the older one is kept as a whole, which harms nobody.
        assert_eq!(Data::accept(&listener).read_all().unwrap(), b"content");
        wire.expect(226);
    }
}

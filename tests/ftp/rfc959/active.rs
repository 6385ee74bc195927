//! RFC 959, 4.1.2 (PORT): the server connects. What it must not connect to is in the hostile suite.

use std::net::TcpListener;

use flotilla_tests::{Data, Server};

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
    (listener, format!("PORT 127,0,0,1,{high},{low}"))
}

/// 5.4: PORT is 200; then the server comes by itself.
#[test]
fn the_server_connects_to_the_client() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = server.login();
    let (listener, port) = listen();
    wire.ask(&port, 200);
    wire.send("RETR a");
    wire.expect(150);
    let data = Data::accept(&listener);
    assert_eq!(data.read_all().unwrap(), b"content");
    wire.expect(226);

    wire.ask(&port, 200);
    wire.send("STOR b");
    wire.expect(150);
    Data::accept(&listener).finish(b"uploaded").unwrap();
    wire.expect(226);
    assert_eq!(std::fs::read(server.file("b")).unwrap(), b"uploaded");
}

/// 5.4: a port where nobody listens is 425.
#[test]
fn a_closed_port_is_told() {
    let server = Server::builder().file("a", "").start();
    let mut wire = server.login();
    let (listener, port) = listen();
    drop(listener);
    wire.ask(&port, 200);
    wire.send("RETR a");
    if wire.expect_any(&[150, 425]).code == 150 {
        wire.expect(425);
    }
    wire.ask("NOOP", 200);
}

/// `ftp.active_mode = false`: PORT and EPRT are refused and not in FEAT.
#[test]
fn active_mode_can_be_switched_off() {
    let server = Server::builder().set("ftp.active_mode", false).start();
    let mut wire = server.login();
    let (_listener, port) = listen();
    wire.ask_any(&port, &[500, 501, 502, 504]);
    wire.ask_any("EPRT |1|127.0.0.1|40000|", &[500, 501, 502, 504, 522]);
    assert!(!wire.ask("FEAT", 211).text().contains("EPRT"));
}

//! Implicit FTPS: TLS from the first byte, as RFC 4217 knows it from practice (port 990).

use flotilla_tests::{Server, Wire};

fn connect(server: &Server) -> Wire {
    let mut wire = Wire::connect_tls(server.ftps(), &server.tls());
    wire.expect(220);
    wire
}

/// The greeting comes under TLS.
#[test]
fn the_greeting_is_protected() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = connect(&server);
    wire.login("alice").protect();
    assert_eq!(wire.fetch("a"), b"content");
}

/// PROT may be said without PBSZ by clients of that age; AUTH is out of place.
#[test]
fn auth_is_out_of_place() {
    let server = Server::start();
    let mut wire = connect(&server);
    wire.ask_any("AUTH TLS", &[503, 534]);
    wire.login("alice");
}

/// Who speaks clear there gets no greeting in clear.
#[test]
fn clear_text_is_not_answered() {
    let server = Server::start();
    let mut wire = Wire::connect(server.ftps());
    wire.send_raw("USER alice\r\nPASS x\r\n");
    let answer = wire.drain();
    assert!(
        !answer.starts_with(b"220") && !answer.starts_with(b"331"),
        "{}",
        answer.escape_ascii()
    );
}

/// A connection that never begins the handshake is given up after `timeouts.login`.
#[test]
fn a_silent_connection_is_given_up() {
    let server = Server::builder().set("timeouts.login", "1s").start();
    let mut wire = Wire::connect(server.ftps());
    wire.expect_end();
}

//! RFC 2228, FTP security extensions: AUTH, PBSZ, PROT and the order of things.

use flotilla_tests::Server;

/// 3: an unknown mechanism is 504, no mechanism 501.
#[test]
fn unknown_mechanisms_are_refused() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("AUTH KERBEROS_V4", 504);
    wire.ask("AUTH", 501);
    wire.ask("AUTH GSSAPI", 504);
    wire.login("alice");
}

/// 3: PBSZ needs a security exchange first (503), PROT needs PBSZ (503).
#[test]
fn protection_follows_the_exchange() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("PBSZ 0", 503);
    wire.ask("PROT P", 503);
    wire.auth_tls(&server.tls());
    wire.ask("PROT P", 503);
    wire.ask("PBSZ 0", 200);
    wire.ask("PROT P", 200);
}

/// 3: PBSZ of anything is answered with the size in force, `PBSZ=0`.
#[test]
fn the_buffer_size_is_zero() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.auth_tls(&server.tls());
    let reply = wire.ask("PBSZ 65536", 200).text();
    assert!(reply.contains("PBSZ=0"), "{reply}");
    wire.ask("PBSZ", 501);
    wire.ask("PBSZ much", 501);
}

/// 3: levels that TLS has not are 536, unknown ones 504.
#[test]
fn levels_that_tls_has_not_are_refused() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.auth_tls(&server.tls());
    wire.ask("PBSZ 0", 200);
    wire.ask("PROT S", 536);
    wire.ask("PROT E", 536);
    wire.ask_any("PROT X", &[501, 504]);
    wire.ask("PROT C", 200);
    wire.ask("PROT P", 200);
}

/// 3 (CCC): the protection of the control connection is not given up.
#[test]
fn the_control_connection_stays_protected() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.auth_tls(&server.tls());
    wire.login("alice");
    wire.ask_any("CCC", &[500, 502, 533, 534]);
    wire.ask("NOOP", 200);
}

/// 3: a second AUTH under TLS changes nothing.
#[test]
fn a_second_exchange_is_refused() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.auth_tls(&server.tls());
    wire.ask_any("AUTH TLS", &[503, 534]);
    wire.login("alice");
}

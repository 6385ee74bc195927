//! Data connections are tied to their control connection by TLS session resumption
//! (RFC 4217, 10.1; `ftp.passive.data_reuse`).

use flotilla_tests::{Data, Server, TlsClient, Wire};
use rustls::HandshakeKind;

fn start(reuse: &str) -> Server {
    Server::builder().set("ftp.passive.data_reuse", reuse).file("a", "content").start()
}

/// One RETR whose data connection shakes hands as `tls`; the bytes, or the final code of a refusal.
fn fetch_as(wire: &mut Wire, tls: &TlsClient) -> Result<Vec<u8>, u16> {
    let data = wire.open();
    wire.send("RETR a");
    wire.expect(150);
    let bytes = data.secure(tls).and_then(Data::read_all);
    let reply = wire.reply();
    match reply.code {
        226 => Ok(bytes.expect("226 says that every byte was sent")),
        code => Err(code),
    }
}

/// A client that resumes its own control session is served under every setting, and the handshake
/// is a short one.
#[test]
fn the_own_session_is_resumed() {
    for reuse in ["off", "match", "require"] {
        let server = start(reuse);
        for tls in [server.tls().tls12(), server.tls().tls13()] {
            let mut wire = server.login_tls(&tls);
            for _ in 0..3 {
                let mut data = wire.begin("RETR a");
                assert_eq!(data.stream().handshake(), Some(HandshakeKind::Resumed), "{reuse}");
                assert_eq!(data.read_all().unwrap(), b"content");
                wire.expect(226);
            }
        }
    }
}

/// A ticket of somebody else's session is not honoured: what is left is a full handshake, which
/// `match` serves and `require` refuses.
#[test]
fn another_session_is_not_resumed() {
    for (reuse, expected) in [("match", Ok(b"content".to_vec())), ("require", Err(522))] {
        let server = start(reuse);
        for (mine, other) in [
            (server.tls().tls12(), server.tls().tls12()),
            (server.tls().tls13(), server.tls().tls13()),
        ] {
            let mut wire = server.login_tls(&mine);
            let mut stranger = server.login_tls(&other);
            stranger.ask("NOOP", 200);
            assert_eq!(fetch_as(&mut wire, &other), expected, "{reuse}");
            wire.ask("NOOP", 200);
        }
    }
}

/// The same user in another session is another session.
#[test]
fn an_earlier_session_of_the_same_client_is_refused() {
    let server = start("require");
    let tls = server.tls().tls13();
    let mut first = server.login_tls(&tls);
    first.ask("QUIT", 221);
    let mut second = server.login_tls(&tls.fresh());
    assert_eq!(fetch_as(&mut second, &tls), Err(522));
}

/// `match` serves a full handshake, as clients without resumption make it; `require` refuses it
/// with 522.
#[test]
fn a_full_handshake_is_served_unless_resumption_is_required() {
    for (reuse, expected) in [
        ("off", Ok(b"content".to_vec())),
        ("match", Ok(b"content".to_vec())),
        ("require", Err(522)),
    ] {
        let server = start(reuse);
        for tls in [server.tls().tls12(), server.tls().tls13()] {
            let mut wire = server.login_tls(&tls);
            let stranger = tls.clone().without_resumption();
            assert_eq!(fetch_as(&mut wire, &stranger), expected, "{reuse}");
        }
    }
}

/// A refused upload leaves nothing behind and replaces nothing.
#[test]
fn a_refused_upload_changes_nothing() {
    let server = start("require");
    let mut wire = server.login_tls(&server.tls());
    let data = wire.open();
    wire.send("STOR a");
    wire.expect(150);
    let _ = data.secure(&server.tls().without_resumption()).and_then(|data| data.finish(b"forged"));
    wire.expect(522);
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"content");
}

/// A client may resume on the control connection of a new session: it is a session of its own.
#[test]
fn a_control_connection_may_resume() {
    let server = start("require");
    let tls = server.tls();
    let mut first = server.login_tls(&tls);
    first.ask("QUIT", 221);
    let mut second = server.connect();
    second.auth_tls(&tls);
    second.login("alice").protect();
    assert_eq!(second.fetch("a"), b"content");
}

/// `data_peer = "tls"`: who resumes the session may come from any address; who does not is refused.
#[test]
fn a_resumed_session_may_come_from_elsewhere() {
    let server = Server::builder().set("ftp.passive.data_peer", "tls").file("a", "content").start();
    let tls = server.tls();
    let mut wire = server.login_tls(&tls);
    let address = wire.epsv();
    let data = Data::connect_from([127, 200, 0, 7].into(), address).unwrap();
    wire.send("RETR a");
    wire.expect(150);
    let data = data.secure(&tls).unwrap();
    assert_eq!(data.read_all().unwrap(), b"content");
    wire.expect(226);
}

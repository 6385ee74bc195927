//! RFC 4217, securing FTP with TLS.

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::{PASSWORD, Server, TlsClient, Wire};

fn versions(server: &Server) -> [TlsClient; 2] {
    [server.tls().tls12(), server.tls().tls13()]
}

/// 4 and 12: AUTH TLS, the handshake, login, PBSZ, PROT P, and protected transfers both ways, in
/// either version.
#[test]
fn files_move_under_tls() {
    let bytes = Content::new(4).bytes(3_000_001);
    let server = Server::builder().file("big", &bytes).file("empty", "").start();
    for tls in versions(&server) {
        let mut wire = server.login_tls(&tls);
        assert_same("download", &wire.fetch("big"), &bytes);
        assert_same("empty download", &wire.fetch("empty"), b"");
        wire.store("up", &bytes);
        wire.store("nothing", b"");
        assert_same("upload", &std::fs::read(server.file("up")).unwrap(), &bytes);
        assert_same("empty upload", &std::fs::read(server.file("nothing")).unwrap(), b"");
        assert!(wire.list("LIST").iter().any(|line| line.ends_with(" big")));
        assert!(wire.list("MLSD").iter().any(|line| line.ends_with(" big")));
        wire.ask("DELE up", 250);
    }
}

/// 4: AUTH SSL and AUTH TLS-C, TLS-P are older names.
#[test]
fn older_names_are_understood() {
    let server = Server::start();
    for name in ["SSL", "TLS-C", "TLS-P", "tls"] {
        let mut wire = server.connect();
        wire.ask(format!("AUTH {name}"), 234);
        wire.secure(&server.tls()).unwrap();
        wire.login("alice");
    }
}

/// 9: data connections are clear until PROT P, and again after PROT C.
#[test]
fn protection_of_data_is_chosen() {
    let server = Server::builder().file("a", "content").start();
    let tls = server.tls();
    let mut wire = server.connect();
    wire.auth_tls(&tls).login("alice");
    wire.ask("PBSZ 0", 200);
    assert_eq!(wire.fetch("a"), b"content");
    wire.protect();
    assert_eq!(wire.fetch("a"), b"content");
    wire.ask("PROT C", 200);
    wire.protect_with(None);
    assert_eq!(wire.fetch("a"), b"content");
}

/// 11: AUTH after the login is taken as well, and starts the authorisation over or keeps it.
#[test]
fn tls_may_begin_after_the_login() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send("AUTH TLS");
    if wire.expect_any(&[234, 503, 534]).code == 234 {
        wire.secure(&server.tls()).unwrap();
        if wire.ask_any("PWD", &[257, 530]).code == 530 {
            wire.login("alice");
        }
        wire.protect();
        wire.list("LIST");
    }
}

/// 15.1: what came in clear behind AUTH TLS is not carried out under TLS.
#[test]
fn commands_are_not_injected_across_the_handshake() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.send_raw(format!("AUTH TLS\r\nUSER alice\r\nPASS {PASSWORD}\r\nMKD injected\r\n"));
    wire.expect(234);
    if wire.secure(&server.tls()).is_ok() {
        // The first thing that is answered is the first thing that was said under TLS.
        wire.ask("PWD", 530);
        wire.login("alice");
    }
    assert!(!server.file("injected").exists());
}

/// 15.1: half a command in clear does not become one with the first bytes under TLS.
#[test]
fn half_a_command_is_not_completed_under_tls() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.send_raw("AUTH TLS\r\nUSER mall");
    wire.expect(234);
    if wire.secure(&server.tls()).is_ok() {
        wire.send("NOOP");
        wire.expect(200);
        wire.login("alice");
    }
}

/// 10.2: a data connection ends with the TLS alert, in both directions; `read_all` insists on it.
#[test]
fn data_ends_with_an_alert() {
    let bytes = Content::new(5).bytes(200_000);
    let server = Server::builder().file("a", &bytes).start();
    for tls in versions(&server) {
        let mut wire = server.login_tls(&tls);
        for length in [0, 1, 16_383, 16_384, 16_385, 65_536] {
            std::fs::write(server.file("n"), &bytes[..length]).unwrap();
            let data = wire.begin("RETR n");
            assert_same("download", &data.read_all().expect("a clean end"), &bytes[..length]);
            wire.expect(226);
        }
        let data = wire.begin("LIST");
        data.read_all().expect("a clean end");
        wire.expect(226);
    }
}

/// 10.2: an upload that ends without the alert was cut off: it is no success.
#[test]
fn an_upload_without_its_end_is_refused() {
    let server = Server::builder().file("a", "old").start();
    for tls in versions(&server) {
        let mut wire = server.login_tls(&tls);
        let mut data = wire.begin("STOR a");
        data.write(&[b'n'; 40_000]).unwrap();
        // The end of TCP alone, as an attacker can forge it.
        data.stream().tcp().shutdown(std::net::Shutdown::Write).unwrap();
        wire.expect_any(&[426, 451]);
        assert_eq!(std::fs::read(server.file("a")).unwrap(), b"old");
    }
}

/// A client that closes right after its alert, with nothing read from the data connection, has sent
/// everything all the same: the server must not have put tickets in its way.
#[test]
fn an_upload_may_end_with_nothing_read() {
    let bytes = Content::new(10).bytes(3_000_000);
    let server = Server::start();
    for tls in versions(&server) {
        let mut wire = server.login_tls(&tls);
        for length in [0, 1, 100_000, 3_000_000] {
            let data = wire.begin("STOR a");
            data.finish_unread(&bytes[..length]).unwrap();
            wire.expect(226);
            assert_same("upload", &std::fs::read(server.file("a")).unwrap(), &bytes[..length]);
        }
    }
}

/// 10: a client that speaks clear where TLS was agreed gets no byte of the file.
#[test]
fn a_clear_data_connection_gets_nothing() {
    let server = Server::builder().file("a", "secret content").start();
    let mut wire = server.login_tls(&server.tls());
    let mut data = wire.open();
    wire.send("RETR a");
    wire.expect(150);
    data.write(b"not a handshake at all").unwrap();
    wire.expect_any(&[425, 426, 522]);
    let got = data.read_all().unwrap_or_default();
    assert!(!got.windows(6).any(|bytes| bytes == b"secret"));
    wire.ask("NOOP", 200);
}

/// A client that never begins the handshake is given up.
#[test]
fn a_silent_data_connection_is_given_up() {
    let server = Server::builder().set("timeouts.data_connect", "1s").file("a", "x").start();
    let mut wire = server.login_tls(&server.tls());
    let data = wire.open();
    wire.send("RETR a");
    wire.expect(150);
    wire.expect_any(&[425, 426, 522]);
    drop(data);
    assert_eq!(wire.fetch("a"), b"x");
}

/// `ftp.tls = "required"`: nobody logs in in clear, and data must be protected as well.
#[test]
fn tls_can_be_required() {
    let server = Server::builder().set("ftp.tls", "required").file("a", "x").start();
    let mut wire = server.connect();
    let refused = [421, 503, 522, 530, 534, 550];
    if wire.ask_any("USER alice", &[331, 421, 503, 522, 530, 534, 550]).code == 331 {
        wire.ask_any(format!("PASS {PASSWORD}"), &refused);
    }
    let mut wire = server.connect();
    wire.ask("FEAT", 211);
    wire.auth_tls(&server.tls()).login("alice");
    wire.open();
    wire.ask_any("RETR a", &[521, 522, 530, 534]);
    wire.protect();
    assert_eq!(wire.fetch("a"), b"x");
}

/// 4: a handshake that fails ends the connection and nothing else.
#[test]
fn a_failed_handshake_ends_the_connection() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("AUTH TLS", 234);
    wire.send_raw("this is no handshake, it is just text that goes on for a while\r\n");
    let rest = wire.drain();
    assert!(!rest.starts_with(b"2"), "{}", rest.escape_ascii());
    server.login_tls(&server.tls()).ask("NOOP", 200);
}

/// 4: `tls.min_version = "1.3"` refuses TLS 1.2.
#[test]
fn the_oldest_version_can_be_raised() {
    let server = Server::builder().set("tls.min_version", "1.3").start();
    server.login_tls(&server.tls().tls13()).ask("NOOP", 200);
    let mut wire = server.connect();
    wire.ask("AUTH TLS", 234);
    assert!(wire.secure(&server.tls().tls12()).is_err());
}

/// TYPE A and ABOR do under TLS what they do in clear.
#[test]
fn ascii_and_abor_work_under_tls() {
    let server = Server::builder().file("lines", "1\n2\n").file("big", vec![0; 64 << 20]).start();
    for tls in versions(&server) {
        let mut wire = server.login_tls(&tls);
        wire.ask("TYPE A", 200);
        assert_eq!(wire.fetch("lines"), b"1\r\n2\r\n");
        wire.ask("TYPE I", 200);
        let mut data = wire.begin("RETR big");
        data.read(100_000).unwrap();
        wire.send("ABOR");
        wire.expect(426);
        wire.expect_any(&[225, 226]);
        drop(data);
        assert_eq!(wire.fetch("lines"), b"1\n2\n");
    }
}

/// The end of the session: QUIT is answered, then the TLS alert comes.
#[test]
fn quit_ends_tls_properly() {
    let server = Server::start();
    let mut wire: Wire = server.login_tls(&server.tls());
    wire.ask("QUIT", 221);
    let mut rest = Vec::new();
    let end = std::io::Read::read_to_end(wire.stream(), &mut rest);
    assert!(end.is_ok() && rest.is_empty(), "{end:?}");
}

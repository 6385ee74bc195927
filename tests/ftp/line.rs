//! The command line itself (RFC 959, 5.3): its length, its end, and bytes that do not belong there.

use flotilla_tests::Server;

/// A line of 4096 bytes is taken.
#[test]
fn a_long_line_is_taken() {
    let server = Server::start();
    let mut wire = server.login();
    let path = format!("/{}", "d/".repeat(2000));
    let line = format!("CWD {path}");
    assert!(line.len() < 4094);
    wire.ask(line, 550);
    wire.ask("NOOP", 200);
}

/// A longer one is 500, and what is left of it is no command.
#[test]
fn a_longer_line_is_dropped_whole() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send(["NOOP ".to_owned(), "x".repeat(100_000), " \nx".replace('\n', " ")].concat());
    wire.expect(500);
    wire.ask("PWD", 257);
    wire.send_raw(format!("{}\r\nNOOP\r\nPWD\r\n", "QUIT ".repeat(2000)));
    for code in [500, 200, 257] {
        wire.expect(code);
    }
}

/// A lone LF ends a line for clients that know no better.
#[test]
fn a_lone_line_feed_ends_a_line() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send_raw("NOOP\nPWD\n");
    wire.expect(200);
    wire.expect(257);
}

/// An empty line is no reason to hang up.
#[test]
fn an_empty_line_is_survived() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send("");
    wire.send("NOOP");
    let first = wire.expect_any(&[200, 500]);
    if first.code == 500 {
        wire.expect(200);
    }
    wire.ask("PWD", 257);
}

/// Bytes of any value are answered as an unknown command, and nothing is taken for what follows.
#[test]
fn any_bytes_are_answered() {
    let server = Server::start();
    let mut wire = server.login();
    let junk: Vec<u8> = (0..=254).filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    wire.ask(junk, 500);
    wire.ask("NOOP", 200);
}

/// No reply repeats a line end that a client has sent inside an argument.
#[test]
fn a_bare_return_does_not_forge_a_reply() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send_raw(b"CWD no\rsuch\r\n");
    let reply = wire.expect_any(&[500, 501, 550, 553]);
    assert_eq!(reply.lines.len(), 1);
    assert!(!reply.lines.concat().contains(&b'\r'), "{reply:?}");
    wire.ask("NOOP", 200);
}

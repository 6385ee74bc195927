//! RFC 959, 4.1.3 and 5.4: commands while a transfer is under way, and pipelined ones.

use flotilla_tests::Server;
use flotilla_tests::server::BEGUN_BYTES;

/// Large enough that socket buffers never hold the whole of it.
const BIG: usize = 64 << 20;

fn start() -> Server {
    Server::builder().file("big", vec![b'x'; BIG]).start()
}

/// 4.1.3: ABOR in mid-transfer: the transfer's own end (426), then 226 for ABOR itself.
#[test]
fn abor_ends_a_download() {
    let server = start();
    let (mut wire, data) = server.begin_download("big");
    wire.send("ABOR");
    wire.expect(426);
    wire.expect_any(&[225, 226]);
    assert!(data.read_all().map_or(0, |bytes| bytes.len()) < BIG);
    wire.ask("PWD", 257);
}

/// 4.1.3: the same for an upload, which keeps what was there.
#[test]
fn abor_ends_an_upload() {
    let server = Server::builder().file("a", "old").start();
    let mut wire = server.login();
    let mut data = wire.begin("STOR a");
    data.write(&[b'n'; 50_000]).unwrap();
    wire.send("ABOR");
    wire.expect(426);
    wire.expect_any(&[225, 226]);
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"old");
    wire.ask("NOOP", 200);
}

/// 4.1.3: with nothing under way ABOR is 225 or 226.
#[test]
fn abor_of_nothing_is_no_error() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask_any("ABOR", &[225, 226]);
    wire.epsv();
    wire.ask_any("ABOR", &[225, 226]);
}

/// ABOR while the server still waits for the data connection.
#[test]
fn abor_ends_the_wait_for_a_connection() {
    let server = Server::builder().file("a", "x").start();
    let mut wire = server.login();
    wire.epsv();
    wire.send("RETR a");
    wire.send("ABOR");
    wire.expect_any(&[425, 426]);
    wire.expect_any(&[225, 226]);
    assert_eq!(wire.fetch("a"), b"x");
}

/// 4.1.3: STAT in mid-transfer tells of it, NOOP is answered, and the transfer goes on.
#[test]
fn status_and_noop_are_answered_in_mid_transfer() {
    let server = start();
    let (mut wire, data) = server.begin_download("big");
    let status = wire.ask_any("STAT", &[211, 213]);
    assert!(status.text().contains("big") || status.text().contains("RETR"), "{status:?}");
    wire.ask("NOOP", 200);
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    wire.expect(226);
}

/// 4.1.1: QUIT in mid-transfer lets the transfer end, then the connection.
#[test]
fn quit_waits_for_the_transfer() {
    let server = start();
    let (mut wire, data) = server.begin_download("big");
    wire.send("QUIT");
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    let first = wire.expect_any(&[221, 226]).code;
    wire.expect(if first == 226 { 221 } else { 226 });
    wire.expect_end();
}

/// Any other command waits for the end of the transfer and is answered then, in order.
#[test]
fn other_commands_wait_for_the_transfer() {
    let server = start();
    let (mut wire, data) = server.begin_download("big");
    wire.send("PWD");
    wire.send("SYST");
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    wire.expect(226);
    wire.expect(257);
    wire.expect(215);
}

/// Commands that come in one segment are answered one by one, in order.
#[test]
fn pipelined_commands_are_answered_in_order() {
    let server = Server::builder().file("a", "12345").start();
    let mut wire = server.connect();
    let password = flotilla_tests::PASSWORD;
    wire.send_raw(format!(
        "USER alice\r\nPASS {password}\r\nPWD\r\nTYPE I\r\nSIZE a\r\nMKD d\r\nCWD d\r\nPWD\r\nFROB\r\nNOOP\r\n"
    ));
    for code in [331, 230, 257, 200, 213, 257, 250, 257, 500, 200] {
        wire.expect(code);
    }
}

/// Hundreds of them neither overrun a queue nor get lost.
#[test]
fn a_long_pipeline_is_answered_whole() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send_raw("NOOP\r\nPWD\r\n".repeat(2000));
    for _ in 0..2000 {
        wire.expect(200);
        wire.expect(257);
    }
}

/// A command may come one byte at a time.
#[test]
fn a_command_may_come_in_pieces() {
    let server = Server::start();
    let mut wire = server.login();
    for byte in b"NOOP\r\n" {
        wire.send_raw([*byte]);
    }
    wire.expect(200);
}

/// A client that ends its side of the connection after the last command still gets its answers.
#[test]
fn a_half_closed_connection_gets_its_answers() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send_raw("PWD\r\nNOOP\r\n");
    wire.stream().finish().unwrap();
    wire.expect(257);
    wire.expect(200);
    let _ = wire.drain();
}

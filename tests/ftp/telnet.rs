//! RFC 854 inside FTP (RFC 959, 4.1.3 and 5.3; RFC 1123, 4.1.2.10 and 4.1.2.12): telnet bytes in
//! the command stream.

use flotilla_tests::Server;
use rustix::net::SendFlags;

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const IP: u8 = 244;
const DM: u8 = 242;
const NOP: u8 = 241;

/// RFC 959, 4.1.3: IP and a Synch before ABOR, the DM as urgent data.
#[test]
fn abor_may_come_with_a_synch() {
    let server = Server::builder().file("big", vec![0; 64 << 20]).start();
    let (mut wire, _data) = server.begin_download("big");
    wire.send_raw([IAC, IP]);
    rustix::net::send(wire.stream().tcp(), &[IAC], SendFlags::OOB).unwrap();
    wire.send_raw([&[DM][..], b"ABOR\r\n"].concat());
    wire.expect(426);
    wire.expect_any(&[225, 226]);
    wire.ask("PWD", 257);
}

/// The same with the DM itself as the urgent byte, as BSD clients do.
#[test]
fn the_mark_may_be_the_urgent_byte() {
    let server = Server::builder().file("big", vec![0; 64 << 20]).start();
    let (mut wire, _data) = server.begin_download("big");
    wire.send_raw([IAC, IP, IAC]);
    rustix::net::send(wire.stream().tcp(), &[DM], SendFlags::OOB).unwrap();
    wire.send_raw(b"ABOR\r\n");
    wire.expect(426);
    wire.expect_any(&[225, 226]);
    wire.ask("PWD", 257);
}

/// Telnet commands before, inside and after a line are no part of it.
#[test]
fn telnet_commands_are_no_part_of_a_line() {
    let server = Server::start();
    let mut wire = server.login();
    wire.send_raw([IAC, NOP, b'N', b'O', IAC, NOP, b'O', b'P', b'\r', b'\n']);
    wire.expect(200);
    wire.send_raw([&[IAC, IP, IAC, DM][..], b"PWD\r\n"].concat());
    wire.expect(257);
}

/// RFC 1123, 4.1.2.12: option negotiation is survived; if it is answered, then by a refusal.
#[test]
fn options_are_refused_or_ignored() {
    let server = Server::start();
    let mut wire = server.login();
    for verb in [DO, DONT, WILL, WONT] {
        wire.send_raw([&[IAC, verb, 24][..], b"NOOP\r\n"].concat());
        let line = wire.try_reply();
        if let Ok(reply) = line {
            assert_eq!(reply.code, 200, "{wire}");
        } else {
            // A refusal, glued to the front of the reply.
            let shown = wire.to_string();
            assert!(
                shown.contains("\\xff\\xfc\\x18") || shown.contains("\\xff\\xfe\\x18"),
                "{shown}"
            );
        }
    }
}

/// A doubled IAC is the byte 255 itself: a name may hold it.
#[test]
fn a_doubled_iac_is_a_byte_of_the_name() {
    use std::os::unix::ffi::OsStrExt;
    let server = Server::start();
    let mut wire = server.login();
    wire.ask(b"MKD a\xff\xffb", 257);
    let name = std::ffi::OsStr::from_bytes(b"a\xffb");
    assert!(server.file(name).is_dir());
    // And in replies it is doubled again.
    wire.ask(b"CWD a\xff\xffb", 250);
    let reply = wire.ask("PWD", 257);
    assert!(reply.lines.concat().windows(4).any(|bytes| bytes == b"a\xff\xffb"), "{reply:?}");
}

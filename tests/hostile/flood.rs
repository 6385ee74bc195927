//! Floods: half-open logins, endless lines, readers that do not read. What is asked for is bounded
//! memory and a good client that is still served.

use std::io::Write;
use std::time::{Duration, Instant};

use flotilla_tests::{Data, Server, Wire};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Resident memory in KiB.
fn memory(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A whole good session, and how long it took.
fn good_client(server: &Server) -> Duration {
    let begun = Instant::now();
    let mut wire = server.login();
    assert_eq!(wire.fetch("a"), b"content");
    wire.ask("QUIT", 221);
    begun.elapsed()
}

/// As many descriptors as the system allows this process and its children.
pub fn many_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

/// 2,000 logins that stop after USER do not keep a good client out.
#[test]
fn half_open_logins_keep_nobody_out() {
    const FLOOD: usize = 2000;
    let allowed = many_descriptors();
    assert!(allowed > 2 * FLOOD as u64, "this machine allows {allowed} descriptors only");
    let server = Server::builder().file("a", "content").start();
    let before = memory(&server);
    let mut flood: Vec<Wire> = (0..FLOOD)
        .map(|_| {
            let mut wire = Wire::connect(server.ftp());
            wire.send("USER alice");
            wire
        })
        .collect();
    for wire in &mut flood {
        wire.expect(220);
        wire.expect(331);
    }
    let took = good_client(&server);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let each = memory(&server).saturating_sub(before) / FLOOD;
    assert!(each < 64, "{each} KiB per half-open login");
    // And they are all still good for a login.
    let last = flood.last_mut().unwrap();
    last.ask(format!("PASS {}", flotilla_tests::PASSWORD), 230);
}

/// 300 handshakes that stop half-way.
#[test]
fn half_open_handshakes_keep_nobody_out() {
    many_descriptors();
    let server = Server::builder().file("a", "content").start();
    let flood: Vec<Wire> = (0..300)
        .map(|_| {
            let mut wire = Wire::connect(server.ftps());
            // The head of a ClientHello record that promises more than will ever come.
            wire.send_raw([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
            wire
        })
        .collect();
    assert!(good_client(&server) < Duration::from_secs(5));
    drop(flood);
}

/// A line without an end is answered once and stored never.
#[test]
fn an_endless_line_is_not_stored() {
    let server = Server::builder().file("a", "content").start();
    for logged_in in [false, true] {
        let mut wire = if logged_in { server.login() } else { server.connect() };
        let before = memory(&server);
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            if wire.try_send_raw(&piece).is_err() {
                break;
            }
        }
        assert!(memory(&server).saturating_sub(before) < 8 << 10, "64 MiB of a line were stored");
        if wire.try_send_raw(b"\r\nNOOP\r\n").is_ok() {
            wire.expect_any(&[500, 421]);
        }
    }
    good_client(&server);
}

/// A client that asks and never reads is not answered into memory.
#[test]
fn replies_that_nobody_reads_are_not_stored() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = server.login();
    wire.stream().tcp().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let before = memory(&server);
    let commands = "HELP\r\nFEAT\r\nSTAT\r\n".repeat(1000);
    let mut accepted = 0;
    while accepted < 64 << 20 {
        match wire.stream().write(commands.as_bytes()) {
            Ok(count) => accepted += count,
            Err(_) => break,
        }
    }
    assert!(accepted < 64 << 20, "the server takes commands without end");
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB for replies that nobody reads");
    assert!(good_client(&server) < Duration::from_secs(5));
}

/// Downloads that are not read do not slow the others down.
#[test]
fn slow_readers_hold_nobody_up() {
    let server = Server::builder().file("big", vec![0; 64 << 20]).file("a", "content").start();
    let before = memory(&server);
    let readers: Vec<(Wire, Data)> = (0..25)
        .map(|_| {
            let mut wire = server.login();
            let data = wire.begin("RETR big");
            (wire, data)
        })
        .collect();
    assert!(good_client(&server) < Duration::from_secs(5));
    let each = memory(&server).saturating_sub(before) / readers.len();
    assert!(each < 1024, "{each} KiB per reader");
}

/// Connections that come and go leave nothing behind.
#[test]
fn connections_that_come_and_go_leave_nothing() {
    let server = Server::builder().file("a", "content").start();
    good_client(&server);
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    let before = descriptors();
    for round in 0..300 {
        let mut wire = server.connect();
        // A port that was told and not used stays this client's for a while: fewer than the range
        // has.
        match round % 20 {
            7 => {
                wire.login("alice");
                wire.epsv();
            }
            17 => {
                wire.login("alice");
                let data = wire.begin("STOR left");
                data.reset();
            }
            even if even % 2 == 0 => drop(wire),
            _ => wire.reset(),
        }
    }
    flotilla_tests::wait::until("the descriptors to be given back", || {
        // The listeners of passive ports stay for the next client.
        (descriptors() <= before + PORTS).then_some(())
    });
}

/// What the range of a server under test has, and a little.
const PORTS: usize = 50;

//! Floods: half-open logins, endless lines, readers that do not read. What is asked for is bounded
//! memory and a good client that is still served.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use flotilla_tests::{Data, Server, Wire, health, wait};
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

/// An address for each `SHARE` of a flood: what one address may hold without a login
/// (`limits.unauthenticated_per_address`) bounds none of these tests.
fn flooder(number: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(number / SHARE).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 201, high, low)
}

/// Connections of one address in a flood: fewer than the default of the limit.
const SHARE: usize = 30;

/// 2,000 logins that stop after USER do not keep a good client out.
#[test]
fn half_open_logins_keep_nobody_out() {
    const FLOOD: usize = 2000;
    let allowed = many_descriptors();
    assert!(allowed > 2 * FLOOD as u64, "this machine allows {allowed} descriptors only");
    let server = Server::builder().file("a", "content").start();
    let before = memory(&server);
    let mut flood: Vec<Wire> = (0..FLOOD)
        .map(|number| {
            let mut wire = Wire::connect_from(flooder(number), server.ftp());
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

/// One address that takes all the places it can get keeps nobody else out, and itself only until it
/// logs in or goes.
#[test]
fn one_address_takes_its_own_places_only() {
    const PLACES: usize = 5;
    let server = Server::builder()
        .set("limits.unauthenticated_per_address", PLACES as i64)
        .file("a", "content")
        .start();
    let greedy = Ipv4Addr::new(127, 202, 0, 1);
    let greeted = |source| {
        let mut wire = Wire::connect_from(source, server.ftp());
        wire.expect(220);
        wire
    };
    let mut held: Vec<Wire> = (0..PLACES).map(|_| greeted(greedy)).collect();
    // Also those of half a handshake count.
    drop(held.pop());
    wait::until("the place that was left", || {
        unauthenticated(&server).filter(|count| *count == PLACES as u64 - 1)
    });
    let mut half = Wire::connect_from(greedy, server.ftps());
    half.send_raw([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    wait::until("half a handshake to count", || {
        unauthenticated(&server).filter(|count| *count == PLACES as u64)
    });
    for _ in 0..20 {
        assert!(refused(&server, greedy), "a place too many");
    }
    good_client(&server);

    // Who logs in gives the place to the next, and takes it back when the login ends.
    let mut first = held.pop().unwrap();
    drop((held, half));
    first.login("alice");
    wait::until("all places", || {
        let held: Vec<Wire> = (0..PLACES).filter_map(|_| greet(&server, greedy).ok()).collect();
        (held.len() == PLACES).then_some(held)
    });
    first.ask("REIN", 220);
    wait::until("the count", || unauthenticated(&server).filter(|count| *count == 1));
    let rest: Vec<Wire> = (1..PLACES).map(|_| greeted(greedy)).collect();
    assert!(refused(&server, greedy));
    drop((first, rest));
    wait::until("nobody", || unauthenticated(&server).filter(|count| *count == 0));
}

/// The node has a limit of its own (`limits.unauthenticated`), which those who are logged in do not
/// feel.
#[test]
fn strangers_have_a_part_of_the_node_only() {
    let server = Server::builder().set("limits.unauthenticated", 3).file("a", "content").start();
    let mut early = server.login();
    let held: Vec<Wire> = (0..3).map(|_| server.connect()).collect();
    let mut more = Wire::connect_from(Ipv4Addr::new(127, 202, 1, 1), server.ftp());
    let reply = more.expect(421);
    assert!(reply.text().contains("limits.unauthenticated)"), "{reply:?}");
    more.expect_end();
    assert_eq!(early.fetch("a"), b"content");
    drop(held);
    wait::until("a free place", || greet(&server, Ipv4Addr::LOCALHOST).ok());
}

/// Who is turned away hears why, also if they spoke first: a reset would eat the words on many systems.
#[test]
fn who_is_turned_away_hears_why() {
    let server = Server::builder().set("limits.unauthenticated_per_address", 1).start();
    let _held = server.connect();
    for _ in 0..20 {
        let mut wire = Wire::connect(server.ftp());
        wire.send_raw(b"USER alice\r\nPASS swordfish\r\n");
        wire.expect(421);
        let mut tcp = wire.stream().tcp();
        let end = tcp.read(&mut [0; 16]);
        assert!(matches!(end, Ok(0)), "{end:?}");
    }
}

/// Connects and is greeted, or not.
fn greet(server: &Server, source: Ipv4Addr) -> Result<Wire, String> {
    let mut wire = Wire::connect_from(source, server.ftp());
    match wire.try_reply() {
        Ok(reply) if reply.code == 220 => Ok(wire),
        Ok(reply) => Err(reply.text()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the address is told that it has no place left.
fn refused(server: &Server, source: Ipv4Addr) -> bool {
    greet(server, source).is_err_and(|told| {
        assert!(told.starts_with("421 "), "{told}");
        told.contains("limits.unauthenticated_per_address")
    })
}

/// How many connections the node says have no login.
fn unauthenticated(server: &Server) -> Option<u64> {
    let (_, metrics) = health::get(server.health(), "/metrics").ok()?;
    let line = metrics.lines().find(|line| line.starts_with("flotilla_unauthenticated "))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// 300 handshakes that stop half-way.
#[test]
fn half_open_handshakes_keep_nobody_out() {
    many_descriptors();
    let server = Server::builder().file("a", "content").start();
    let flood: Vec<Wire> = (0..300)
        .map(|number| {
            let mut wire = Wire::connect_from(flooder(number), server.ftps());
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
    wait::until("the descriptors to be given back", || {
        // The listeners of passive ports stay for the next client.
        (descriptors() <= before + PORTS).then_some(())
    });
}

/// What the range of a server under test has, and a little.
const PORTS: usize = 50;

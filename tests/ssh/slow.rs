//! Clients that ask for much and read little: the server holds little, reads on, and forgets
//! nothing.

use std::net::Ipv4Addr;
use std::time::Duration;

use flotilla_tests::content::Content;
use flotilla_tests::sftp::{kind, open, packet, read_body};
use flotilla_tests::{Relay, Server, Sftp, Ssh, wait};

/// As most clients ask.
const BLOCK: u32 = 32_768;
const BIG: usize = 64 << 20;

/// Resident memory in KiB.
fn memory(server: &Server) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn start() -> (Server, Vec<u8>) {
    let bytes = Content::new(1).bytes(BIG);
    (Server::builder().ssh().file("big", &bytes).start(), bytes)
}

/// READs of the whole file, again and again, `count` of them.
fn reads(handle: &[u8], count: u32) -> Vec<u8> {
    let blocks = BIG as u32 / BLOCK;
    (0..count)
        .flat_map(|id| {
            let offset = u64::from(id % blocks) * u64::from(BLOCK);
            packet(kind::READ, id, &read_body(handle, offset, BLOCK))
        })
        .collect()
}

/// Every READ is answered with its own bytes, once.
#[track_caller]
fn assert_answers(sftp: &mut Sftp, count: u32, bytes: &[u8]) {
    let blocks = BIG as u32 / BLOCK;
    let mut seen = vec![false; count as usize];
    for _ in 0..count {
        let answer = sftp.receive();
        assert_eq!(answer.kind, kind::DATA, "{:?}", answer.body.get(..80));
        let start = (answer.id % blocks * BLOCK) as usize;
        assert!(answer.string() == &bytes[start..start + BLOCK as usize], "block {}", answer.id);
        assert!(!std::mem::replace(&mut seen[answer.id as usize], true), "{} twice", answer.id);
    }
}

/// 100,000 READs before the first reply is read: they are all taken, little is held, all is answered.
#[test]
fn a_flood_of_reads_is_taken() {
    let count = if flotilla_tests::long() { 100_000 } else { 20_000 };
    let (server, bytes) = start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let handle = sftp.open_file("/big", open::READ);
    let before = memory(&server);
    sftp.send_raw(&reads(&handle, count));
    // The server serves others meanwhile.
    Ssh::new(&server).sftp("pwd\n").succeed();
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for a client that does not read");
    assert_answers(&mut sftp, count, &bytes);
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB after all of it");
    assert_eq!(sftp.close(&handle), 0);
}

/// The same with 100,000 READs where nothing but memory matters: they are sent, and the client goes.
#[test]
fn a_flood_of_reads_is_forgotten() {
    let (server, _) = start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let handle = sftp.open_file("/big", open::READ);
    let before = memory(&server);
    sftp.send_raw(&reads(&handle, 100_000));
    Ssh::new(&server).sftp("pwd\n").succeed();
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for a client that does not read");
    sftp.kill();
    wait::until("the end of the session", || server.log().contains("session ended").then_some(()));
}

/// A network that stands still for a while, between a client and its replies.
#[test]
fn a_reader_that_stops_goes_on() {
    let (server, bytes) = start();
    let relay = Relay::start(Ipv4Addr::LOCALHOST, server.ssh());
    let mut sftp = Sftp::open(&Ssh::at(relay.address()));
    let handle = sftp.open_file("/big", open::READ);
    let (before, count) = (memory(&server), 2 * BIG as u32 / BLOCK);
    relay.stop();
    sftp.send_raw(&reads(&handle, count));
    let pause = if flotilla_tests::long() { 60 } else { 1 };
    let grown = wait::within(Duration::from_secs(pause), || {
        let grown = memory(&server).saturating_sub(before);
        (grown >= 64 * 1024).then_some(grown)
    });
    assert_eq!(grown, None, "KiB for a client that does not read");
    relay.go_on();
    assert_answers(&mut sftp, count, &bytes);
}

/// `ssh.keepalive`: who does not answer has to go, however much is asked for; who is only silent may
/// stay.
#[test]
fn a_reader_that_never_goes_on_ends() {
    let bytes = Content::new(1).bytes(BIG);
    let server = Server::builder().ssh().set("ssh.keepalive", "1s").file("big", bytes).start();
    let mut silent = Sftp::open(&Ssh::new(&server));
    let relay = Relay::start(Ipv4Addr::LOCALHOST, server.ssh());
    let mut sftp = Sftp::open(&Ssh::at(relay.address()));
    let handle = sftp.open_file("/big", open::READ);
    relay.stop();
    sftp.send_raw(&reads(&handle, 2 * BIG as u32 / BLOCK));
    wait::until("the end", || server.log().contains("session ended").then_some(()));
    assert_eq!(silent.size("/big"), Some(BIG as u64));
}

/// A client that says that it sends no more still gets what it asked for; then the end is noticed.
#[test]
fn half_closed_connections_are_served() {
    let (server, bytes) = start();
    let relay = Relay::start(Ipv4Addr::LOCALHOST, server.ssh());
    let mut sftp = Sftp::open(&Ssh::at(relay.address()));
    let handle = sftp.open_file("/big", open::READ);
    // Half of the client's window: it needs no adjustment, which could not be sent any more.
    let count = (1 << 20) / BLOCK;
    sftp.send_raw(&reads(&handle, count));
    assert_answers(&mut sftp, count, &bytes);
    let up = relay.up();
    sftp.send_raw(&reads(&handle, count / 2));
    wait::until("the requests to be under way", || (relay.up() > up).then_some(()));
    relay.half_close();
    relay.wait_for_close();
    wait::until("the end of the session", || server.log().contains("session ended").then_some(()));
}

/// The channel's own end of data: replies still come, then the channel ends with success.
#[test]
fn a_finished_channel_is_served() {
    let (server, bytes) = start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let handle = sftp.open_file("/big", open::READ);
    let count = BIG as u32 / BLOCK;
    sftp.send_raw(&reads(&handle, count));
    sftp.finish();
    assert_answers(&mut sftp, count, &bytes);
    assert!(sftp.has_ended());
    assert_eq!(sftp.end(), Some(0));
}

/// A slow reader beside a quick one, on the same node.
#[test]
fn slow_readers_slow_nobody() {
    let (server, bytes) = start();
    let relays: Vec<Relay> =
        (0..8).map(|_| Relay::start(Ipv4Addr::LOCALHOST, server.ssh())).collect();
    let mut slow = Vec::new();
    for relay in &relays {
        let mut sftp = Sftp::open(&Ssh::at(relay.address()));
        let handle = sftp.open_file("/big", open::READ);
        relay.stop();
        sftp.send_raw(&reads(&handle, 5000));
        slow.push(sftp);
    }
    let ssh = Ssh::new(&server);
    ssh.sftp("get big got\n").succeed();
    assert!(std::fs::read(ssh.join("got")).unwrap() == bytes);
}

//! TERM drains: idle sessions are told to go, transfers are completed, then the exit code is 0. A
//! second TERM ends at once.

use std::time::{Duration, Instant};

use flotilla_tests::content::assert_same;
use flotilla_tests::server::BEGUN_BYTES;
use flotilla_tests::{Content, DEADLINE, Server, Wire, health, wait};
use rustix::process::Signal;

const BIG: usize = 64 << 20;

fn start(drain: &str) -> Server {
    Server::builder().set("timeouts.drain", drain).file("big", vec![7; BIG]).start()
}

/// A transfer under way is completed; the session ends after it.
#[test]
fn a_transfer_is_completed() {
    let content = Content::new(4).bytes(BIG);
    let mut server = Server::builder().set("timeouts.drain", "60s").file("big", &content).start();
    let (mut busy, data) = server.begin_download("big");
    let mut idle = server.login();
    server.signal(Signal::TERM);
    idle.expect(421);
    idle.expect_end();
    assert!(server.is_running());
    assert_same("the rest", &data.read_all().unwrap(), &content[BEGUN_BYTES..]);
    busy.expect(226);
    busy.expect(421);
    assert_eq!(server.wait(DEADLINE), Some(0));
}

/// The same for an upload, which is published.
#[test]
fn an_upload_is_completed() {
    let mut server = start("60s");
    let mut busy = server.login();
    let mut data = busy.begin("STOR up");
    let content = Content::new(5).bytes(200_000);
    data.write(&content[..100_000]).unwrap();
    let mut idle = server.login();
    server.signal(Signal::TERM);
    idle.expect(421);
    data.finish(&content[100_000..]).unwrap();
    busy.expect(226);
    assert_eq!(server.wait(DEADLINE), Some(0));
    assert_same("the upload", &std::fs::read(server.file("up")).unwrap(), &content);
}

/// `timeouts.drain_notice`: the node is not ready any more, says what it waits for, and serves
/// whoever comes all the same. A second TERM does not wait for the end of that either.
#[test]
fn new_clients_are_served_while_balancers_notice() {
    let mut server =
        Server::builder().set("timeouts.drain_notice", "10m").file("a", "content").start();
    let mut before = server.login();
    server.signal(Signal::TERM);
    let reasons = wait::until("readiness to fall", || {
        let (status, body) = health::get(server.health(), "/readyz").ok()?;
        (status == 503).then_some(body)
    });
    assert!(reasons.contains("served yet"), "{reasons}");
    assert_eq!(server.login().fetch("a"), b"content");
    before.ask("NOOP", 200);
    server.signal(Signal::TERM);
    before.expect(421);
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
}

/// After the notice the drain goes on as without one.
#[test]
fn a_notice_ends() {
    let mut server = Server::builder()
        .set("timeouts.drain", "60s")
        .set("timeouts.drain_notice", "1s")
        .file("big", vec![7; BIG])
        .start();
    let (mut busy, data) = server.begin_download("big");
    let mut idle = server.login();
    let begun = Instant::now();
    server.signal(Signal::TERM);
    idle.expect(421);
    assert!(begun.elapsed() >= Duration::from_millis(900));
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    busy.expect(226);
    busy.expect(421);
    assert_eq!(server.wait(DEADLINE), Some(0));
}

/// New clients are turned away while it drains.
#[test]
fn nobody_new_is_let_in() {
    let mut server = start("60s");
    let (mut busy, data) = server.begin_download("big");
    server.signal(Signal::TERM);
    wait::until("new clients to be turned away", || {
        let Ok(mut wire) = Wire::try_connect(None, server.ftp()) else { return Some(()) };
        let greeted = wire.try_reply().is_ok_and(|reply| reply.code == 220);
        (!greeted).then_some(())
    });
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    busy.expect(226);
    assert_eq!(server.wait(DEADLINE), Some(0));
}

/// `timeouts.drain` is the end of patience; a transfer that is still going on is told so.
#[test]
fn patience_ends() {
    let mut server = start("1s");
    let (mut busy, _data) = server.begin_download("big");
    let begun = Instant::now();
    server.signal(Signal::TERM);
    busy.expect_any(&[421, 426, 451]);
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
    assert!(begun.elapsed() >= Duration::from_millis(900));
}

/// A second TERM ends at once, however long the patience is.
#[test]
fn a_second_term_ends_at_once() {
    let mut server = start("10m");
    let (_busy, _data) = server.begin_download("big");
    let mut idle = server.login();
    server.signal(Signal::TERM);
    idle.expect(421);
    assert!(server.is_running());
    server.signal(Signal::TERM);
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
}

/// With nobody there it ends at once.
#[test]
fn an_idle_server_ends_at_once() {
    let mut server = start("10m");
    server.signal(Signal::TERM);
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
}

/// INT does the same, for a terminal.
#[test]
fn an_interrupt_is_a_term() {
    let mut server = start("10m");
    server.signal(Signal::INT);
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
}

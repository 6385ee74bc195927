//! File descriptors that run out: no crash, no spinning, and service again when there are some.

use std::time::Duration;

use flotilla_tests::{Server, Wire, wait};

/// Processor time used so far, in clock ticks (100 per second).
fn ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// More connections than descriptors.
#[test]
fn descriptors_may_run_out() {
    let mut server =
        Server::builder().wrap(["prlimit", "--nofile=100:100"]).file("a", "content").start();
    let mut early = server.login();
    let crowd: Vec<Wire> =
        (0..300).filter_map(|_| Wire::try_connect(None, server.ftp()).ok()).collect();
    early.ask("NOOP", 200);

    // Over one second of doing nothing, the server must not burn the processor on accepting what it can
    // not accept. The second is what is measured, not a wait.
    let before = ticks(&server);
    std::thread::sleep(Duration::from_secs(1));
    let used = ticks(&server) - before;
    assert!(used < 50, "{used} ticks of 100 with nothing to do");
    early.ask("NOOP", 200);

    drop(crowd);
    wait::until("service again", || {
        let mut wire = Wire::try_connect(None, server.ftp()).ok()?;
        wire.try_reply().ok().filter(|reply| reply.code == 220)
    });
    assert_eq!(server.login().fetch("a"), b"content");
    assert!(server.is_running());
}

/// `limits.connections`: one more is told so with 421.
#[test]
fn connections_have_a_limit() {
    let server = Server::builder().set("limits.connections", 5).start();
    let held: Vec<Wire> = (0..5).map(|_| server.connect()).collect();
    let mut more = Wire::connect(server.ftp());
    more.expect(421);
    more.expect_end();
    drop(held);
    wait::until("a free place", || {
        let mut wire = Wire::try_connect(None, server.ftp()).ok()?;
        wire.try_reply().ok().filter(|reply| reply.code == 220)
    });
}

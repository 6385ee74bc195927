//! File descriptors that run out: no crash, no spinning, and service again when there are some.

use std::net::TcpListener;
use std::time::Duration;

use flotilla_tests::{Data, Server, Wire, wait};

use crate::flood::many_descriptors;

/// Processor time used so far, in clock ticks (100 per second).
fn ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// More connections than the descriptors allow: who is in goes on, transfers included; who is too
/// many is turned away or waits.
#[test]
fn connections_may_use_descriptors_up() {
    let mut server = start();
    let mut early = server.login();
    let crowd: Vec<Wire> =
        (0..1500).filter_map(|_| Wire::try_connect(None, server.ftp()).ok()).collect();
    early.ask("NOOP", 200);
    assert_eq!(early.fetch("a"), b"content");

    // With nothing to do, the server must not burn the processor on accepting what it can not accept.
    let before = ticks(&server);
    let burnt =
        wait::within(Duration::from_secs(1), || (ticks(&server) - before >= 50).then_some(()));
    assert!(burnt.is_none(), "half a second of the processor within a second with nothing to do");
    early.ask("NOOP", 200);

    drop(crowd);
    assert_served(&mut server);
}

/// More transfers than descriptors: those that do not fit are refused with a 4yz reply, the others
/// go on.
#[test]
fn transfers_may_use_descriptors_up() {
    let mut server = start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
    let mut early = server.login();
    let crowd: Vec<Wire> = (0..450).map(|_| server.login()).collect();
    let mut busy: Vec<(Wire, Option<Data>)> = Vec::new();
    for mut wire in crowd {
        // The server connects, so that the passive range is no limit here.
        wire.ask(format!("PORT 127,0,0,1,{high},{low}"), 200);
        wire.send("RETR big");
        let served = wire.expect_any(&[150, 425, 426, 450, 451]).code == 150;
        busy.push((wire, served.then(|| Data::accept(&listener))));
    }
    let refused = busy.iter().filter(|(_, data)| data.is_none()).count();
    assert!(refused > 0, "450 transfers fit into 1024 descriptors; the test proves nothing");
    assert!(refused < 300, "{refused} of 450 transfers were refused");
    early.ask("NOOP", 200);
    let (wire, data) = busy.iter_mut().find(|(_, data)| data.is_some()).unwrap();
    assert_eq!(data.take().unwrap().read_all().unwrap().len(), BIG);
    wire.expect(226);
    drop(busy);
    assert_served(&mut server);
}

fn start() -> Server {
    many_descriptors();
    Server::builder()
        .wrap(["prlimit", "--nofile=1024:1024"])
        // The crowd must reach the descriptors, and comes from one address.
        .set("limits.unauthenticated", 1_000_000)
        .set("limits.unauthenticated_per_address", 0)
        .file("a", "content")
        .file("big", vec![7; BIG])
        .start()
}

#[track_caller]
fn assert_served(server: &mut Server) {
    wait::until("service again", || {
        let mut wire = Wire::try_connect(None, server.ftp()).ok()?;
        wire.try_reply().ok().filter(|reply| reply.code == 220)
    });
    assert_eq!(server.login().fetch("a"), b"content");
    assert!(server.is_running());
}

/// Too large for socket buffers to hold the whole of it.
const BIG: usize = 16 << 20;

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

//! Clear uploads whose client is killed: the kernel ends both connections as politely as a client that is done, and only the
//! control connection can tell (`node/src/session/ending.rs`). Half a file is never published as a whole one.

use std::net::Shutdown;
use std::thread::sleep;
use std::time::Duration;

use flotilla_tests::server::Builder;
use flotilla_tests::{Data, Server, User, Wire, wait};

/// What the timer of the balancer is.
const TIMER: Duration = Duration::from_secs(3);

fn start_upload(server: &Server) -> (Wire, Data) {
    let mut wire = server.login();
    let mut data = wire.begin("STOR big");
    data.write(&[b'x'; 400_000]).unwrap();
    (wire, data)
}

/// Returns what the log says of it.
fn end_of_upload(server: &Server) -> String {
    wait::told(Duration::from_secs(20), "the end of the transfer", || {
        let log = server.log();
        let line =
            log.lines().find(|line| line.contains("transfer ended") && line.contains("upload"));
        line.map(str::to_owned)
    })
}

#[track_caller]
fn assert_kept(server: &Server) {
    let told = end_of_upload(server);
    assert!(!server.file("big").exists(), "half a file was published: {told}");
    assert!(!told.contains("control-lost-after-complete"), "{told}");
    assert_eq!(server.login().size("big"), 400_000);
}

/// In front of the node stands a balancer that counts payload; whoever connects here comes through it.
fn behind_classic() -> Builder {
    Server::builder()
        .set("ingress.balancer", "classic")
        .set("ingress.balancers", ["127.0.0.0/8"])
        .set("ingress.idle_timeout", format!("{}s", TIMER.as_secs()))
}

/// The node takes its time for what the kernels hold of it, so the end of the data comes seconds after that of
/// the control connection.
#[test]
fn a_long_way_behind_its_control_connection() {
    let slow = User::new("alice").set("limits.upload", "80000");
    let server = Server::builder().user(slow).start();
    let (wire, data) = start_upload(&server);
    drop((wire, data));
    assert_kept(&server);
}

/// Through a balancer the end of the control connection makes a detour, and may come last.
#[test]
fn a_moment_before_its_control_connection() {
    let server = Server::builder().set("ingress.balancers", ["127.0.0.0/8"]).start();
    let (wire, data) = start_upload(&server);
    drop(data);
    // What the node does before it asks for the other end.
    sleep(Duration::from_millis(20));
    drop(wire);
    assert_kept(&server);
}

/// A balancer does not end what is not silent, nor before its time.
#[test]
fn a_balancer_is_no_excuse() {
    let server = behind_classic().start();
    let (wire, data) = start_upload(&server);
    sleep(TIMER / 3);
    drop(wire);
    // Longer than two ends of one client would be apart.
    sleep(Duration::from_millis(2_500));
    drop(data);
    assert_kept(&server);
}

/// Nor does it end the connections of those who did not come through it.
#[test]
fn nor_is_one_that_others_come_through() {
    let server = behind_classic().set("ingress.balancers", ["192.0.2.0/24"]).start();
    let (wire, data) = start_upload(&server);
    sleep(TIMER);
    drop(wire);
    sleep(Duration::from_millis(2_500));
    drop(data);
    assert_kept(&server);
}

/// What it does end is not held against the upload.
#[test]
fn what_a_balancer_took_is_not_missed() {
    let server = behind_classic().start();
    let (wire, data) = start_upload(&server);
    sleep(TIMER);
    drop(wire);
    sleep(Duration::from_millis(2_500));
    data.finish(&[b'x'; 1000]).unwrap();
    let told = end_of_upload(&server);
    assert!(told.contains("control-lost-after-complete"), "{told}");
    assert_eq!(std::fs::metadata(server.file("big")).unwrap().len(), 401_000);
}

/// Lines of progress are not sent to a control connection that has ended: the reset that answers them would be taken
/// for the end of it.
#[test]
fn who_is_gone_is_not_written_to() {
    let slow = User::new("alice").set("limits.download", "80000");
    let server = behind_classic()
        .set("ingress.progress_lines", true)
        .user(slow)
        .file("down", [b'x'; 400_000])
        .start();
    let mut wire = server.login();
    let data = wire.begin("RETR down");
    wire.stream().tcp().shutdown(Shutdown::Write).unwrap();
    assert_eq!(data.read_all().unwrap().len(), 400_000);
    let reply = wire.expect(226);
    assert_eq!(reply.lines.len(), 1, "{}", reply.text());
}

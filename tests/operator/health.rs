//! `/livez`, `/readyz`, `/metrics`, and the port that is open only while the node is ready.

use std::net::TcpStream;

use flotilla_tests::{Server, health, wait};
use rustix::process::Signal;

/// A node that serves is live and ready, and counts.
#[test]
fn a_node_that_serves_is_ready() {
    let server = Server::builder().file("a", "content").start();
    assert_eq!(health::get(server.health(), "/livez").unwrap().0, 200);
    assert_eq!(health::get(server.health(), "/readyz").unwrap().0, 200);
    assert_eq!(health::get(server.health(), "/nothing").unwrap().0, 404);
    let mut wire = server.login();
    wire.fetch("a");
    let (status, metrics) = health::get(server.health(), "/metrics").unwrap();
    assert_eq!(status, 200);
    let of_ours = metrics.lines().filter(|line| line.starts_with("flotilla_")).count();
    assert!(of_ours > 5, "{metrics}");
    assert!(metrics.contains("# HELP") && metrics.contains("# TYPE"), "{metrics}");
}

/// A node that drains is live and not ready.
#[test]
fn a_node_that_drains_is_not_ready() {
    let server =
        Server::builder().set("timeouts.drain", "60s").file("big", vec![0; 64 << 20]).start();
    let (mut wire, data) = server.begin_download("big");
    server.signal(Signal::TERM);
    wait::until("readiness to fall", || {
        let (status, _) = health::get(server.health(), "/readyz").ok()?;
        (status == 503).then_some(())
    });
    assert_eq!(health::get(server.health(), "/livez").unwrap().0, 200);
    data.read_all().unwrap();
    wire.expect(226);
}

/// `health.tcp` accepts only while the node is ready.
#[test]
fn a_port_tells_readiness() {
    let builder = Server::builder().set("timeouts.drain", "60s").file("big", vec![0; 64 << 20]);
    // The address is this server's own, so any port of it is free.
    let port = (builder.address(), 19_998);
    let server = builder.set("health.tcp", format!("{}:{}", port.0, port.1)).start();
    wait::until("the port to open", || TcpStream::connect(port).ok());
    let (mut wire, data) = server.begin_download("big");
    server.signal(Signal::TERM);
    wait::until("the port to close", || TcpStream::connect(port).is_err().then_some(()));
    data.read_all().unwrap();
    wire.expect(226);
}

/// Probes (connections without a byte) take no place and are no failures.
#[test]
fn probes_take_no_place() {
    let server = Server::builder().set("limits.sessions", 2).set("limits.per_address", 2).start();
    let probes: Vec<_> = (0..20).map(|_| TcpStream::connect(server.ftp()).unwrap()).collect();
    server.login().ask("NOOP", 200);
    drop(probes);
    server.login().ask("NOOP", 200);
}

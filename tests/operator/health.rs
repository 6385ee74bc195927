//! `/livez`, `/readyz`, `/metrics`, and the port that is open only while the node is ready.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use flotilla_tests::data::dial;
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

/// An address of a balancer, and one that is nobody's.
const BALANCER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 8);

/// Headers of both versions: passed on, and a check of the balancer's own.
const TEXT: &[u8] = b"PROXY TCP4 192.0.2.9 198.51.100.1 40000 8081\r\n";
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\xc6\x33\x64\x01\x9c\x40\x1f\x91";
const OWN: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// The status that a connection from this address gets which says this, and `None` if it gets none.
fn status(server: &Server, from: Ipv4Addr, parts: &[&[u8]]) -> Option<u16> {
    let mut tcp = dial(Some(from.into()), server.health()).unwrap();
    for part in parts {
        // What is refused may be closed before the last of it came.
        let _ = tcp.write_all(part);
    }
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// Balancers may begin a check with a PROXY header, whole or byte by byte, and need not.
#[test]
fn balancers_may_send_a_header() {
    let server = Server::builder().set("ingress.balancers", vec![format!("{BALANCER}/32")]).start();
    for header in [TEXT, BINARY, OWN, b"PROXY UNKNOWN\r\n", b""] {
        assert_eq!(status(&server, BALANCER, &[header, REQUEST]), Some(200), "{header:?}");
        let together = [header, REQUEST].concat();
        assert_eq!(status(&server, BALANCER, &[&together]), Some(200), "{header:?}");
        let bytes: Vec<_> = together.chunks(1).collect();
        assert_eq!(status(&server, BALANCER, &bytes), Some(200), "{header:?}");
    }
    // Not everything with a P is a header.
    let put = b"PUT /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(&server, BALANCER, &[put]), Some(404));
    assert_eq!(status(&server, BALANCER, &put.chunks(1).collect::<Vec<_>>()), Some(404));
    // One header, and a sound one.
    assert_eq!(status(&server, BALANCER, &[TEXT, TEXT, REQUEST]), Some(400));
    assert_eq!(status(&server, BALANCER, &[b"PROXY TCP4 x\r\n", REQUEST]), None);
}

/// From anybody else a header is no HTTP; a reload says who may send one.
#[test]
fn strangers_may_not_send_a_header() {
    let mut server = Server::builder()
        .set("ingress.proxy_protocol", "any")
        .set("ingress.balancers", vec![format!("{BALANCER}/32")])
        .start();
    for header in [TEXT, BINARY, OWN] {
        assert_eq!(status(&server, STRANGER, &[header, REQUEST]), Some(400), "{header:?}");
    }
    assert_eq!(status(&server, STRANGER, &[REQUEST]), Some(200));
    server.config().set("ingress.balancers", vec![format!("{STRANGER}/32")]);
    server.reload();
    wait::until("the other balancer to be believed", || {
        (status(&server, STRANGER, &[TEXT, REQUEST]) == Some(200)).then_some(())
    });
    assert_eq!(status(&server, BALANCER, &[TEXT, REQUEST]), Some(400));
}

/// A balancer's connection that says nothing, or only half a header, is closed in a while, and holds
/// nobody up.
#[test]
fn silent_balancers_are_not_waited_for() {
    let server = Server::builder().set("ingress.balancers", vec![format!("{BALANCER}/32")]).start();
    let silent = [&b""[..], b"PRO", b"\r\n\r\n\0\r\n"].map(|said| {
        let mut tcp = dial(Some(BALANCER.into()), server.health()).unwrap();
        tcp.write_all(said).unwrap();
        tcp
    });
    assert_eq!(status(&server, BALANCER, &[TEXT, REQUEST]), Some(200));
    for mut tcp in silent {
        assert_eq!(tcp.read(&mut [0; 8]).unwrap_or(0), 0);
    }
}

/// Nor does a header on `health.tcp` make a checker see a reset.
#[test]
fn the_port_of_readiness_takes_a_header() {
    let builder = Server::builder();
    let port = (builder.address(), 19_998);
    let _server = builder.set("health.tcp", format!("{}:{}", port.0, port.1)).start();
    let mut tcp = wait::until("the port to open", || TcpStream::connect(port).ok());
    for header in [TEXT, BINARY, OWN] {
        tcp.write_all(header).unwrap();
        tcp.set_read_timeout(Some(flotilla_tests::DEADLINE)).unwrap();
        assert_eq!(tcp.read(&mut [0; 8]).unwrap(), 0, "closed in peace");
        tcp = TcpStream::connect(port).unwrap();
    }
}

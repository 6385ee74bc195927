//! A real collector: rotel takes everything from a node, by gRPC and by HTTP, and passes it on.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Child;

use flotilla_tests::loopback::Lease;
use flotilla_tests::{Folder, Program, Server, wait};

use crate::receiver::{ARRIVAL, Receiver};

/// Rotel (PyPI), which passes on to a receiver by HTTP.
#[derive(Debug)]
pub struct Rotel {
    child: Child,
    lease: Lease,
    folder: Folder,
    to: SocketAddr,
}

impl Rotel {
    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(receiver: &Receiver) -> Self {
        let (lease, folder, to) = (Lease::take(), Folder::new(), receiver.http());
        let child = launch(lease.address(), &folder, to);
        Self { child, lease, folder, to }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts another one in its place.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.child = launch(self.lease.address(), &self.folder, self.to);
    }

    /// For `telemetry.otlp_endpoint`.
    pub fn endpoint(&self, port: u16) -> String {
        format!("http://{}:{port}", self.lease.address())
    }
}

#[track_caller]
fn launch(address: Ipv4Addr, folder: &Folder, to: SocketAddr) -> Child {
    let child = Program::new(binary())
        .arg("start")
        .args(["--otlp-grpc-endpoint", &format!("{address}:{GRPC}")])
        .args(["--otlp-http-endpoint", &format!("{address}:{HTTP}")])
        .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
        .args(["--otlp-exporter-endpoint", &format!("http://{to}")])
        .args(["--batch-timeout", "100ms"])
        .within(folder.path())
        .start(&folder.join("log"))
        .expect("rotel starts");
    for port in [GRPC, HTTP] {
        let at = SocketAddr::from((address, port));
        wait::until("rotel to listen", || TcpStream::connect(at).ok());
    }
    child
}

impl Drop for Rotel {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the package has its program.
fn binary() -> PathBuf {
    let script =
        "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
    Program::python().args(["-c", script]).succeed().stdout.trim().into()
}

/// Sessions of FTP and what is measured of them arrive, and so does the log.
#[track_caller]
fn takes_everything(port: u16, protocol: &str) {
    let receiver = Receiver::start();
    let rotel = Rotel::start(&receiver);
    let server = Server::builder()
        .set("node.id", "seen")
        .set("telemetry.otlp_endpoint", rotel.endpoint(port))
        .set("telemetry.otlp_protocol", protocol)
        .set("telemetry.otlp_signals", ["traces", "metrics", "logs"])
        .set("telemetry.metrics_interval", "1s")
        .set("telemetry.sample", 1)
        .file("a", "content")
        .start();
    let mut wire = server.login();
    wire.fetch("a");
    wire.ask("QUIT", 221);
    let root = receiver.wait_for("the session", |span| span.name == "ftp session");
    assert_eq!(root.node, "seen");
    assert_eq!(root.parent, "");
    assert_eq!(root.attributes["user.name"], "alice");
    assert_eq!(root.attributes["network.protocol.name"], "ftp");
    assert_eq!(root.attributes["server.port"], server.ftp().port());
    assert_eq!(root.attributes["flotilla.downloads"], 1);
    assert_eq!(root.attributes["flotilla.bytes_out"], 7);
    let logged = wait::told(ARRIVAL, "the line of the login", || {
        receiver.lines().into_iter().find(|line| line.body == "logged in")
    });
    assert_eq!((logged.node, logged.trace), ("seen".to_owned(), root.trace));
    wait::told(ARRIVAL, "the metrics to tell of the download", || {
        let metrics = receiver.metrics();
        let bytes = metrics.iter().find(|metric| metric.name == "flotilla.transfer_bytes")?;
        let point = bytes
            .points
            .iter()
            .find(|(labels, _)| labels["protocol"] == "ftp" && labels["direction"] == "download");
        (point?.1 == 7.0).then_some(())
    });
}

#[test]
fn rotel_takes_everything_by_grpc() {
    takes_everything(GRPC, "grpc");
}

#[test]
fn rotel_takes_everything_by_http() {
    takes_everything(HTTP, "http");
}

/// The usual ports, at an address that is nobody else's.
pub const GRPC: u16 = 4317;
pub const HTTP: u16 = 4318;

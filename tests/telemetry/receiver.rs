//! Our end of the way: it judges the form of what comes, and keeps all of it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Child;
use std::time::Duration;

use flotilla_tests::loopback::Lease;
use flotilla_tests::{Folder, Program, wait};
use serde_json::Value;

use crate::arrived::{self, Line, Metric, Span};

/// A receiver that runs until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    child: Child,
    lease: Lease,
    folder: Folder,
    http: u16,
    grpc: u16,
    kept: RefCell<Kept>,
}

/// What was read of the file.
#[derive(Debug, Default)]
struct Kept {
    /// Bytes.
    read: u64,
    requests: Vec<Value>,
    spans: Vec<Span>,
    metrics: Vec<Metric>,
    lines: Vec<Line>,
}

impl Receiver {
    /// One that takes everything.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// One that is full.
    #[track_caller]
    pub fn full() -> Self {
        Self::with(&["--refuse"])
    }

    #[track_caller]
    fn with(flags: &[&str]) -> Self {
        let (lease, folder) = (Lease::take(), Folder::new());
        let script = format!("{}/telemetry/receiver.py", env!("CARGO_MANIFEST_DIR"));
        let (child, said) = Program::python()
            .args([script, lease.address().to_string()])
            .arg(folder.join(FILE))
            .args(flags)
            .converse(&folder.join("errors"))
            .expect("the receiver starts");
        said.set_read_timeout(Some(flotilla_tests::DEADLINE)).expect("a socket has time-outs");
        let mut ports = String::new();
        let read = BufReader::new(said).read_line(&mut ports);
        let told: Value = serde_json::from_str(&ports).unwrap_or_default();
        let port = |way: &str| told[way].as_u64().and_then(|port| u16::try_from(port).ok());
        let (Some(http), Some(grpc)) = (port("http"), port("grpc")) else {
            let errors = std::fs::read_to_string(folder.join("errors")).unwrap_or_default();
            panic!("the receiver does not listen ({read:?}): {errors}");
        };
        Self { child, lease, folder, http, grpc, kept: RefCell::default() }
    }

    /// Where it takes HTTP.
    pub fn http(&self) -> SocketAddr {
        (self.address(), self.http).into()
    }

    /// Where it takes gRPC.
    pub fn grpc(&self) -> SocketAddr {
        (self.address(), self.grpc).into()
    }

    fn address(&self) -> Ipv4Addr {
        self.lease.address()
    }

    /// Every request so far.
    ///
    /// # Panics
    /// If one of them was not as the specification wants it.
    #[track_caller]
    pub fn requests(&self) -> Vec<Value> {
        self.look();
        self.kept.borrow().requests.clone()
    }

    /// Every span so far.
    #[track_caller]
    pub fn spans(&self) -> Vec<Span> {
        self.look();
        self.kept.borrow().spans.clone()
    }

    /// The metrics as they were last told.
    #[track_caller]
    pub fn metrics(&self) -> Vec<Metric> {
        self.look();
        self.kept.borrow().metrics.clone()
    }

    /// Every line of a log so far.
    #[track_caller]
    pub fn lines(&self) -> Vec<Line> {
        self.look();
        self.kept.borrow().lines.clone()
    }

    /// Waits until there is a span like this.
    ///
    /// # Panics
    /// If there is none in time; what came is said.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&Span) -> bool) -> Span {
        let found = wait::within(ARRIVAL, || self.spans().into_iter().find(|span| is_it(span)));
        match found {
            Some(span) => span,
            None => panic!("waited {ARRIVAL:?} for {what}; there came {:#?}", self.spans()),
        }
    }

    /// Takes over what is new in the file.
    #[track_caller]
    fn look(&self) {
        let mut kept = self.kept.borrow_mut();
        let Ok(mut file) = File::open(self.folder.join(FILE)) else { return };
        let mut text = String::new();
        let read =
            file.seek(SeekFrom::Start(kept.read)).and_then(|_| file.read_to_string(&mut text));
        read.expect("the file can be read");
        // The last line may be on its way.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        kept.read += whole as u64;
        for line in text[..whole].lines() {
            let request: Value = serde_json::from_str(line).expect("a request is JSON");
            assert!(request["complaint"].is_null(), "{}", request["complaint"]);
            kept.spans.extend(arrived::spans(&request));
            kept.lines.extend(arrived::lines(&request));
            let metrics = arrived::metrics(&request);
            if !metrics.is_empty() {
                kept.metrics = metrics;
            }
            kept.requests.push(request);
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What arrived, in its folder.
const FILE: &str = "arrived";
/// A batch waits for a second, a session that ends for as long, and two cores are busy.
pub const ARRIVAL: Duration = Duration::from_secs(30);

//! A collector that is not there, says nothing, is full, or dies: no session notices, and the node's memory and its
//! end are bounded.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::loopback::Lease;
use flotilla_tests::server::Builder;
use flotilla_tests::{DEADLINE, Server, Wire, wait};
use rustix::process::Signal;

use crate::collector::Rotel;
use crate::receiver::Receiver;

/// A collector that is none.
#[derive(Debug)]
enum Trouble {
    /// Nobody listens.
    Gone(Lease),
    /// Takes connections and never says a word.
    Silent(Silent),
    /// Answers that it takes no more.
    Full(Receiver),
}

/// Keeps every connection open and reads nothing.
#[derive(Debug)]
struct Silent {
    address: SocketAddr,
    _lease: Lease,
}

impl Silent {
    fn start() -> Self {
        let lease = Lease::take();
        let listener = TcpListener::bind((lease.address(), 0)).expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        thread::spawn(move || {
            let mut kept: Vec<TcpStream> = Vec::new();
            kept.extend(listener.incoming().map_while(Result::ok));
        });
        Self { address, _lease: lease }
    }
}

impl Trouble {
    fn endpoint(&self, protocol: &str) -> String {
        match self {
            Self::Gone(lease) => format!("http://{}:4317", lease.address()),
            Self::Silent(silent) => format!("http://{}", silent.address),
            Self::Full(receiver) if protocol == "http" => format!("http://{}", receiver.http()),
            Self::Full(receiver) => format!("http://{}", receiver.grpc()),
        }
    }
}

/// Tells everything to this endpoint, and knows no limits.
fn told(endpoint: String, protocol: &str) -> Builder {
    Server::builder()
        .set("telemetry.otlp_endpoint", endpoint)
        .set("telemetry.otlp_protocol", protocol)
        .set("telemetry.otlp_signals", ["traces", "metrics", "logs"])
        .set("telemetry.otlp_timeout", "1s")
        .set("telemetry.metrics_interval", "1s")
        .set("telemetry.sample", 1)
        .set("limits.unauthenticated_per_address", 0)
}

/// Sessions, transfers and the end are as they would be with a collector that works.
#[track_caller]
fn nobody_notices(trouble: &Trouble, protocol: &str) {
    let mut server = told(trouble.endpoint(protocol), protocol).start();
    let bytes = Content::new(7).bytes(32 << 20);
    let begun = Instant::now();
    for _ in 0..3 {
        let mut wire = server.login();
        wire.store("large", &bytes);
        assert_same("the download", &wire.fetch("large"), &bytes);
        wire.ask("QUIT", 221);
    }
    fill_the_queue(&server);
    // More than a queue: what finds it full is dropped at once, and does not wait for the time-out of a request each.
    assert!(begun.elapsed() < BUSY, "it took {:?}", begun.elapsed());
    wait::until("what is lost to be counted", || (lost(&server) > 0).then_some(()));
    let asked = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait(DEADLINE), Some(0));
    assert!(asked.elapsed() < END, "the end took {:?}", asked.elapsed());
}

/// Spans of which the node says that nobody took them: the queue was full, or the collector did not want them.
fn lost(server: &Server) -> u64 {
    let of = |result| {
        let labels = format!("signal=\"traces\",result=\"{result}\"");
        server.metric_where("flotilla_telemetry_items_total", &labels)
    };
    of("dropped") + of("failed")
}

/// Makes more spans than the queue has places.
#[track_caller]
fn fill_the_queue(server: &Server) {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..(2 * QUEUE / CLIENTS) {
                    session(server);
                }
            });
        }
    });
}

/// A session without a login, and its end.
#[track_caller]
fn session(server: &Server) {
    let mut wire = server.connect();
    wire.ask("QUIT", 221);
    wire.expect_end();
}

#[test]
fn a_collector_may_be_gone_for_grpc() {
    nobody_notices(&Trouble::Gone(Lease::take()), "grpc");
}

#[test]
fn a_collector_may_be_gone_for_http() {
    nobody_notices(&Trouble::Gone(Lease::take()), "http");
}

#[test]
fn a_collector_may_be_silent_for_grpc() {
    nobody_notices(&Trouble::Silent(Silent::start()), "grpc");
}

#[test]
fn a_collector_may_be_silent_for_http() {
    nobody_notices(&Trouble::Silent(Silent::start()), "http");
}

#[test]
fn a_collector_may_be_full_for_grpc() {
    nobody_notices(&Trouble::Full(Receiver::full()), "grpc");
}

#[test]
fn a_collector_may_be_full_for_http() {
    nobody_notices(&Trouble::Full(Receiver::full()), "http");
}

/// It is killed in the middle of a transfer, which goes on; another one in its place hears of what comes then.
#[test]
fn a_collector_may_die_and_come_back() {
    let receiver = Receiver::start();
    let mut rotel = Rotel::start(&receiver);
    let server =
        told(rotel.endpoint(crate::collector::GRPC), "grpc").file("big", vec![1; 16 << 20]).start();
    let named = |name: &str| {
        let mut wire = server.login();
        wire.ask(format!("CLNT {name}"), 200);
        wire
    };
    let is = |name: &'static str| {
        move |span: &crate::arrived::Span| {
            span.attributes.get("user_agent.original").is_some_and(|software| software == name)
        }
    };
    named("before").ask("QUIT", 221);
    receiver.wait_for("the first session", is("before"));
    let (mut wire, data) = server.begin_download("big");
    rotel.kill();
    named("between").ask("QUIT", 221);
    data.read_all().expect("the download is completed");
    wire.expect(226);
    wire.ask("QUIT", 221);
    rotel.start_again();
    // What was sent while nobody was there may be lost; what comes now is not.
    wait::told(DEADLINE, "a session after it", || {
        named("after").ask("QUIT", 221);
        receiver.spans().iter().any(is("after")).then_some(())
    });
}

/// A queue that nobody empties holds so many spans and no more.
#[test]
fn a_queue_that_nobody_empties_is_bounded() {
    let silent = Silent::start();
    let server = told(format!("http://{}", silent.address), "grpc").start();
    // The allocator's own, and that of every thread.
    (0..100).for_each(|_| session(&server));
    let before = resident(&server);
    fill_the_queue(&server);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| chatter(&server));
        }
    });
    let grown = resident(&server).saturating_sub(before);
    let spans = QUEUE + BATCH;
    println!("{} KiB more for {spans} spans", grown >> 10);
    assert!(grown < spans * SPAN_BYTES_MAX, "{} KiB more", grown >> 10);
}

/// A session of as many commands as a trace may have, without waiting for their replies.
#[track_caller]
fn chatter(server: &Server) {
    let mut wire: Wire = server.login();
    for _ in 0..SPANS_MAX / AT_ONCE {
        wire.send_raw("NOOP\r\n".repeat(AT_ONCE as usize));
        (0..AT_ONCE).for_each(|_| drop(wire.expect(200)));
    }
    wire.ask("QUIT", 221);
}

/// Its memory, bytes.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Spans that wait at most, as the node's documentation says, and those that are being sent.
const QUEUE: u64 = 4096;
const BATCH: u64 = 512;
/// A span with a dozen attributes, of which one is a text of the client; and as much again for what the allocator
/// keeps.
const SPAN_BYTES_MAX: u64 = 4096;
/// Spans of one session at most.
const SPANS_MAX: u64 = 10_000;
/// Commands without a look at the replies.
const AT_ONCE: u64 = 100;
/// At once.
const CLIENTS: u64 = 8;
/// For 200 MB and some thousand sessions on a busy machine. If each request to the collector were waited for, or each
/// session's last span, it would be many times as long.
const BUSY: Duration = Duration::from_secs(120);
/// What the end may take: the node gives a collector three seconds.
const END: Duration = Duration::from_secs(10);

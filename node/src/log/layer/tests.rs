//! The layer as `tracing` uses it: what is written, held back, kept, exported, and beside other layers.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use opentelemetry::Key;
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLoggerProvider};
use serde_json::Value as Json;
use tracing::subscriber::with_default;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::config::{Telemetry, load_flags};
use crate::log::gate::{ACCOUNT, Gate};
use crate::log::press::HELD;
use crate::log::queue::Output;
use crate::log::render::Form;
use crate::log::{LogLevel, fail, start};
use crate::telemetry::Context as Span;

struct Tee(Sender<Vec<u8>>);

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A log in JSON whose lines can be read.
struct Bench {
    log: LogLevel,
    written: Receiver<Vec<u8>>,
    text: Vec<u8>,
}

impl Bench {
    fn new(flags: &[(&str, &str)]) -> Self {
        Self::exporting(flags, None)
    }

    fn exporting(flags: &[(&str, &str)], provider: Option<&SdkLoggerProvider>) -> Self {
        let (sender, written) = channel();
        let gate = Gate::new(&telemetry(flags)).unwrap();
        let output = Output::Other(Box::new(Tee(sender)));
        let log = start(gate, Form::Json, output, provider).unwrap();
        Self { log, written, text: Vec::new() }
    }

    fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let lines = layer(&self.log.press, &self.log.queue);
        with_default(tracing_subscriber::registry().with(lines), work)
    }

    /// All lines until now.
    fn lines(&mut self) -> Vec<Json> {
        self.log.queue.flush(Duration::from_secs(10));
        self.text.extend(self.written.try_iter().flatten());
        let text = String::from_utf8(self.text.clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn messages(&mut self) -> Vec<String> {
        let message = |line: &Json| line["message"].as_str().unwrap().to_owned();
        self.lines().iter().map(message).collect()
    }

    /// Waits for a line.
    fn wait_for(&mut self, message: &str) -> Json {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.lines().into_iter().find(|line| line["message"] == message);
            match found {
                Some(line) => return line,
                None => assert!(Instant::now() < deadline, "no line {message}"),
            }
            std::thread::yield_now();
        }
    }
}

fn telemetry(flags: &[(&str, &str)]) -> Telemetry {
    load_flags(flags).unwrap().0.telemetry
}

fn about(ring: usize) -> Arc<About> {
    Arc::new(About {
        session: 7,
        trace: Span::root(),
        client: [192, 0, 2, 1].into(),
        protocol: "ftp",
        user: Some("ann".into()),
        path: None,
        ring: Ring::new(ring),
    })
}

#[test]
fn an_event_bears_the_fields_of_its_session_and_the_level_changes() {
    let mut bench = Bench::new(&[]);
    bench.log.press.node.set("n1".into()).unwrap();
    let log = |text: &str| tracing::debug!(target: "flotilla::test", path = text, "looked");
    bench.run(|| {
        let _scope = about(0).enter();
        tracing::info!(session = 8, bytes = 5_u64, error = %io::Error::other("x"), "done");
        log("unseen");
        bench.log.choose("warn,flotilla::test=debug", None).unwrap();
        log("seen");
        tracing::info!("unseen");
    });
    let lines = bench.lines();
    let [done, looked] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (&done["node"], &done["session"], &done["user"], &done["bytes"], &done["error"]),
        (&"n1".into(), &8.into(), &"ann".into(), &5.into(), &"x".into())
    );
    assert_eq!((&looked["path"], &looked["session"]), (&"seen".into(), &7.into()));
    assert_eq!((&looked["message"], &looked["level"]), (&"looked".into(), &"DEBUG".into()));
}

#[test]
fn a_level_is_chosen_for_a_time_and_a_bad_one_not_at_all() {
    let mut bench = Bench::new(&[("telemetry.level", "warn")]);
    let log = || tracing::info!("told");
    let level = bench.log.clone();
    bench.run(|| {
        log();
        for bad in ["", "inof", "info,x=loud", "info,x", "a=b\n"] {
            let error = level.choose(bad, None).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{bad:?} is no filter: expected a level")),
                "{error}"
            );
        }
        assert_eq!(level.state().level, "warn");
        level.choose("info", Some(Duration::from_secs(600))).unwrap();
        let state = level.state();
        assert_eq!((state.level.as_str(), state.configured.as_str()), ("info", "warn"));
        assert!(state.left.is_some_and(|left| left > Duration::from_secs(500)));
        log();
        level.fall_back();
        log();
        level.choose("info", None).unwrap();
        assert_eq!(level.state().left, None);
        log();
        level.press.gate.configure(&telemetry(&[("telemetry.level", "error")])).unwrap();
        log();
        assert_eq!((level.state().level.as_str(), level.state().left), ("error", None));
    });
    assert_eq!(bench.messages(), ["told", "told"]);
    // The thread of the log ends it, whether or not anything is logged.
    level.choose("trace", Some(Duration::from_millis(20))).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while level.state().level != "error" {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn libraries_are_heard_from_warnings_on_unless_they_are_named() {
    let counts = |filter| {
        let mut bench = Bench::new(&[("telemetry.level", filter)]);
        bench.run(|| {
            tracing::debug!(target: "hyper_util::client", "debug");
            tracing::warn!(target: "hyper_util::client", "warn");
            tracing::error!(target: "opentelemetry_sdk", "error");
        });
        bench.messages().len()
    };
    assert_eq!(counts("trace"), 2);
    assert_eq!(counts("trace,hyper=debug"), 3);
    assert_eq!(counts("error"), 1);
    assert_eq!(counts("off"), 0);
}

#[test]
fn a_place_that_logs_too_much_is_held_back_and_told_of_when_it_is_silent() {
    let mut bench = Bench::new(&[("telemetry.lines_per_second", "2")]);
    bench.run(|| {
        // More than one second at most may begin meanwhile, so more lines may pass.
        for number in 0..50 {
            tracing::error!(target: "flotilla::test", number, "storage error");
            tracing::info!(target: ACCOUNT, number, "transfer ended");
        }
    });
    let held = bench.wait_for(HELD);
    assert_eq!((&held["text"], &held["level"]), (&"storage error".into(), &"ERROR".into()));
    assert_eq!(held["target"], "flotilla::test");
    let messages = bench.messages();
    let count = |text| messages.iter().filter(|message| *message == text).count();
    // What accounts for what clients did is not held back.
    assert_eq!(count("transfer ended"), 50);
    let written = count("storage error");
    assert!((2..=4).contains(&written), "{written}");
    let told = || {
        let lines = bench.lines();
        lines.iter().filter_map(|line| line["held"].as_u64()).sum::<u64>()
    };
    let (mut told, deadline) = (told, Instant::now() + Duration::from_secs(20));
    while told() + written as u64 != 50 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn without_a_limit_nothing_is_held_back() {
    let mut bench = Bench::new(&[("telemetry.lines_per_second", "0")]);
    bench.run(|| (0..500).for_each(|number| tracing::info!(number, "line")));
    assert_eq!(bench.messages().len(), 500);
}

#[test]
fn what_a_session_kept_is_written_when_it_fails() {
    let mut bench = Bench::new(&[("telemetry.session_ring", "3"), ("telemetry.level", "warn")]);
    let look = |number: u64| tracing::debug!(target: "flotilla::test", number, "looked");
    bench.run(|| {
        look(0);
        let session = about(3);
        {
            let _scope = session.enter();
            (1..6).for_each(look);
            tracing::trace!(target: "flotilla::test", "too small");
            tracing::debug!(target: "library", "not ours");
            let path = flotilla_protocol::path::VirtualPath::root().resolve(b"a b").unwrap();
            {
                let _scope = session.on(&path).enter();
                look(6);
            }
            fail("No space left on the server.");
            look(7);
        }
        // Another session, and nobody.
        let _other = about(3).enter();
        fail("nothing was kept");
        drop(_other);
        fail("nobody");
        let _scope = session.enter();
        tracing::error!("a defect");
        fail("empty by now");
    });
    let lines = bench.lines();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (line["message"].as_str().unwrap(), line["number"].as_u64(), line["ring"].as_bool())
        })
        .collect();
    let failed = ("the session failed, what was kept of it follows", None, None);
    let kept = |number| ("looked", Some(number), Some(true));
    assert_eq!(
        seen,
        [failed, kept(4), kept(5), kept(6), failed, ("a defect", None, None), kept(7), failed]
    );
    assert_eq!(lines[0]["reason"], "No space left on the server.");
    let six = &lines[3];
    assert_eq!(
        (&six["path"], &six["session"], &six["user"]),
        (&"/a b".into(), &7.into(), &"ann".into())
    );
    assert_eq!((&six["level"], &six["target"]), (&"DEBUG".into(), &"flotilla::test".into()));
    assert!(lines[2]["path"].is_null());
}

#[test]
fn without_a_ring_small_lines_are_not_even_made() {
    struct Costly<'a>(&'a AtomicUsize);
    impl std::fmt::Display for Costly<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fetch_add(1, Ordering::Relaxed);
            f.write_str("x")
        }
    }
    let made = AtomicUsize::new(0);
    let log = || tracing::debug!(target: "flotilla::test", costly = %Costly(&made), "looked");
    let bench = Bench::new(&[]);
    bench.run(|| {
        let _scope = about(0).enter();
        log();
        assert!(!tracing::enabled!(target: "flotilla::test", Level::DEBUG));
    });
    assert_eq!(made.load(Ordering::Relaxed), 0);
    let bench = Bench::new(&[("telemetry.session_ring", "3")]);
    bench.run(|| {
        log();
        assert_eq!(made.load(Ordering::Relaxed), 0);
        let _scope = about(3).enter();
        log();
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

/// Counts what it is given.
struct Counter(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn on_new_span(
        &self,
        _: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        self.0.fetch_add(100, Ordering::Relaxed);
    }
}

#[test]
fn another_layer_has_what_the_log_does_not_want_and_the_other_way_round() {
    let mut bench = Bench::new(&[]);
    let counted = Arc::new(AtomicUsize::new(0));
    let other = Counter(Arc::clone(&counted))
        .with_filter(filter_fn(|metadata| metadata.target() == "traced" && metadata.is_span()));
    let lines = layer(&bench.log.press, &bench.log.queue);
    let log = || {
        let span = tracing::debug_span!(target: "traced", "work");
        let _entered = span.enter();
        tracing::info!("a line");
        tracing::debug!("no line");
    };
    with_default(tracing_subscriber::registry().with(lines).with(other), || {
        log();
        bench.log.choose("debug", None).unwrap();
        log();
        bench.log.choose("off", None).unwrap();
        log();
    });
    assert_eq!(bench.messages(), ["a line", "a line", "no line"]);
    assert_eq!(counted.load(Ordering::Relaxed), 300);
}

#[test]
fn each_line_is_exported_once() {
    let exporter = InMemoryLogExporter::default();
    let provider = SdkLoggerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let flags = [("telemetry.session_ring", "3"), ("telemetry.lines_per_second", "2")];
    let mut bench = Bench::exporting(&flags, Some(&provider));
    let session = about(3);
    bench.run(|| {
        let _scope = session.enter();
        tracing::debug!(target: "flotilla::test", "kept");
        tracing::info!(target: ACCOUNT, "told");
        fail("because");
        (0..50).for_each(|_| tracing::warn!("too much"));
    });
    bench.wait_for(HELD);
    let messages = bench.messages();
    let records = exporter.get_emitted_logs().unwrap();
    assert_eq!(records.len(), messages.len());
    let find = |text: &str| {
        let is = |record: &&opentelemetry_sdk::logs::in_memory_exporter::LogDataWithResource| {
            record.record.body() == Some(&text.to_owned().into())
        };
        records.iter().find(is).unwrap_or_else(|| panic!("no {text}"))
    };
    let has = |text: &str, name: &'static str, value: opentelemetry::logs::AnyValue| {
        let pair = (Key::new(name), value);
        assert!(find(text).record.attributes_iter().any(|has| *has == pair), "{text} {pair:?}");
    };
    has("told", "client.address", "192.0.2.1".into());
    has("kept", "flotilla.ring", true.into());
    has("kept", "flotilla.session", 7.into());
    has(HELD, "flotilla.text", "too much".into());
    for text in ["kept", "told"] {
        let trace = find(text).record.trace_context().unwrap();
        assert_eq!((trace.trace_id, trace.span_id), (session.trace.trace, session.trace.span));
    }
    let lines = bench.lines();
    let told = lines.iter().find(|line| line["message"] == "told").unwrap();
    assert_eq!(told["trace_id"], session.trace.trace.to_string());
    assert_eq!(told["span_id"], session.trace.span.to_string());
}

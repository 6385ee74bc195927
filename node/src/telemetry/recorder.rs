//! Where spans of sessions go, if anywhere.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::{SpanData, SpanProcessor};

use super::budget::Budget;
use super::context::Context;
use super::record::Record;

/// Takes spans, and knows which.
#[derive(Debug)]
pub(super) struct Recorder {
    processor: Box<dyn SpanProcessor>,
    scope: InstrumentationScope,
    /// Traces whose lower half is below this are sampled.
    bound: u64,
    slow: Option<Duration>,
    budget: Budget,
}

impl Recorder {
    /// `sample`: the part of sessions that is exported whole, 0 to 1. `slow`: transfers that take longer are kept.
    pub(super) fn new(
        processor: Box<dyn SpanProcessor>,
        sample: f64,
        slow: Option<Duration>,
        now: Instant,
    ) -> Self {
        let bound = (sample.clamp(0.0, 1.0) * HALF as f64) as u64;
        let version = env!("CARGO_PKG_VERSION");
        let scope = InstrumentationScope::builder("flotilla").with_version(version).build();
        Self { processor, scope, bound, slow, budget: Budget::new(KEPT_PER_SECOND, now) }
    }

    pub(super) fn scope(&self) -> InstrumentationScope {
        self.scope.clone()
    }

    /// Whether a new trace is sampled: by the lower half of its number, as the samplers of OpenTelemetry do, so that
    /// two programs with one ratio choose the same traces.
    pub(super) fn draws(&self, trace: TraceId) -> bool {
        let lower = u128::from_be_bytes(trace.to_bytes()) as u64;
        lower >> 1 < self.bound
    }

    pub(super) fn send(&self, span: SpanData) {
        self.processor.on_end(span);
    }

    /// See [`over`].
    pub(super) fn over(
        &'static self,
        context: Context,
        parent: Option<Context>,
        name: impl Into<Cow<'static, str>>,
        span: (Instant, Instant),
        must: bool,
    ) -> Option<Record> {
        // By the clock: spans are sent in another order than that of their ends.
        (context.is_sampled || must && self.budget.take(Instant::now()))
            .then(|| Record::new(self, context, parent, name, span))
    }
}

/// Spans are exported from now on. The first call counts.
pub(super) fn install(recorder: Recorder) {
    let _ = RECORDER.set(recorder);
}

/// A span that is over, from its beginning to its end, to be filled and sent; `None`: it is not exported. `must`: it
/// failed or was slow, and is kept although its trace is not sampled, unless too many are.
pub(crate) fn over(
    context: Context,
    parent: Option<Context>,
    name: impl Into<Cow<'static, str>>,
    span: (Instant, Instant),
    must: bool,
) -> Option<Record> {
    RECORDER.get()?.over(context, parent, name, span, must)
}

/// The root of a session of which something was exported: it takes no place of others.
pub(super) fn root(
    context: Context,
    name: impl Into<Cow<'static, str>>,
    span: (Instant, Instant),
) -> Option<Record> {
    Some(Record::new(RECORDER.get()?, context, None, name, span))
}

/// Whether a transfer that took so long is slow (`telemetry.slow_transfer`).
pub(crate) fn is_slow(elapsed: Duration) -> bool {
    RECORDER.get().and_then(|recorder| recorder.slow).is_some_and(|slow| elapsed >= slow)
}

/// Whether spans are exported at all.
pub(crate) fn is_on() -> bool {
    RECORDER.get().is_some()
}

/// Whether a new trace is sampled.
pub(super) fn draws(trace: TraceId) -> bool {
    RECORDER.get().is_some_and(|recorder| recorder.draws(trace))
}

static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// Half of all numbers of 64 bits.
const HALF: u64 = 1 << 63;
/// Spans of failures in traces that are not sampled.
const KEPT_PER_SECOND: u32 = 100;

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::Status;
    use opentelemetry_sdk::error::OTelSdkResult;

    use super::*;

    #[derive(Debug, Clone, Default)]
    pub(in crate::telemetry) struct Kept(pub(in crate::telemetry) Arc<Mutex<Vec<SpanData>>>);

    impl SpanProcessor for Kept {
        fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &opentelemetry::Context) {}

        fn on_end(&self, span: SpanData) {
            self.0.lock().unwrap().push(span);
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    /// One of its own, and what it is sent.
    pub(in crate::telemetry) fn recorder(sample: f64) -> (&'static Recorder, Kept) {
        let kept = Kept::default();
        let recorder = Recorder::new(Box::new(kept.clone()), sample, None, Instant::now());
        (Box::leak(Box::new(recorder)), kept)
    }

    /// The attributes of a span that is filled so, and whether it is an error.
    pub(crate) fn told(fill: impl FnOnce(Record) -> Record) -> (Vec<(String, String)>, bool) {
        let (recorder, kept) = recorder(0.0);
        let now = Instant::now();
        let record = recorder.over(Context::root(), None, "x", (now, now), true).unwrap();
        fill(record).send();
        let span = kept.0.lock().unwrap().remove(0);
        let text = |pair: opentelemetry::KeyValue| (pair.key.to_string(), pair.value.to_string());
        let is_error = matches!(span.status, opentelemetry::trace::Status::Error { .. });
        (span.attributes.into_iter().map(text).collect(), is_error)
    }

    pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_drawn_part_is_about_as_large_as_was_asked() {
        for (sample, range) in [(0.0, 0..=0), (0.01, 50..=170), (1.0, 10_000..=10_000)] {
            let (recorder, _) = recorder(sample);
            let drawn = (0..10_000).filter(|_| recorder.draws(Context::root().trace)).count();
            assert!(range.contains(&drawn), "{sample}: {drawn}");
        }
    }

    #[test]
    fn what_is_not_sampled_is_exported_only_if_it_must_be() {
        let (recorder, kept) = recorder(0.0);
        let (root, now) = (Context::root(), Instant::now());
        let child = root.child();
        let span = (now - Duration::from_secs(2), now);
        assert!(recorder.over(child, Some(root), "RETR", span, false).is_none());
        let record = recorder.over(child, Some(root), "RETR", span, true).unwrap();
        record.text("file.path", "/a\n").number("n", u64::MAX).failed("storage", "451 x").send();
        let spans = kept.0.lock().unwrap();
        let [sent] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!(sent.span_context.trace_id(), root.trace);
        assert_eq!(sent.parent_span_id, root.span);
        assert!(sent.span_context.is_sampled());
        assert_eq!(sent.end_time.duration_since(sent.start_time).unwrap().as_secs(), 2);
        assert_eq!(sent.status, Status::error("451 x"));
        let texts: Vec<_> = sent.attributes.iter().map(|pair| pair.value.to_string()).collect();
        assert_eq!(texts, ["/a\u{fffd}", &i64::MAX.to_string(), "storage"]);
    }

    #[test]
    fn a_flood_of_failures_is_bounded() {
        let (recorder, _) = recorder(0.0);
        let (root, now) = (Context::root(), Instant::now());
        let kept = (0..10_000)
            .filter(|_| recorder.over(root.child(), Some(root), "x", (now, now), true).is_some());
        assert_eq!(kept.count(), KEPT_PER_SECOND as usize);
    }
}

//! The exporters of the library, at work on a thread of ours.
//!
//! The batch processors call an exporter on threads that have no runtime. [`Within`] lends them that of the
//! thread `otlp`, which moves the bytes, and counts what becomes of what they send.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;
use tracing::{info, warn};

/// What became of what there was to tell, since the start: spans, lines of the log, or whole pushes of metrics.
#[derive(Debug)]
pub(crate) struct Counts {
    /// What is counted.
    signal: &'static str,
    /// The last request failed.
    is_failing: AtomicBool,
    /// Given to the queue.
    offered: AtomicU64,
    /// Taken by the collector.
    exported: AtomicU64,
    /// Not taken by it, or not in time.
    failed: AtomicU64,
    /// Not even queued, for the queue was full.
    dropped: AtomicU64,
}

impl Counts {
    const fn new(signal: &'static str) -> Self {
        Self {
            signal,
            is_failing: AtomicBool::new(false),
            offered: AtomicU64::new(0),
            exported: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether there is room for one more where `room` may wait, those included that are being sent; it counts either
    /// way. Threads that ask at once may each find the last place.
    pub(super) fn offer(&self, room: usize) -> bool {
        let (offered, gone) =
            (self.offered.load(Ordering::Relaxed), self.exported() + self.failed());
        let has_room = offered.saturating_sub(gone) < room as u64;
        let of = if has_room { &self.offered } else { &self.dropped };
        of.fetch_add(1, Ordering::Relaxed);
        has_room
    }

    /// Taken by the collector.
    pub(crate) fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// Not taken by it, or not in time.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Found the queue full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn note(&self, count: usize, result: &OTelSdkResult) {
        let of = if result.is_ok() { &self.exported } else { &self.failed };
        of.fetch_add(count as u64, Ordering::Relaxed);
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !was_failing => {
                warn!(target: TARGET, signal = self.signal, %error, "telemetry is not taken");
            }
            Ok(()) if was_failing => {
                info!(target: TARGET, signal = self.signal, "telemetry is taken again");
            }
            _ => {}
        }
    }
}

/// Of traces, metrics and logs.
pub(crate) static COUNTS: [&Counts; 3] = [&TRACES, &METRICS, &LOGS];

/// Spans.
pub(super) static TRACES: Counts = Counts::new("traces");
/// Pushes of metrics.
pub(super) static METRICS: Counts = Counts::new("metrics");
/// Lines of the log.
pub(super) static LOGS: Counts = Counts::new("logs");

/// An exporter, polled as if on the runtime of the thread `otlp`.
#[derive(Debug)]
pub(super) struct Within<E> {
    inner: E,
    runtime: Handle,
    /// For one batch, however the library connects and tries again.
    timeout: Duration,
    counts: &'static Counts,
}

impl<E> Within<E> {
    pub(super) fn new(
        inner: E,
        runtime: Handle,
        timeout: Duration,
        counts: &'static Counts,
    ) -> Self {
        Self { inner, runtime, timeout, counts }
    }

    async fn send(
        &self,
        count: usize,
        batch: impl Future<Output = OTelSdkResult>,
    ) -> OTelSdkResult {
        let limited = async {
            let done = tokio::time::timeout(self.timeout, batch).await;
            done.unwrap_or(Err(OTelSdkError::Timeout(self.timeout)))
        };
        let mut limited = pin!(limited);
        let polled = poll_fn(|task| {
            let _entered = self.runtime.enter();
            limited.as_mut().poll(task)
        });
        let result = polled.await;
        self.counts.note(count, &result);
        result
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Within<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.send(batch.len(), self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl opentelemetry_sdk::logs::LogExporter for Within<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.send(batch.iter().count(), self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl PushMetricExporter for Within<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.send(1, self.inner.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

/// The log does not export these lines: they would be more of what is not taken.
const TARGET: &str = "flotilla::telemetry";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_the_queue_full_is_counted_and_room_comes_back() {
        let counts = Counts::new("test");
        let offered = |times: usize| (0..times).filter(|_| counts.offer(10)).count();
        assert_eq!(offered(15), 10);
        assert_eq!(counts.dropped(), 5);
        counts.note(4, &Ok(()));
        counts.note(2, &Err(OTelSdkError::AlreadyShutdown));
        assert_eq!(offered(15), 6);
        assert_eq!((counts.exported(), counts.failed(), counts.dropped()), (4, 2, 14));
    }
}

//! The exporters of the library, at work on a thread of ours.
//!
//! The batch processors call an exporter on threads that have no runtime. [`Within`] lends them that of the
//! thread `otlp`, which moves the bytes, and counts what becomes of what they send.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;

/// What became of spans and lines, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Given to the queue.
    pub(crate) offered: AtomicU64,
    /// Taken by the collector.
    pub(crate) exported: AtomicU64,
    /// Not taken by it, or not in time.
    pub(crate) failed: AtomicU64,
}

impl Counts {
    fn note(&self, count: usize, result: &OTelSdkResult) {
        let of = if result.is_ok() { &self.exported } else { &self.failed };
        of.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// An exporter, polled as if on the runtime of the thread `otlp`.
#[derive(Debug)]
pub(super) struct Within<E> {
    inner: E,
    runtime: Handle,
    counts: Arc<Counts>,
}

impl<E> Within<E> {
    pub(super) fn new(inner: E, runtime: Handle, counts: Arc<Counts>) -> Self {
        Self { inner, runtime, counts }
    }
}

async fn within<F: Future>(runtime: &Handle, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|task| {
        let _entered = runtime.enter();
        future.as_mut().poll(task)
    })
    .await
}

impl opentelemetry_sdk::trace::SpanExporter for Within<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = within(&self.runtime, self.inner.export(batch)).await;
        self.counts.note(count, &result);
        result
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
        let count = batch.iter().count();
        let result = within(&self.runtime, self.inner.export(batch)).await;
        self.counts.note(count, &result);
        result
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
        within(&self.runtime, self.inner.export(metrics)).await
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

//! What waits for the collector. What finds a queue full is dropped and counted before the library's own queue would
//! drop it, and not say how much.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, LogExporter, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor};

use super::export;

/// One queue for the spans of sessions and for those of `tracing`.
#[derive(Clone, Debug)]
pub(super) struct Spans(Arc<BatchSpanProcessor>);

impl Spans {
    /// Its batches go to this exporter.
    pub(super) fn new(exporter: impl SpanExporter + 'static) -> Self {
        let queue = trace::BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE + SLACK)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        Self(Arc::new(BatchSpanProcessor::builder(exporter).with_batch_config(queue).build()))
    }
}

impl SpanProcessor for Spans {
    fn on_start(&self, _: &mut trace::Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if export::TRACES.offer(QUEUE) {
            self.0.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}

/// The queue of lines.
#[derive(Debug)]
pub(super) struct Lines(BatchLogProcessor);

impl Lines {
    /// Likewise.
    pub(super) fn new(exporter: impl LogExporter + 'static) -> Self {
        let queue = logs::BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE + SLACK)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        Self(BatchLogProcessor::builder(exporter).with_batch_config(queue).build())
    }
}

impl LogProcessor for Lines {
    fn emit(&self, line: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if export::LOGS.offer(QUEUE) {
            self.0.emit(line, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    /// Without it lines would not say which node they are of.
    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// Spans, or lines, that wait: half a kilobyte each as a rule, and with the longest texts five.
const QUEUE: usize = 4096;
/// What the library's own queue holds more, so that what is dropped is dropped, and counted, before it.
const SLACK: usize = 256;
/// Of one request.
const BATCH: usize = 512;
/// Until a batch that is not full goes.
const DELAY: Duration = Duration::from_secs(1);

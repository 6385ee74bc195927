//! From the queues to the collector: the threads, and their end.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use flotilla_cluster::aws::SPANS;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanExporter};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::endpoint::Endpoint;
use super::export::{self, Within};
use super::queue::{Lines, Spans};
use super::recorder::{self, Recorder};
use super::resource;
use crate::config::{Config, Signal, Telemetry};
use crate::error::ServeError;

/// What runs for `telemetry.otlp_endpoint`.
#[derive(Debug, Default)]
pub(crate) struct Exporter {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
    /// Ends the thread that moves the bytes.
    end: Option<oneshot::Sender<()>>,
}

impl Exporter {
    /// Starts it for the node of this name. Nothing is connected before there is something to send.
    ///
    /// # Errors
    /// A file of the configuration that can not be used, or no thread.
    pub(crate) fn start(config: &Config, node: &str) -> Result<Self, ServeError> {
        let telemetry = &config.telemetry;
        let failed = |reason: String| ServeError::Runtime(format!("telemetry: {reason}"));
        if telemetry.otlp_endpoint.is_none() {
            return Ok(Self::default());
        }
        let (runtime, end) = thread_of_its_own().map_err(|error| failed(error.to_string()))?;
        let _entered = runtime.enter();
        let Some(endpoint) = Endpoint::new(telemetry).map_err(failed)? else {
            return Ok(Self::default());
        };
        let wants = |signal| telemetry.otlp_signals.contains(&signal);
        let resource = resource::of(config, node);
        let start = Start { endpoint, telemetry, resource, runtime: runtime.clone() };
        Ok(Self {
            traces: wants(Signal::Traces).then(|| start.traces()).transpose().map_err(failed)?,
            metrics: wants(Signal::Metrics).then(|| start.metrics()).transpose().map_err(failed)?,
            logs: wants(Signal::Logs).then(|| start.logs()).transpose().map_err(failed)?,
            end: Some(end),
        })
    }

    /// Where the log puts its lines, if they are exported.
    pub(crate) fn logs(&self) -> Option<&SdkLoggerProvider> {
        self.logs.as_ref()
    }

    /// Takes over the spans that libraries make with `tracing`, of the target [`SPANS`].
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + Send + Sync + for<'lookup> LookupSpan<'lookup>,
    {
        let tracer = self.traces.as_ref()?.tracer("flotilla");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false);
        Some(layer.with_filter(filter_fn(|of| of.is_span() && of.target() == SPANS)))
    }

    /// Sends what waits, for a few seconds at the most, and ends. What is not sent then is lost with the process.
    pub(crate) fn finish(mut self) {
        let Some(end) = self.end.take() else { return };
        let (done, ended) = mpsc::channel();
        let (traces, logs, metrics) = (self.traces.take(), self.logs.take(), self.metrics.take());
        // The library waits longer for some than it is told.
        spawn_end(&done, move || traces.map(|traces| traces.shutdown_with_timeout(END)));
        spawn_end(&done, move || logs.map(|logs| logs.shutdown_with_timeout(END)));
        spawn_end(&done, move || metrics.map(|metrics| metrics.shutdown_with_timeout(END)));
        drop(done);
        let begun = Instant::now();
        // It ends with the last sender.
        while ended.recv_timeout(END.saturating_sub(begun.elapsed())).is_ok() {}
        drop(end);
    }
}

/// One shutdown on a thread of its own. Without a thread it is left out, like one that takes too long.
fn spawn_end(
    done: &mpsc::Sender<()>,
    shut_down: impl FnOnce() -> Option<OTelSdkResult> + Send + 'static,
) {
    let done = done.clone();
    let _ = thread::Builder::new().name("otlp-end".to_owned()).spawn(move || {
        // What is not taken now has been counted, and warned of when it began.
        let _ = shut_down();
        drop(done);
    });
}

/// What all providers are made of.
struct Start<'a> {
    endpoint: Endpoint,
    telemetry: &'a Telemetry,
    resource: Resource,
    runtime: Handle,
}

impl Start<'_> {
    fn traces(&self) -> Result<SdkTracerProvider, String> {
        let spans = self.endpoint.spans().map_err(|error| error.to_string())?;
        let mut exporter =
            Within::new(spans, self.runtime.clone(), self.telemetry.otlp_timeout, &export::TRACES);
        exporter.set_resource(&self.resource);
        let queue = Spans::new(exporter);
        let (sample, slow) = (self.telemetry.sample, self.telemetry.slow_transfer);
        let slow = (!slow.is_zero()).then_some(slow);
        let recorder = Recorder::new(Box::new(queue.clone()), sample, slow, Instant::now());
        recorder::install(recorder);
        Ok(SdkTracerProvider::builder()
            .with_span_processor(queue)
            // What is made outside of sessions is little: it is sampled where it is made.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_max_attributes_per_span(ATTRIBUTES_MAX)
            .with_resource(self.resource.clone())
            .build())
    }

    fn metrics(&self) -> Result<SdkMeterProvider, String> {
        let metrics = self.endpoint.metrics().map_err(|error| error.to_string())?;
        let exporter = Within::new(
            metrics,
            self.runtime.clone(),
            self.telemetry.otlp_timeout,
            &export::METRICS,
        );
        let reader = PeriodicReader::builder(exporter)
            .with_interval(self.telemetry.metrics_interval)
            .build();
        let provider = SdkMeterProvider::builder()
            .with_reader(reader)
            .with_resource(self.resource.clone())
            .build();
        opentelemetry::global::set_meter_provider(provider.clone());
        Ok(provider)
    }

    fn logs(&self) -> Result<SdkLoggerProvider, String> {
        let logs = self.endpoint.logs().map_err(|error| error.to_string())?;
        let exporter =
            Within::new(logs, self.runtime.clone(), self.telemetry.otlp_timeout, &export::LOGS);
        Ok(SdkLoggerProvider::builder()
            .with_log_processor(Lines::new(exporter))
            .with_resource(self.resource.clone())
            .build())
    }
}

/// The thread on which the bytes move: neither an arbiter nor a blocking thread waits for a collector.
fn thread_of_its_own() -> std::io::Result<(Handle, oneshot::Sender<()>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel::<()>();
    thread::Builder::new().name("otlp".to_owned()).spawn(move || {
        // It ends when the sender is dropped.
        let _ = runtime.block_on(ended);
        runtime.shutdown_background();
    })?;
    Ok((handle, end))
}

/// Of one span; ours have a dozen.
const ATTRIBUTES_MAX: u32 = 64;
/// What the end of the process may wait for the collector.
const END: Duration = Duration::from_secs(3);

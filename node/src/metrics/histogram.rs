//! Histograms, with the trace of one observation of each bucket.

use std::fmt;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::TraceId;
use opentelemetry::{KeyValue, metrics};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;

/// One histogram. OTLP gets the observations from here too, without the traces: its SDK takes none.
///
/// An observation takes a lock for a few additions, which all cores share. So it is for what happens once in a transfer or a job,
/// and not for every command.
#[derive(Clone)]
pub(crate) struct Histogram {
    text: HistogramWithExemplars<Trace>,
    /// Does nothing where nothing is exported.
    exported: Option<metrics::Histogram<f64>>,
    labels: Vec<KeyValue>,
}

/// The label of an exemplar.
type Trace = [(&'static str, String); 1];

impl Histogram {
    pub(super) fn new(
        bounds: &[f64],
        exported: Option<metrics::Histogram<f64>>,
        labels: Vec<KeyValue>,
    ) -> Self {
        let text = HistogramWithExemplars::new(bounds.iter().copied());
        Self { text, exported, labels }
    }

    /// One value; `trace`: where it came from, if that is sampled.
    pub(crate) fn observe(&self, value: f64, trace: Option<TraceId>) {
        let exemplar = trace.map(|trace| [("trace_id", trace.to_string())]);
        let at = exemplar.as_ref().map(|_| SystemTime::now());
        self.text.observe(value, exemplar, at);
        if let Some(exported) = &self.exported {
            exported.record(value, &self.labels);
        }
    }

    /// One duration.
    pub(crate) fn took(&self, time: Duration) {
        self.observe(time.as_secs_f64(), None);
    }

    pub(super) fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.text.encode(encoder)
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram").field("labels", &self.labels).finish_non_exhaustive()
    }
}

/// The histograms of a family, with their labels, for `/metrics`.
#[derive(Debug)]
pub(super) struct Histograms(pub(super) Vec<(Histogram, Vec<(&'static str, &'static str)>)>);

impl EncodeMetric for Histograms {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (histogram, labels) in &self.0 {
            if labels.is_empty() {
                return histogram.encode(encoder);
            }
            histogram.encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// For what takes from half a millisecond to hours.
pub(super) const TRANSFER_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0, 1800.0, 7200.0,
];
/// From a modem to what a card of 100 Gbit/s carries; bytes per second.
pub(super) const RATES: &[f64] =
    &[1e4, 1e5, 1e6, 2.5e6, 5e6, 1e7, 2.5e7, 5e7, 1e8, 2.5e8, 5e8, 1e9, 2.5e9, 1e10];
/// From nothing to a terabyte.
pub(super) const SIZES: &[f64] = &[0.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/// For what should be done within a millisecond, and is not well after a second.
pub(super) const SHORT_SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// For what is done at once as a rule, and may wait as long as its deadline lets it (`storage.timeout`).
pub(super) const WAIT_SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];

//! What is counted or measured elsewhere.

use std::fmt;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::definition::{Definition, Kind};
use super::instrument::export;

/// Something that is counted or measured elsewhere, and looked up whenever somebody asks: by the place of the labels.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) kind: Kind,
    pub(super) read: Arc<dyn Fn(usize) -> f64 + Send + Sync>,
}

impl Watched {
    pub(super) fn export(&self, meter: &Meter, definition: &Definition, rows: Vec<Vec<KeyValue>>) {
        let read = Arc::clone(&self.read);
        let tell = move |observer: &dyn AsyncInstrument<f64>| {
            rows.iter().enumerate().for_each(|(place, row)| observer.observe(read(place), row));
        };
        match self.kind {
            Kind::Counter => export!(meter.f64_observable_counter, definition, tell),
            Kind::Gauge | Kind::Histogram => export!(meter.f64_observable_gauge, definition, tell),
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A watched thing with its labels, for `/metrics`.
#[derive(Debug)]
pub(super) struct WatchedSeries {
    pub(super) watched: Watched,
    pub(super) rows: Vec<Vec<(&'static str, &'static str)>>,
}

impl EncodeMetric for WatchedSeries {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (place, labels) in self.rows.iter().enumerate() {
            let value = (self.watched.read)(place);
            let one = |encoder: &mut MetricEncoder<'_>| match self.watched.kind {
                Kind::Counter => encoder.encode_counter::<NoLabelSet, f64, f64>(&value, None),
                Kind::Gauge | Kind::Histogram => encoder.encode_gauge(&value),
            };
            match labels.is_empty() {
                true => one(&mut encoder)?,
                false => one(&mut encoder.encode_family(labels)?)?,
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.watched.kind.of_prometheus()
    }
}

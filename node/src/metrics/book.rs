//! The book of all metrics: what is entered here is shown by `/metrics` and exported by OTLP.

use std::fmt;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Metric, Registry};

use super::definition::{Definition, Kind};
use super::family::Family;
use super::histogram::{Histogram, Histograms};
use super::instrument::Instrument;
use super::label::Labels;
use super::watched::{Watched, WatchedSeries};

/// Makes instruments and knows them all.
pub(crate) struct Book {
    registry: Registry,
    /// Of the global provider, which does nothing until somebody exports.
    meter: Meter,
    definitions: Vec<Definition>,
}

impl Book {
    /// An empty one.
    pub(super) fn new(meter: Meter) -> Self {
        Self { registry: Registry::default(), meter, definitions: Vec::new() }
    }

    /// A counter or gauge without labels.
    pub(super) fn one<M: Instrument>(&mut self, name: &'static str, help: &'static str) -> M {
        let one = M::default();
        let definition = Definition { name, kind: M::KIND, help, labels: Vec::new() };
        M::export(&self.meter, &definition, vec![(one.clone(), Vec::new())]);
        self.enter(definition, Series(vec![(one.clone(), Vec::new())]));
        one
    }

    /// A counter or gauge for each combination of labels.
    pub(super) fn family<L: Labels, M: Instrument>(
        &mut self,
        name: &'static str,
        help: &'static str,
    ) -> Family<L, M> {
        let definition = Definition { name, kind: M::KIND, help, labels: L::of() };
        let rows = combinations(&definition.labels);
        let series: Arc<[M]> = rows.iter().map(|_| M::default()).collect();
        let exported = series.iter().cloned().zip(rows.iter().map(|row| attributes(row)));
        M::export(&self.meter, &definition, exported.collect());
        self.enter(definition, Series(series.iter().cloned().zip(rows).collect()));
        Family::new(series, M::default())
    }

    /// Something that is looked up whenever somebody asks.
    pub(super) fn watch(
        &mut self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let definition = Definition { name, kind, help, labels: Vec::new() };
        self.watch_all(definition, move |_| read());
    }

    /// The same for each combination of labels, by their place.
    pub(super) fn watch_family<L: Labels>(
        &mut self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        read: impl Fn(usize) -> f64 + Send + Sync + 'static,
    ) {
        self.watch_all(Definition { name, kind, help, labels: L::of() }, read);
    }

    fn watch_all(
        &mut self,
        definition: Definition,
        read: impl Fn(usize) -> f64 + Send + Sync + 'static,
    ) {
        let rows = combinations(&definition.labels);
        let watched = Watched { kind: definition.kind, read: Arc::new(read) };
        let labels = rows.iter().map(|row| attributes(row)).collect();
        watched.export(&self.meter, &definition, labels);
        self.enter(definition, WatchedSeries { watched, rows });
    }

    /// A histogram without labels.
    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        bounds: &[f64],
    ) -> Histogram {
        let definition = Definition { name, kind: Kind::Histogram, help, labels: Vec::new() };
        let histogram = self.make(&definition, bounds, &[]);
        self.enter(definition, Histograms(vec![(histogram.clone(), Vec::new())]));
        histogram
    }

    /// A histogram for each combination of labels.
    pub(super) fn histograms<L: Labels>(
        &mut self,
        name: &'static str,
        help: &'static str,
        bounds: &[f64],
    ) -> Family<L, Histogram> {
        let definition = Definition { name, kind: Kind::Histogram, help, labels: L::of() };
        let rows = combinations(&definition.labels);
        let series: Arc<[_]> = rows.iter().map(|row| self.make(&definition, bounds, row)).collect();
        self.enter(definition, Histograms(series.iter().cloned().zip(rows).collect()));
        Family::new(series, Histogram::new(bounds, None, Vec::new()))
    }

    fn make(&self, definition: &Definition, bounds: &[f64], row: &Row) -> Histogram {
        let exported = self
            .meter
            .f64_histogram(definition.exported_name())
            .with_description(definition.help)
            .with_unit(definition.unit().code())
            .with_boundaries(bounds.to_vec())
            .build();
        Histogram::new(bounds, Some(exported), attributes(row))
    }

    /// A metric with label values of its own, which it bounds itself. For `/metrics` alone.
    pub(super) fn enter(&mut self, definition: Definition, metric: impl Metric) {
        let (name, unit) = definition.registered();
        match unit {
            Some(unit) => self.registry.register_with_unit(name, definition.help, unit, metric),
            None => self.registry.register(name, definition.help, metric),
        }
        self.definitions.push(definition);
    }

    /// All that were entered, in that order.
    pub(crate) fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The meter.
    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// All of them in the text format of OpenMetrics 1.0.
    pub(super) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

type Row = [(&'static str, &'static str)];

fn attributes(row: &Row) -> Vec<KeyValue> {
    row.iter().map(|&(name, value)| KeyValue::new(name, value)).collect()
}

/// The instruments of a family with their labels, for `/metrics`.
#[derive(Debug)]
struct Series<M>(Vec<(M, Vec<(&'static str, &'static str)>)>);

impl<M: Instrument> EncodeMetric for Series<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (one, labels) in &self.0 {
            match labels.is_empty() {
                true => one.encode(&mut encoder)?,
                false => one.encode(&mut encoder.encode_family(labels)?)?,
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::KIND.of_prometheus()
    }
}

/// Every combination of the values, the last label running fastest; one without labels where there are none.
fn combinations(
    labels: &[(&'static str, Vec<&'static str>)],
) -> Vec<Vec<(&'static str, &'static str)>> {
    labels.iter().fold(vec![Vec::new()], |rows, (name, values)| {
        let with = |row: &Vec<_>, value| row.iter().copied().chain([(*name, value)]).collect();
        rows.iter().flat_map(|row| values.iter().map(move |&value| with(row, value))).collect()
    })
}

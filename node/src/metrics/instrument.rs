//! Counters and gauges: an atomic each, which both ways out read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::definition::{Definition, Kind};
use super::label::Labels;

/// What a family has one of for each combination of its labels. Clones are the same instrument.
pub(crate) trait Instrument: Clone + fmt::Debug + Default + Send + Sync + 'static {
    /// What it is.
    const KIND: Kind;

    /// For `/metrics`.
    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result;

    /// For OTLP: reads them all whenever the meter's reader wants to know.
    fn export(meter: &Meter, definition: &Definition, series: Vec<(Self, Vec<KeyValue>)>);
}

/// Only ever rises.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    /// One more.
    pub(crate) fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// What was counted elsewhere has come to that.
    pub(crate) fn raise_to(&self, count: u64) {
        self.0.fetch_max(count, Ordering::Relaxed);
    }

    /// The count.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Instrument for Counter {
    const KIND: Kind = Kind::Counter;

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, u64, u64>(&self.count(), None)
    }

    fn export(meter: &Meter, definition: &Definition, series: Vec<(Self, Vec<KeyValue>)>) {
        let instrument = meter.u64_observable_counter(definition.exported_name());
        instrument
            .with_description(definition.help)
            .with_unit(definition.unit().code())
            .with_callback(move |observer| {
                series.iter().for_each(|(one, labels)| observer.observe(one.count(), labels));
            })
            .build();
    }
}

/// A number of things.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// One more.
    pub(crate) fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(crate) fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many.
    pub(crate) fn set(&self, count: impl TryInto<i64>) {
        self.0.store(count.try_into().unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How many.
    pub(crate) fn count(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, unless there are `limit` already; whether there was room.
    fn add_below(&self, limit: u32) -> bool {
        let more = |count: i64| (count < i64::from(limit)).then_some(count.saturating_add(1));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

impl Instrument for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.count())
    }

    fn export(meter: &Meter, definition: &Definition, series: Vec<(Self, Vec<KeyValue>)>) {
        let instrument = meter.i64_observable_gauge(definition.exported_name());
        instrument
            .with_description(definition.help)
            .with_unit(definition.unit().code())
            .with_callback(move |observer| {
                series.iter().for_each(|(one, labels)| observer.observe(one.count(), labels));
            })
            .build();
    }
}

/// A gauge that is the count itself, which a limit is held against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Occupied(Gauge);

impl Occupied {
    /// Of a gauge that nobody sets.
    pub(super) fn new(gauge: Gauge) -> Self {
        Self(gauge)
    }

    /// One more, unless there are `limit` already; whether there was room.
    pub(crate) fn add_below(&self, limit: u32) -> bool {
        self.0.add_below(limit)
    }

    /// One less.
    pub(crate) fn subtract(&self) {
        self.0.dec();
    }

    /// How many there are.
    pub(crate) fn count(&self) -> i64 {
        self.0.count()
    }
}

/// A measured amount: seconds, as a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Amount(Arc<AtomicU64>);

impl Amount {
    /// So much.
    pub(crate) fn set(&self, amount: f64) {
        self.0.store(amount.to_bits(), Ordering::Relaxed);
    }

    /// How much.
    pub(crate) fn amount(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Instrument for Amount {
    const KIND: Kind = Kind::Gauge;

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.amount())
    }

    fn export(meter: &Meter, definition: &Definition, series: Vec<(Self, Vec<KeyValue>)>) {
        let instrument = meter.f64_observable_gauge(definition.exported_name());
        instrument
            .with_description(definition.help)
            .with_unit(definition.unit().code())
            .with_callback(move |observer| {
                series.iter().for_each(|(one, labels)| observer.observe(one.amount(), labels));
            })
            .build();
    }
}

/// Something that is counted or measured elsewhere, and looked up whenever somebody asks: by the place of the labels.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) kind: Kind,
    pub(super) read: Arc<dyn Fn(usize) -> f64 + Send + Sync>,
}

impl Watched {
    pub(super) fn export(&self, meter: &Meter, definition: &Definition, rows: Vec<Vec<KeyValue>>) {
        let read = Arc::clone(&self.read);
        let (name, unit) = (definition.exported_name(), definition.unit().code());
        let tell = move |observer: &dyn AsyncInstrument<f64>| {
            rows.iter().enumerate().for_each(|(place, row)| observer.observe(read(place), row));
        };
        match self.kind {
            Kind::Counter => {
                let instrument = meter.f64_observable_counter(name).with_unit(unit);
                instrument.with_description(definition.help).with_callback(tell).build();
            }
            Kind::Gauge | Kind::Histogram => {
                let instrument = meter.f64_observable_gauge(name).with_unit(unit);
                instrument.with_description(definition.help).with_callback(tell).build();
            }
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

/// One instrument for each combination of labels, all of them there from the start.
#[derive(Debug)]
pub(crate) struct Family<L, M> {
    series: Arc<[M]>,
    /// For labels that can not be.
    spare: M,
    labels: std::marker::PhantomData<fn(L)>,
}

impl<L, M: Clone> Clone for Family<L, M> {
    fn clone(&self) -> Self {
        Self { series: Arc::clone(&self.series), spare: self.spare.clone(), labels: self.labels }
    }
}

impl<L: Labels, M: Instrument> Default for Family<L, M> {
    fn default() -> Self {
        let count = L::of().iter().map(|(_, values)| values.len()).product();
        Self::new((0..count).map(|_| M::default()).collect(), M::default())
    }
}

impl<L, M> Family<L, M> {
    pub(super) fn new(series: Arc<[M]>, spare: M) -> Self {
        Self { series, spare, labels: std::marker::PhantomData }
    }
}

impl<L: Labels, M> Family<L, M> {
    /// The instrument of these labels: a look-up by number, nothing is allocated.
    pub(crate) fn of(&self, labels: L) -> &M {
        self.series.get(labels.place()).unwrap_or(&self.spare)
    }
}

impl<L, M> Family<L, M> {
    /// All instruments.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        self.series.iter()
    }
}

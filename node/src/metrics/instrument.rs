//! Counters and gauges: an atomic each, which both ways out read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

use super::definition::{Definition, Kind};

/// The builders of the library have the same methods and no trait in common.
macro_rules! export {
    ($meter:ident.$make:ident, $definition:ident, $tell:expr) => {{
        let instrument = $meter.$make($definition.exported_name());
        let unit = $definition.unit().code();
        instrument.with_description($definition.help).with_unit(unit).with_callback($tell).build();
    }};
}

pub(super) use export;

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
        export!(meter.u64_observable_counter, definition, move |observer| {
            series.iter().for_each(|(one, labels)| observer.observe(one.count(), labels));
        });
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
        export!(meter.i64_observable_gauge, definition, move |observer| {
            series.iter().for_each(|(one, labels)| observer.observe(one.count(), labels));
        });
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
        export!(meter.f64_observable_gauge, definition, move |observer| {
            series.iter().for_each(|(one, labels)| observer.observe(one.amount(), labels));
        });
    }
}

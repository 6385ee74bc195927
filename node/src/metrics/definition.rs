//! What a metric is, apart from its value: the one source of its name on both ways out, and of the manual's table.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit as PrometheusUnit;

/// The definition of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// As `/metrics` shows it. It ends in its unit, and a counter in `_total`.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) kind: Kind,
    /// What it means, in a few words without a full stop.
    pub(crate) help: &'static str,
    /// Names and values; no values: they come while the node runs, in bounded number.
    pub(crate) labels: Vec<(&'static str, Vec<&'static str>)>,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only ever rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// How often values lay between bounds.
    Histogram,
}

/// In what it is counted or measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Pieces.
    None,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
}

impl Definition {
    /// The unit, by the name.
    pub(crate) fn unit(&self) -> Unit {
        match self.plain_name() {
            name if name.ends_with("_seconds") => Unit::Seconds,
            name if name.ends_with("_bytes") => Unit::Bytes,
            name if name.ends_with(BYTES_PER_SECOND) => Unit::BytesPerSecond,
            _ => Unit::None,
        }
    }

    /// The name in OTLP: `_total` is left out and the first `_` is a dot, as `flotilla.transfer_bytes`. A collector that
    /// gives it to Prometheus (or Prometheus itself, where it takes OTLP) makes of it the name that `/metrics` has.
    pub(crate) fn exported_name(&self) -> String {
        self.plain_name().replacen('_', ".", 1)
    }

    /// What `prometheus-client` wants to hear: it adds unit and `_total` itself.
    pub(super) fn registered(&self) -> (String, Option<PrometheusUnit>) {
        let name = self.plain_name();
        match self.unit() {
            Unit::None => (name.to_owned(), None),
            Unit::Seconds => (stripped(name, "_seconds"), Some(PrometheusUnit::Seconds)),
            Unit::Bytes => (stripped(name, "_bytes"), Some(PrometheusUnit::Bytes)),
            Unit::BytesPerSecond => {
                let unit = BYTES_PER_SECOND.trim_start_matches('_').to_owned();
                (stripped(name, BYTES_PER_SECOND), Some(PrometheusUnit::Other(unit)))
            }
        }
    }

    fn plain_name(&self) -> &'static str {
        self.name.strip_suffix("_total").unwrap_or(self.name)
    }
}

/// The end of a name.
const BYTES_PER_SECOND: &str = "_bytes_per_second";

fn stripped(name: &str, suffix: &str) -> String {
    name.strip_suffix(suffix).unwrap_or(name).to_owned()
}

impl Kind {
    pub(super) fn of_prometheus(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
        }
    }

    /// As Prometheus names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Unit {
    /// In the code of OTLP (UCUM).
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "s",
            Self::Bytes => "By",
            Self::BytesPerSecond => "By/s",
        }
    }
}

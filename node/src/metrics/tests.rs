use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::{Answered, Verb};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

use super::definition::Kind;
use super::*;
use crate::auth::Protocol;

/// Keeps the last export: the value of each series by its name and labels.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<String, f64>>>);

impl PushMetricExporter for Kept {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut kept = BTreeMap::new();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            let mut keep = |mut labels: Vec<String>, value: f64| {
                labels.sort();
                kept.insert(format!("{} {}", metric.name(), labels.join(",")), value);
            };
            macro_rules! points {
                ($data:expr, $value:expr) => {
                    for point in $data.data_points() {
                        let labels =
                            point.attributes().map(|of| format!("{}={}", of.key, of.value));
                        keep(labels.collect(), $value(point));
                    }
                };
            }
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => points!(
                    sum,
                    |p: &opentelemetry_sdk::metrics::data::SumDataPoint<u64>| p.value() as f64
                ),
                AggregatedMetrics::F64(MetricData::Sum(sum)) => {
                    points!(sum, |p: &opentelemetry_sdk::metrics::data::SumDataPoint<f64>| p
                        .value())
                }
                AggregatedMetrics::I64(MetricData::Gauge(gauge)) => {
                    points!(gauge, |p: &opentelemetry_sdk::metrics::data::GaugeDataPoint<i64>| p
                        .value()
                        as f64)
                }
                AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
                    points!(gauge, |p: &opentelemetry_sdk::metrics::data::GaugeDataPoint<u64>| p
                        .value()
                        as f64)
                }
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                    points!(gauge, |p: &opentelemetry_sdk::metrics::data::GaugeDataPoint<f64>| p
                        .value())
                }
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => points!(
                    histogram,
                    |p: &opentelemetry_sdk::metrics::data::HistogramDataPoint<f64>| p.count()
                        as f64
                ),
                other => panic!("{}: {other:?}", metric.name()),
            }
        }
        *self.0.lock().unwrap() = kept;
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

/// The samples of a page of `/metrics`, by name and labels; of histograms their counts.
fn samples(text: &str, definitions: &[definition::Definition]) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let line = line.split(" # {").next().unwrap();
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let of = definitions.iter().find(|definition| {
            name == definition.name
                || definition.kind == Kind::Histogram
                    && name.strip_suffix("_count") == Some(definition.name)
        });
        let Some(of) = of else { continue };
        let labels = labels.trim_end_matches('}').replace('"', "");
        let mut labels: Vec<_> = labels.split(',').collect();
        labels.sort_unstable();
        let labels = labels.join(",");
        samples.insert(format!("{} {labels}", of.exported_name()), value.parse().unwrap());
    }
    samples
}

fn answered(word: &str, code: u16) -> Answered {
    Answered { verb: Verb::lookup(word.as_bytes()), code, since: Instant::now() }
}

/// Does something of everything; the sessions live as long as what is returned.
fn use_all(metrics: &Metrics) -> [Living; 2] {
    let mut sessions = [Protocol::Ftp, Protocol::Ssh].map(|of| metrics.sessions.began(of));
    sessions[0].secured();
    metrics.logins.judged(Protocol::Ftps, LoginMethod::Certificate, LoginResult::Policy);
    metrics.commands.answered(answered("RETR", 226));
    metrics.commands.answered(answered("frobnicate", 500));
    metrics.transfers.bytes.of((Protocol::Ssh, TransferDirection::Upload)).add(7);
    metrics.transfers.over(&Over {
        protocol: Protocol::Ssh,
        direction: TransferDirection::Upload,
        result: TransferResult::Ok,
        bytes: 7,
        elapsed: Duration::from_millis(20),
        user: "u",
        trace: None,
    });
    metrics.relay.refused(RelayRefusal::Unknown);
    metrics.pool.lease_lag.set(1.5);
    metrics.process.loop_lag.took(Duration::from_millis(3));
    metrics.ready.set(1);
    sessions
}

#[test]
fn both_ways_out_tell_the_same() {
    let kept = Kept::default();
    let reader = PeriodicReader::builder(kept.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let metrics = Metrics::in_book(Book::new(provider.meter("flotilla")), 1);
    let _sessions = use_all(&metrics);
    provider.force_flush().unwrap();
    let mut exported = std::mem::take(&mut *kept.0.lock().unwrap());
    let mut shown = samples(&metrics.encode().unwrap(), metrics.book.definitions());
    let moves = |series: &str| {
        [
            "process.cpu",
            "process.resident",
            "process.open",
            "flotilla.mailbox",
            "flotilla.aws",
            "flotilla.pipes",
        ]
        .iter()
        .any(|of| series.starts_with(of))
    };
    // Histograms that saw nothing are not exported.
    shown
        .retain(|series, value| !moves(series) && (*value != 0.0 || exported.contains_key(series)));
    exported.retain(|series, _| !moves(series));
    assert_eq!(exported, shown);
    let told = |series: &str| exported.get(series).copied();
    assert_eq!(told("flotilla.sessions protocol=ftps"), Some(1.0));
    assert_eq!(told("flotilla.sessions protocol=ftp"), Some(0.0));
    assert_eq!(told("flotilla.ftp_commands class=5xx,verb=other"), Some(1.0));
    assert_eq!(told("flotilla.ftp_commands class=2xx,verb=RETR"), Some(1.0));
    assert_eq!(told("flotilla.transfer_seconds direction=upload,protocol=ssh"), Some(1.0));
    assert_eq!(told("flotilla.lease_lag_seconds "), Some(1.5));
    assert_eq!(told("flotilla.user_transfer_bytes direction=upload,user=u"), Some(7.0));
}

/// The rules of `promtool check metrics`.
#[test]
fn names_are_as_prometheus_wants_them() {
    let metrics = Metrics::new(0);
    let mut names = HashSet::new();
    for definition in metrics.book.definitions() {
        let name = definition.name;
        assert!(names.insert(definition.exported_name()), "{name} is there twice");
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(is_plain(name), "{name}");
        assert!(name.starts_with("flotilla_") || name.starts_with("process_"), "{name}");
        assert_eq!(definition.kind == Kind::Counter, name.ends_with("_total"), "{name}");
        for word in name.split('_') {
            let wrong = [
                "counter",
                "gauge",
                "histogram",
                "ms",
                "milliseconds",
                "minutes",
                "kb",
                "count",
                "sum",
                "bucket",
            ];
            assert!(!wrong.contains(&word), "{name}");
        }
        assert!(!definition.help.is_empty() && !definition.help.ends_with('.'), "{name}");
        for (label, values) in &definition.labels {
            assert!(is_plain(label), "{name}: {label}");
            let unique: HashSet<_> = values.iter().collect();
            assert_eq!(unique.len(), values.len(), "{name}: {label}");
        }
    }
}

/// Every series is there from the start, and what is counted later adds none.
#[test]
fn series_are_there_from_the_start() {
    let metrics = Metrics::new(0);
    let series = |metrics: &Metrics| -> Vec<String> {
        let text = metrics.encode().unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    let before = series(&metrics);
    let _sessions = use_all(&metrics);
    for number in 0..10_000_u16 {
        metrics.commands.answered(answered(&format!("X{number}"), number));
        metrics.transfers.users.moved(&format!("u{number}"), TransferDirection::Upload, 1);
    }
    assert_eq!(series(&metrics), before);
    let expected: usize = metrics
        .book
        .definitions()
        .iter()
        .filter(|definition| definition.kind != Kind::Histogram)
        .map(|definition| {
            definition.labels.iter().map(|(_, values)| values.len()).product::<usize>()
        })
        .sum();
    let is_bucket = |series: &&String| {
        let name = series.split('{').next().unwrap();
        ["_bucket", "_sum", "_count"].iter().any(|of| name.ends_with(of))
    };
    assert_eq!(before.len() - before.iter().filter(is_bucket).count(), expected);
}

#[test]
fn a_place_has_the_labels_that_were_asked_for() {
    let metrics = Metrics::new(0);
    let labels = (Protocol::Ssh, LoginMethod::Interactive, LoginResult::Limit);
    metrics.logins.judged(labels.0, labels.1, labels.2);
    let line = "flotilla_logins_total{protocol=\"ssh\",method=\"keyboard_interactive\",result=\"limit\"} 1\n";
    let text = metrics.encode().unwrap();
    assert!(text.contains(line), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn an_observation_leads_to_its_trace() {
    let metrics = Metrics::new(0);
    let trace =
        opentelemetry::trace::TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap();
    metrics.process.loop_lag.observe(0.003, Some(trace));
    let text = metrics.encode().unwrap();
    let bucket = "flotilla_loop_lag_seconds_bucket{le=\"0.005\"} 1 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.003 ";
    assert!(text.contains(bucket), "{text}");
    assert!(!plain(&text).contains("trace_id"));
}

#[test]
fn the_table_in_the_manual_is_up_to_date() {
    let written = include_str!("../manual/metric_table.md");
    let told = "run \"flotilla gen metrics\" into node/src/manual/metric_table.md";
    assert!(written == reference(), "{told}");
}

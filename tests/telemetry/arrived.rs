//! What arrived at the end of the way, as a test wants to look at it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A span, with what its resource says.
#[derive(Clone, Debug)]
pub struct Span {
    /// The node that made it (`service.instance.id`).
    pub node: String,
    /// Of all spans that belong together.
    pub trace: String,
    /// Its own number.
    pub id: String,
    /// That of the span above it; empty: it is a root.
    pub parent: String,
    /// What it is about.
    pub name: String,
    /// Attributes; numbers as numbers.
    pub attributes: BTreeMap<String, Value>,
    /// Whether its status is an error.
    pub failed: bool,
}

/// A metric, with the points of all its series.
#[derive(Clone, Debug)]
pub struct Metric {
    /// As OTLP names it.
    pub name: String,
    /// Of each series its labels and its value; of a histogram how often something was measured.
    pub points: Vec<(BTreeMap<String, Value>, f64)>,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// The node that wrote it.
    pub node: String,
    /// The text.
    pub body: String,
    /// The trace that it belongs to; empty: none.
    pub trace: String,
}

/// The spans of one request.
pub fn spans(request: &Value) -> Vec<Span> {
    let mut spans = Vec::new();
    each(request, "traces", ("scope_spans", "spans"), |resource, span| {
        spans.push(Span {
            node: instance(resource),
            trace: text(&span["trace_id"]),
            id: text(&span["span_id"]),
            parent: text(&span["parent_span_id"]),
            name: text(&span["name"]),
            attributes: attributes(&span["attributes"]),
            failed: span["status"]["code"] == "STATUS_CODE_ERROR",
        });
    });
    spans
}

/// The metrics of one request.
pub fn metrics(request: &Value) -> Vec<Metric> {
    let mut metrics = Vec::new();
    each(request, "metrics", ("scope_metrics", "metrics"), |_, metric| {
        let kinds = ["sum", "gauge", "histogram", "exponential_histogram"];
        let points = kinds.iter().filter_map(|kind| metric[kind]["data_points"].as_array());
        let value = |point: &Value| {
            let keys = ["as_int", "as_double", "count"];
            keys.iter().find_map(|key| point.get(key)).map(number).unwrap_or_default()
        };
        let points = points.flatten().map(|point| (attributes(&point["attributes"]), value(point)));
        metrics.push(Metric { name: text(&metric["name"]), points: points.collect() });
    });
    metrics
}

/// The lines of one request.
pub fn lines(request: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    each(request, "logs", ("scope_logs", "log_records"), |resource, line| {
        lines.push(Line {
            node: instance(resource),
            body: text(&line["body"]["string_value"]),
            trace: text(&line["trace_id"]),
        });
    });
    lines
}

/// Every text of a value, keys included.
pub fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            found.push(key.clone());
            texts(value, found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn each(
    request: &Value,
    signal: &str,
    (scopes, items): (&str, &str),
    mut see: impl FnMut(&BTreeMap<String, Value>, &Value),
) {
    if request["signal"] != signal {
        return;
    }
    for resource in request["resources"].as_array().into_iter().flatten() {
        let known = attributes(&resource["resource"]["attributes"]);
        for scope in resource[scopes].as_array().into_iter().flatten() {
            for item in scope[items].as_array().into_iter().flatten() {
                see(&known, item);
            }
        }
    }
}

fn instance(resource: &BTreeMap<String, Value>) -> String {
    resource.get("service.instance.id").map(text).unwrap_or_default()
}

fn attributes(list: &Value) -> BTreeMap<String, Value> {
    let pairs = list.as_array().into_iter().flatten();
    pairs.map(|pair| (text(&pair["key"]), plain(&pair["value"]))).collect()
}

/// A value without the word for its kind.
fn plain(value: &Value) -> Value {
    let none = Map::new();
    match value.as_object().unwrap_or(&none).iter().next() {
        Some((kind, value)) if kind == "int_value" => whole(value).into(),
        Some((_, value)) => value.clone(),
        None => Value::Null,
    }
}

/// JSON has numbers of 64 bits as text.
fn whole(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! The fields of an event, collected for one line.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use opentelemetry::trace::{SpanId, TraceId};
use serde::{Serialize, Serializer};
use tracing::field::{Field, Visit};

use crate::telemetry::Context;

/// A value as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    Text(String),
    /// A word of ours.
    Word(&'static str),
    /// A text that others keep as well.
    Shared(#[serde(serialize_with = "shared")] Arc<str>),
    /// What is made text where it is written: none of it needs to be escaped.
    Plain(Plain),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Flag(bool),
}

/// What has a form of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plain {
    Address(IpAddr),
    Trace(TraceId),
    Span(SpanId),
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Trace(trace) => trace.fmt(f),
            Self::Span(span) => span.fmt(f),
        }
    }
}

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn shared<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Fields in the order in which they came, each name once: the last value wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// What happened, in words.
    pub(super) message: String,
    pub(super) values: Vec<(&'static str, Value)>,
    /// The span that it belongs to; it stands among the values as well.
    pub(super) trace: Option<Context>,
}

impl Fields {
    /// Of a line that is written, with room for what it has as a rule.
    pub(super) fn with_room() -> Self {
        Self { values: Vec::with_capacity(FIELDS_USUAL), ..Self::default() }
    }

    /// Adds or replaces one value.
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        match (name, value) {
            ("message", Value::Text(text)) => self.message = text,
            (name, value) => match self.values.iter_mut().find(|(known, _)| *known == name) {
                Some((_, old)) => *old = value,
                None => self.values.push((name, value)),
            },
        }
    }
}

/// The field with the trace, in hexadecimal digits as W3C Trace Context has it.
pub(super) const TRACE_ID: &str = "trace_id";
/// The field with the span, likewise.
pub(super) const SPAN_ID: &str = "span_id";

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), Value::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Flag(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field.name(), Value::Text(value.to_string()));
    }
}

/// What a line of a transfer has, so that most need one allocation.
const FIELDS_USUAL: usize = 14;

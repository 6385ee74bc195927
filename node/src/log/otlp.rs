//! Lines as log records of OpenTelemetry, for an exporter that telemetry brings.
//!
//! Attributes have the names of the semantic conventions where these have one
//! (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/>), others are under `flotilla`.

use std::time::SystemTime;

use opentelemetry::Key;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::TraceFlags;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use tracing::Level;

use super::field::{Fields, SPAN_ID, TRACE_ID, Value};
use crate::telemetry::{Context, clean, name};

/// Hands lines to a provider, whose processors have queues of their own and never wait.
pub(super) struct Export {
    logger: SdkLogger,
}

impl Export {
    pub(super) fn new(provider: &SdkLoggerProvider) -> Self {
        Self { logger: provider.logger(SCOPE) }
    }

    /// Exports a line, unless it tells of an export: that would be told of in turn.
    pub(super) fn emit(&self, at: SystemTime, level: Level, target: &'static str, fields: &Fields) {
        if UNHEARD.iter().any(|unheard| target.starts_with(unheard)) {
            return;
        }
        let mut record = self.logger.create_log_record();
        record.set_timestamp(at);
        record.set_target(target);
        record.set_severity_text(level.as_str());
        record.set_severity_number(severity(level));
        record.set_body(AnyValue::from(clean(&fields.message)));
        for (name, value) in &fields.values {
            if !matches!(*name, TRACE_ID | SPAN_ID) {
                record.add_attribute(key(name), any(value));
            }
        }
        if let Some(Context { trace, span, is_sampled }) = fields.trace {
            let flags = TraceFlags::default().with_sampled(is_sampled);
            record.set_trace_context(trace, span, Some(flags));
        }
        self.logger.emit(record);
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

fn key(name: &'static str) -> Key {
    match NAMES.iter().find(|(own, _)| *own == name) {
        Some((_, known)) => Key::from_static_str(known),
        None => Key::new(format!("flotilla.{name}")),
    }
}

fn any(value: &Value) -> AnyValue {
    match value {
        Value::Text(text) => clean(text).into(),
        Value::Shared(text) => clean(text).into(),
        Value::Word(word) => AnyValue::from(*word),
        Value::Plain(plain) => plain.to_string().into(),
        Value::Signed(number) => (*number).into(),
        // The protocol has no larger ones.
        Value::Unsigned(number) => i64::try_from(*number).unwrap_or(i64::MAX).into(),
        Value::Float(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
    }
}

/// Of our names those that the conventions have, and the most frequent of the others, whose names need
/// not be made then.
const NAMES: &[(&str, &str)] = &[
    ("bytes", name::BYTES),
    ("client", name::CLIENT),
    ("command", name::COMMAND),
    ("elapsed_ms", "flotilla.elapsed_ms"),
    ("error", "exception.message"),
    ("failure", "error.type"),
    ("node", name::NODE),
    ("path", name::PATH),
    ("protocol", name::PROTOCOL),
    ("reply", name::REPLY),
    ("session", name::SESSION),
    ("user", name::USER),
];

/// Targets of what carries the export, and so beginnings of lines that it would cause.
const UNHEARD: &[&str] =
    &["flotilla::telemetry", "h2", "hyper", "opentelemetry", "rustls", "tonic", "tower"];

/// Who says it.
const SCOPE: &str = "flotilla";

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::logs::InMemoryLogExporter;

    use super::*;

    #[test]
    fn a_line_becomes_a_record_and_lines_of_exports_do_not() {
        let exporter = InMemoryLogExporter::default();
        let provider = SdkLoggerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let export = Export::new(&provider);
        let mut fields = Fields { message: "transfer ended".to_owned(), ..Fields::default() };
        fields.set("client", Value::Text("192.0.2.1".to_owned()));
        fields.set("user", Value::Text("ann".to_owned()));
        fields.set("path", Value::Text("/a\nb".to_owned()));
        fields.set("failure", Value::Text("NoSpace".to_owned()));
        fields.set("bytes", Value::Unsigned(u64::MAX));
        fields.set("offset", Value::Signed(-1));
        fields.set("complete", Value::Flag(true));
        let at = SystemTime::UNIX_EPOCH;
        export.emit(at, Level::WARN, "flotilla::session", &fields);
        for carrier in
            ["opentelemetry_sdk", "hyper_util::client", "flotilla::telemetry::otlp", "h2"]
        {
            export.emit(at, Level::ERROR, carrier, &fields);
        }
        let records = exporter.get_emitted_logs().unwrap();
        assert_eq!(records.len(), 1);
        let record = &records[0].record;
        assert_eq!(record.body(), Some(&AnyValue::from("transfer ended")));
        assert_eq!(record.severity_number(), Some(Severity::Warn));
        assert_eq!(record.severity_text(), Some("WARN"));
        assert_eq!(record.timestamp(), Some(at));
        assert_eq!(record.target().map(AsRef::as_ref), Some("flotilla::session"));
        for (name, value) in [
            ("client.address", AnyValue::from("192.0.2.1")),
            ("user.name", "ann".into()),
            ("file.path", "/a\u{fffd}b".into()),
            ("error.type", "NoSpace".into()),
            ("flotilla.bytes", i64::MAX.into()),
            ("flotilla.offset", (-1_i64).into()),
            ("flotilla.complete", true.into()),
        ] {
            let pair = (Key::new(name), value);
            assert!(record.attributes_iter().any(|has| *has == pair), "{pair:?}: {record:?}");
        }
    }
}

//! A span that is over, on its way to the collector.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use flotilla_protocol::failure::Failure;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Link, SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::context::Context;
use super::fault::is_fault;
use super::name;
use super::recorder::Recorder;
use super::text::clean;

/// It is filled, and then sent.
#[derive(Debug)]
#[must_use = "it is exported when it is sent"]
pub(crate) struct Record {
    recorder: &'static Recorder,
    data: Box<SpanData>,
}

impl Record {
    pub(super) fn new(
        recorder: &'static Recorder,
        context: Context,
        parent: Option<Context>,
        name: impl Into<Cow<'static, str>>,
        (began, ended): (Instant, Instant),
    ) -> Self {
        let end_time = SystemTime::now() - Instant::now().saturating_duration_since(ended);
        let start_time = end_time - ended.saturating_duration_since(began);
        let data = SpanData {
            span_context: context.exported(),
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| parent.span),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time,
            end_time,
            attributes: Vec::with_capacity(ATTRIBUTES),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: recorder.scope(),
        };
        Self { recorder, data: Box::new(data) }
    }

    /// It is the server's side of a call.
    pub(crate) fn server(mut self) -> Self {
        self.data.span_kind = SpanKind::Server;
        self
    }

    /// It is the client's side of a call.
    pub(crate) fn client(mut self) -> Self {
        self.data.span_kind = SpanKind::Client;
        self
    }

    /// The parent is of another process.
    pub(crate) fn of_remote(mut self) -> Self {
        self.data.parent_span_is_remote = true;
        self
    }

    /// A text; control characters are replaced, and it is cut after a kilobyte.
    pub(crate) fn text(self, key: &'static str, text: &str) -> Self {
        self.with(KeyValue::new(key, clean(text)))
    }

    /// A word of ours.
    pub(crate) fn word(self, key: &'static str, word: &'static str) -> Self {
        self.with(KeyValue::new(key, word))
    }

    /// A number; what does not fit is the most that does.
    pub(crate) fn number(self, key: &'static str, number: impl TryInto<i64>) -> Self {
        self.with(KeyValue::new(key, number.try_into().unwrap_or(i64::MAX)))
    }

    /// Milliseconds and parts of them.
    pub(crate) fn fraction(self, key: &'static str, number: f64) -> Self {
        self.with(KeyValue::new(key, number))
    }

    /// A yes or no.
    pub(crate) fn flag(self, key: &'static str, flag: bool) -> Self {
        self.with(KeyValue::new(key, flag))
    }

    /// Something, if there is.
    pub(crate) fn maybe<T>(self, value: Option<T>, set: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => set(self, value),
            None => self,
        }
    }

    /// It failed; `kind` is a word of few (`error.type`), `text` is for people.
    pub(crate) fn failed(mut self, kind: &'static str, text: &str) -> Self {
        self.data.status = Status::error(clean(text));
        self.word(name::ERROR, kind)
    }

    /// It failed so: an error if somebody should look after it ([`is_fault`]), and else only told.
    pub(crate) fn failure(self, failure: &Failure) -> Self {
        match is_fault(failure) {
            true => self.failed(failure.word(), failure.text()),
            false => self.word(name::ERROR, failure.word()).text(name::REASON, failure.text()),
        }
    }

    /// It has to do with another one, which is not its parent.
    pub(crate) fn linked(mut self, other: Context) -> Self {
        self.data.links.links.push(Link::with_context(other.exported()));
        self
    }

    /// Queues it. Never waits; what finds the queue full is dropped and counted.
    pub(crate) fn send(self) {
        self.recorder.send(*self.data);
    }

    fn with(mut self, pair: KeyValue) -> Self {
        self.data.attributes.push(pair);
        self
    }
}

/// A span of ours has so many as a rule.
const ATTRIBUTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::super::name;
    use crate::telemetry::recorder::tests::{pairs, told};

    #[test]
    fn a_failure_of_the_clients_own_is_told_and_no_error() {
        use flotilla_protocol::failure::Failure;
        let all =
            pairs(&[(name::ERROR, "not_found"), (name::REASON, "No such file or directory.")]);
        assert_eq!(told(|record| record.failure(&Failure::NotFound)), (all, false));
        let all = pairs(&[(name::ERROR, "storage_error")]);
        assert_eq!(told(|record| record.failure(&Failure::StorageError)), (all, true));
    }
}

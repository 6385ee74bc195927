//! One reconciliation as a span: the calls of AWS that it makes are its children.

use tracing::Span;
use tracing::field::Empty;

use crate::telemetry::{self, SPANS};

/// It begins with its value, and ends with [`end`](Self::end).
#[derive(Debug)]
pub(super) struct Reconcile(Span);

impl Reconcile {
    /// What is reconciled: `groups`.
    pub(super) fn begin(what: &'static str) -> Self {
        Self(tracing::info_span!(
            target: SPANS,
            parent: None,
            "reconcile",
            otel.name = format_args!("reconcile {what}"),
            otel.status_code = Empty,
            flotilla.changes = Empty,
            flotilla.changed = Empty,
            flotilla.trouble = Empty,
            "error.type" = Empty,
        ))
    }

    /// For what is done meanwhile.
    pub(super) fn span(&self) -> Span {
        self.0.clone()
    }

    /// It is over: this was changed, and this did not succeed.
    pub(super) fn end(self, changed: &[String], troubles: &[String]) {
        let Self(span) = self;
        if span.is_disabled() {
            return;
        }
        span.record("flotilla.changes", changed.len());
        if !changed.is_empty() {
            span.record("flotilla.changed", telemetry::clean(&changed.join("; ")));
        }
        if !troubles.is_empty() {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", "trouble");
            span.record("flotilla.trouble", telemetry::clean(&troubles.join("; ")));
        }
    }
}

//! What became of what was to be told by OTLP.

use super::book::Book;
use super::definition::Kind;
use super::label::label;
use crate::telemetry::COUNTS;

label! {
    /// What is told, in the order of [`COUNTS`].
    #[expect(dead_code, reason = "found by their place")]
    Signal = "signal" {
        Traces = "traces",
        Metrics = "metrics",
        Logs = "logs",
    }
}

label! {
    /// What became of it.
    #[expect(dead_code, reason = "found by their place")]
    Outcome = "result" {
        Exported = "exported",
        /// The collector did not take it, or not in time.
        Failed = "failed",
        /// The queue was full.
        Dropped = "dropped",
    }
}

/// Enters it.
pub(super) fn enter(book: &mut Book) {
    book.watch_family::<(Signal, Outcome)>(
        Kind::Counter,
        "flotilla_telemetry_items_total",
        "Spans, lines of the log and pushes of metrics for telemetry.otlp_endpoint, by what became of them",
        |place| {
            let all = COUNTS.iter();
            let mut each = all.flat_map(|counts| [counts.exported(), counts.failed(), counts.dropped()]);
            each.nth(place).unwrap_or_default() as f64
        },
    );
}

//! The keys of parts that are not built yet. They are fixed already, so that a file written for a
//! later version is understood: at their default they are accepted, anything else is refused.

use super::key::{Key, Standing};

/// Section by section, in the order of the reference.
pub(super) const LATER: &[Key] = &[later(
    "telemetry.otlp_endpoint",
    r#""""#,
    "Where traces and metrics are sent by OTLP; empty: nowhere.",
    r#""http://127.0.0.1:4317""#,
)];

/// A key of a part that is not built yet.
pub(super) const fn later(
    name: &'static str,
    default: &'static str,
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key { name, default, doc, example, standing: Standing::Later }
}

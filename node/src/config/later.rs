//! The keys of parts that are not built yet. They are fixed already, so that a file written for a
//! later version is understood: at their default they are accepted, anything else is refused.

use super::key::{Key, Standing};

/// Section by section, in the order of the reference.
pub(super) const LATER: &[Key] = &[key(
    "telemetry.otlp_endpoint",
    r#""""#,
    &[],
    "Where traces and metrics are sent by OTLP; empty: nowhere.",
    r#""http://127.0.0.1:4317""#,
)];

const fn key(
    name: &'static str,
    default: &'static str,
    idle: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key { name, default, doc, example, standing: Standing::Later(idle) }
}

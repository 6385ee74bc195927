//! The keys of parts that are not built yet. They are fixed already, so that a file written for a
//! later version is understood: at their default they are accepted, anything else is refused.

use super::key::{Key, Standing};

/// Section by section, in the order of the reference.
pub(super) const LATER: &[Key] = &[
    key("aws.enabled", "false", &[], "Looks after DNS, security groups and balancers.", "true"),
    key(
        "aws.region",
        r#""auto""#,
        &[],
        "The AWS region; `auto`: the instance's.",
        r#""eu-west-1""#,
    ),
    key("aws.dns_zone", r#""""#, &[], "Route 53 zone.", r#""Z0123456789""#),
    key("aws.dns_name", r#""""#, &[], "Name of the pool in that zone.", r#""ftp.example.org""#),
    key(
        "aws.dns_policy",
        r#""weighted""#,
        &[],
        "Routing policy: `weighted`, `multivalue`, `latency` or `geolocation`.",
        r#""latency""#,
    ),
    key("aws.security_groups", "true", &["false"], "Keeps security groups right.", "false"),
    key(
        "telemetry.otlp_endpoint",
        r#""""#,
        &[],
        "Where traces and metrics are sent by OTLP; empty: nowhere.",
        r#""http://127.0.0.1:4317""#,
    ),
];

const fn key(
    name: &'static str,
    default: &'static str,
    idle: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key { name, default, doc, example, standing: Standing::Later(idle) }
}

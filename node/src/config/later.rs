//! The keys of parts that are not built yet. They are fixed already, so that a file written for a
//! later version is understood: at their default they are accepted, anything else is refused.

use super::key::{Key, Standing};

/// Section by section, in the order of the reference.
pub(super) const LATER: &[Key] = &[
    key(
        "ingress.mode",
        r#""auto""#,
        &[r#""direct""#],
        "How clients reach the nodes: `auto`, `direct`, `balanced` or `shared`.",
        r#""shared""#,
    ),
    key("ingress.balancers", "[]", &[], "Networks of the balancers.", r#"["10.0.0.0/24"]"#),
    key(
        "ingress.proxy_protocol",
        r#""off""#,
        &[],
        "PROXY header on control connections from the balancers: `off`, `v1`, `v2`, `any` or `late`.",
        r#""v2""#,
    ),
    key(
        "ingress.data_proxy_protocol",
        r#""off""#,
        &[],
        "PROXY header on data connections from the balancers, likewise.",
        r#""v2""#,
    ),
    key("ingress.idle_timeout", r#""auto""#, &[], "Idle limit of the balancers.", r#""350s""#),
    key(
        "ingress.internal",
        "[]",
        &[],
        "Networks that reach the private addresses.",
        r#"["10.0.0.0/8"]"#,
    ),
    key(
        "relay.listen",
        r#""0.0.0.0:2120""#,
        &[r#""""#],
        "Address of the relay between nodes.",
        r#""10.0.0.5:2120""#,
    ),
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

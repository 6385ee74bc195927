//! The keys of `[telemetry]`.

use super::key;
use crate::config::key::Key;

/// Section by section, in the order of the reference.
pub(in crate::config) const TELEMETRY: &[Key] = &[
    key(
        "telemetry.log",
        r#""text""#,
        "Form of the log on standard error: `text` or `json`.",
        r#""json""#,
    ),
    key(
        "telemetry.level",
        r#""info""#,
        "What is logged: a level, or a filter as `info,flotilla::session=debug`; read again at HUP, and changed in the running node by `flotilla log level`.",
        r#""debug""#,
    ),
    key(
        "telemetry.lines_per_second",
        "200",
        "How many lines each place in the code may write in a second, errors included, before the rest is counted and told in one line; what accounts for what clients did is exempt; 0: any number.",
        "1000",
    ),
    key(
        "telemetry.session_ring",
        "0",
        "Lines of the level `debug` that are kept of each session, 1024 at most, and written once something fails in it; 0: none.",
        "64",
    ),
    key(
        "telemetry.xferlog",
        r#""""#,
        "File for one xferlog(5) line per transfer; empty: none; reopened at HUP.",
        r#""/var/log/flotilla/xferlog""#,
    ),
    key(
        "telemetry.otlp_endpoint",
        r#""""#,
        "Where traces and metrics are sent by OTLP; empty: nowhere.",
        r#""http://127.0.0.1:4317""#,
    ),
    key(
        "telemetry.otlp_protocol",
        r#""auto""#,
        "How: `grpc`, `http` (binary Protobuf, to `/v1/traces` and so on below the endpoint), or `auto`: HTTP on port 4318 or where the endpoint has a path, else gRPC.",
        r#""http""#,
    ),
    key(
        "telemetry.otlp_signals",
        r#"["traces", "metrics"]"#,
        "What is sent: `traces`, `metrics`, `logs`.",
        r#"["traces", "metrics", "logs"]"#,
    ),
    key(
        "telemetry.otlp_headers_file",
        r#""""#,
        "File with a header of each request per line, as `authorization: Bearer ...`; readable by its owner only; empty: none.",
        r#""/etc/flotilla/otlp-headers""#,
    ),
    key(
        "telemetry.otlp_ca",
        r#""""#,
        "PEM file of the authorities that an endpoint with `https` is checked against; empty: the system's.",
        r#""/etc/flotilla/collector-ca.pem""#,
    ),
    key(
        "telemetry.otlp_timeout",
        r#""5s""#,
        "How long one request may take. What comes meanwhile waits in a queue of fixed length, and is dropped and counted when that is full.",
        r#""10s""#,
    ),
    key("telemetry.metrics_interval", r#""60s""#, "How often metrics are sent.", r#""15s""#),
    key(
        "telemetry.sample",
        "0.01",
        "The part of sessions whose traces are sent whole, from 0 to 1. What fails or is slow is sent in any case, 100 spans per second at most.",
        "1.0",
    ),
    key(
        "telemetry.slow_transfer",
        r#""60s""#,
        "A transfer that takes this long counts as slow, and its trace is sent in any case; `0s`: none does.",
        r#""10m""#,
    ),
    key(
        "telemetry.top_users",
        "0",
        "How many users the metrics show by name, those who move the most bytes (`flotilla_user_transfer_bytes`), up to 100; 0: none.",
        "20",
    ),
];

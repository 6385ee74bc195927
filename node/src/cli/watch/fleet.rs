//! Panels of the pool, of AWS and of the nodes.

use super::panel::Form::{Lines, Now, Stack};
use super::panel::Panel;

/// Nodes and what they share.
pub(super) const POOL: &[Panel] = &[
    Panel {
        title: "Nodes",
        about: "Living nodes of the pool by state, as the node sees it that sees the most.",
        form: Now,
        unit: "short",
        lines: &[("max by (job, state) (flotilla_cluster_nodes{^})", "{{job}} {{state}}")],
    },
    Panel {
        title: "Leader",
        about: "Who leads. There must be one; two for longer than a moment must not be.",
        form: Lines,
        unit: "short",
        lines: &[("max by (job, instance) (flotilla_leader{^})", "{{job}} {{instance}}")],
    },
    Panel {
        title: "Store",
        about: "In which state the store of the pool is for how many nodes.",
        form: Stack,
        unit: "short",
        lines: &[("sum by (state) (flotilla_store_state{*})", "{{state}}")],
    },
    Panel {
        title: "Latency of the store",
        about: "Of single requests. Rises before leases lag.",
        form: Lines,
        unit: "s",
        lines: &[
            (
                "histogram_quantile(0.5, sum by (le) (rate(flotilla_store_latency_seconds_bucket{*}[$__rate_interval])))",
                "50 %",
            ),
            (
                "histogram_quantile(0.99, sum by (le) (rate(flotilla_store_latency_seconds_bucket{*}[$__rate_interval])))",
                "99 %",
            ),
        ],
    },
    Panel {
        title: "Requests to the store",
        about: "By what came of them; unknown: there was no answer, and it may have been carried out.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (result) (rate(flotilla_store_calls_total{*}[$__rate_interval]))",
            "{{result}}",
        )],
    },
    Panel {
        title: "Lease lag",
        about: "Since what a node holds was last renewed. Above 6 s others may take it for dead.",
        form: Lines,
        unit: "s",
        lines: &[("max by (instance) (flotilla_lease_lag_seconds{*})", "{{instance}}")],
    },
    Panel {
        title: "Admissions",
        about: "Logins that asked the pool for a place, by what came of them.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (result) (rate(flotilla_admissions_total{*}[$__rate_interval]))",
            "{{result}}",
        )],
    },
    Panel {
        title: "Sessions of the pool",
        about: "All nodes together, and the limit of all (limits.sessions; 0: none).",
        form: Lines,
        unit: "short",
        lines: &[
            ("sum by (job) (flotilla_sessions{^})", "{{job}}"),
            ("max by (job) (flotilla_pool_sessions_limit{^})", "{{job}} limit"),
        ],
    },
    Panel {
        title: "Bans",
        about: "Banned addresses.",
        form: Lines,
        unit: "short",
        lines: &[("max by (job) (flotilla_bans{^})", "{{job}}")],
    },
];

/// What is asked of AWS.
pub(super) const AWS: &[Panel] = &[
    Panel {
        title: "Calls",
        about: "By API.",
        form: Stack,
        unit: "ops",
        lines: &[("sum by (api) (rate(flotilla_aws_calls_total{*}[$__rate_interval]))", "{{api}}")],
    },
    Panel {
        title: "Calls that failed",
        about: "Refused: the role lacks a permission (flotilla gen iam). Throttled: somebody in the account calls too much.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (api, result) (rate(flotilla_aws_calls_total{*,result!=\"ok\"}[$__rate_interval]))",
            "{{api}} {{result}}",
        )],
    },
];

/// How each node does.
pub(super) const HEALTH: &[Panel] = &[
    Panel {
        title: "Ready and draining",
        about: "How many of the chosen nodes are.",
        form: Lines,
        unit: "short",
        lines: &[("sum(flotilla_ready{*})", "ready"), ("sum(flotilla_draining{*})", "draining")],
    },
    Panel {
        title: "Certificates",
        about: "Until the first certificate of a node ends.",
        form: Now,
        unit: "s",
        lines: &[("min by (job) (flotilla_certificate_expiry_seconds{*} - time())", "{{job}}")],
    },
    Panel {
        title: "Processors",
        about: "Cores that a node keeps busy.",
        form: Lines,
        unit: "short",
        lines: &[(
            "sum by (instance) (rate(process_cpu_seconds_total{*}[$__rate_interval]))",
            "{{instance}}",
        )],
    },
    Panel {
        title: "Loop lag",
        about: "How late the cores get to what is due: what clients feel. 99 of 100 are below.",
        form: Lines,
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (instance, le) (rate(flotilla_loop_lag_seconds_bucket{*}[$__rate_interval])))",
            "{{instance}}",
        )],
    },
    Panel {
        title: "Wait for a blocking thread",
        about: "How long jobs of the storage wait for their turn. 99 of 100 are below.",
        form: Lines,
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (instance, le) (rate(flotilla_blocking_wait_seconds_bucket{*}[$__rate_interval])))",
            "{{instance}}",
        )],
    },
    Panel {
        title: "Jobs of the storage",
        about: "Stuck ones are behind storage.timeout: the share does not answer.",
        form: Lines,
        unit: "short",
        lines: &[("sum by (state) (flotilla_blocking_jobs{*})", "{{state}}")],
    },
    Panel {
        title: "Operations of the storage",
        about: "That did not succeed, by what came of them.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (op, result) (rate(flotilla_storage_ops_total{*,result!=\"ok\"}[$__rate_interval]))",
            "{{op}} {{result}}",
        )],
    },
    Panel {
        title: "Mailboxes",
        about: "Messages that wait for an actor.",
        form: Lines,
        unit: "short",
        lines: &[("max by (actor) (flotilla_mailbox_depth{*})", "{{actor}}")],
    },
    Panel {
        title: "Memory",
        about: "Resident bytes.",
        form: Lines,
        unit: "bytes",
        lines: &[("sum by (instance) (process_resident_memory_bytes{*})", "{{instance}}")],
    },
    Panel {
        title: "Open files",
        about: "The part of those that the process may have open (LimitNOFILE).",
        form: Lines,
        unit: "percentunit",
        lines: &[("max by (instance) (process_open_fds{*} / process_max_fds{*})", "{{instance}}")],
    },
    Panel {
        title: "Telemetry",
        about: "Spans, lines and pushes of metrics by what became of them. Failed: the collector did not take them; dropped: the queue was full.",
        form: Lines,
        unit: "ops",
        lines: &[
            (
                "sum by (signal, result) (rate(flotilla_telemetry_items_total{*}[$__rate_interval]))",
                "{{signal}} {{result}}",
            ),
            (
                "sum by (instance) (rate(flotilla_log_lines_dropped_total{*}[$__rate_interval]))",
                "{{instance}} lines of the log dropped",
            ),
        ],
    },
    Panel {
        title: "Versions",
        about: "How many nodes run which.",
        form: Now,
        unit: "short",
        lines: &[("count by (version) (flotilla_build_info{*})", "{{version}}")],
    },
];

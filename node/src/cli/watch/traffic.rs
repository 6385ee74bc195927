//! Panels of what clients do.

use super::panel::Form::{Exemplars, Heatmap, Lines, Stack};
use super::panel::Panel;

/// Who comes, and whether they get in.
pub(super) const SESSIONS: &[Panel] = &[
    Panel {
        title: "Sessions",
        about: "Control connections that live, by protocol, and how many the chosen nodes take together.",
        form: Lines,
        unit: "short",
        lines: &[
            ("sum by (protocol) (flotilla_sessions{*})", "{{protocol}}"),
            ("sum(flotilla_sessions_limit{*})", "limit"),
        ],
    },
    Panel {
        title: "Logins",
        about: "By what came of them. Many refused ones from few addresses are guesses; limits.ban_after ends them.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (result) (rate(flotilla_logins_total{*}[$__rate_interval]))",
            "{{result}}",
        )],
    },
    Panel {
        title: "Logins by method",
        about: "Those that were let in, by how they were proved.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (protocol, method) (rate(flotilla_logins_total{*,result=\"ok\"}[$__rate_interval]))",
            "{{protocol}} {{method}}",
        )],
    },
    Panel {
        title: "New connections",
        about: "Sessions that begin, and connections that were turned away before.",
        form: Lines,
        unit: "ops",
        lines: &[
            (
                "sum by (protocol) (rate(flotilla_session_starts_total{*}[$__rate_interval]))",
                "{{protocol}}",
            ),
            (
                "sum by (reason) (rate(flotilla_connections_refused_total{*}[$__rate_interval]))",
                "refused: {{reason}}",
            ),
            (
                "sum by (kind) (rate(flotilla_probe_connections_total{*}[$__rate_interval]))",
                "probe: {{kind}}",
            ),
        ],
    },
    Panel {
        title: "Replies",
        about: "Commands of FTP by the class of their reply. 4xx is ours to mend, 5xx is mostly the client's.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (class) (rate(flotilla_ftp_commands_total{*}[$__rate_interval]))",
            "{{class}}",
        )],
    },
    Panel {
        title: "Requests of SFTP",
        about: "By what came of them.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (result) (rate(flotilla_sftp_requests_total{*}[$__rate_interval]))",
            "{{result}}",
        )],
    },
    Panel {
        title: "PROXY headers",
        about: "By what came of them. Refused ones come from somebody who is not in ingress.balancers, or say what is wrong.",
        form: Lines,
        unit: "ops",
        lines: &[(
            "sum by (result) (rate(flotilla_proxy_headers_total{*}[$__rate_interval]))",
            "{{result}}",
        )],
    },
    Panel {
        title: "Failures before a login",
        about: "Handshakes of TLS that failed, and accepts that the kernel refused (files that may be open, memory).",
        form: Lines,
        unit: "ops",
        lines: &[
            ("sum(rate(flotilla_tls_failed_total{*}[$__rate_interval]))", "TLS"),
            ("sum(rate(flotilla_accept_errors_total{*}[$__rate_interval]))", "accept"),
        ],
    },
    Panel {
        title: "Without a login",
        about: "Connections that live and have no login yet. limits.unauthenticated bounds them.",
        form: Lines,
        unit: "short",
        lines: &[
            ("sum(flotilla_unauthenticated{*})", "control connections"),
            ("sum(flotilla_ssh_startups{*})", "SSH"),
        ],
    },
];

/// Files that move.
pub(super) const TRANSFERS: &[Panel] = &[
    Panel {
        title: "Bytes",
        about: "Of transfers, while they move.",
        form: Stack,
        unit: "Bps",
        lines: &[(
            "sum by (protocol, direction) (rate(flotilla_transfer_bytes_total{*}[$__rate_interval]))",
            "{{protocol}} {{direction}}",
        )],
    },
    Panel {
        title: "Transfers",
        about: "That ended well, and those under way.",
        form: Lines,
        unit: "short",
        lines: &[
            (
                "sum by (direction) (rate(flotilla_transfers_total{*,result=\"ok\"}[$__rate_interval]))",
                "{{direction}} per second",
            ),
            ("sum(flotilla_transfers_active{*})", "under way"),
        ],
    },
    Panel {
        title: "Failed transfers",
        about: "By whose fault it was: request and aborted are the client's, connection is the network's, storage and server are ours.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (result) (rate(flotilla_transfers_total{*,result!=\"ok\"}[$__rate_interval]))",
            "{{result}}",
        )],
    },
    Panel {
        title: "Duration",
        about: "How many transfers took how long. A point leads to the trace of one.",
        form: Heatmap,
        unit: "s",
        lines: &[(
            "sum by (le) (increase(flotilla_transfer_seconds_bucket{*}[$__rate_interval]))",
            "{{le}}",
        )],
    },
    Panel {
        title: "Rate of a transfer",
        about: "The slow half, the median and the fast ones, in bytes per second of single transfers.",
        form: Exemplars,
        unit: "Bps",
        lines: &[
            (
                "histogram_quantile(0.1, sum by (le) (rate(flotilla_transfer_rate_bytes_per_second_bucket{*}[$__rate_interval])))",
                "10 %",
            ),
            (
                "histogram_quantile(0.5, sum by (le) (rate(flotilla_transfer_rate_bytes_per_second_bucket{*}[$__rate_interval])))",
                "50 %",
            ),
            (
                "histogram_quantile(0.9, sum by (le) (rate(flotilla_transfer_rate_bytes_per_second_bucket{*}[$__rate_interval])))",
                "90 %",
            ),
        ],
    },
    Panel {
        title: "Size of a transfer",
        about: "The median and the large ones.",
        form: Lines,
        unit: "bytes",
        lines: &[
            (
                "histogram_quantile(0.5, sum by (le) (rate(flotilla_transfer_size_bytes_bucket{*}[$__rate_interval])))",
                "50 %",
            ),
            (
                "histogram_quantile(0.95, sum by (le) (rate(flotilla_transfer_size_bytes_bucket{*}[$__rate_interval])))",
                "95 %",
            ),
        ],
    },
];

/// Passive ports and data connections.
pub(super) const DATA: &[Panel] = &[
    Panel {
        title: "Passive ports",
        about: "By what they are doing, and how many there are. Near the limit clients get 425: widen ftp.passive.ports.",
        form: Lines,
        unit: "short",
        lines: &[
            ("sum by (state) (flotilla_passive_ports{*})", "{{state}}"),
            ("sum(flotilla_passive_ports_configured{*})", "configured"),
        ],
    },
    Panel {
        title: "Passive ports granted",
        about: "And those that could not be, for there was none or another program had it.",
        form: Lines,
        unit: "ops",
        lines: &[
            ("sum(rate(flotilla_passive_granted_total{*}[$__rate_interval]))", "granted"),
            ("sum(rate(flotilla_passive_exhausted_total{*}[$__rate_interval]))", "exhausted"),
            ("sum(rate(flotilla_passive_conflicts_total{*}[$__rate_interval]))", "conflicts"),
        ],
    },
    Panel {
        title: "Data connections refused",
        about: "By reason. A stranger connected where nobody waited for that address; session is a TLS session that was not resumed.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (reason) (rate(flotilla_data_connections_refused_total{*}[$__rate_interval]))",
            "{{reason}}",
        )],
    },
    Panel {
        title: "TLS of data connections",
        about: "Whether they resume the session of the control connection.",
        form: Stack,
        unit: "ops",
        lines: &[(
            "sum by (result) (rate(flotilla_tls_data_reuse_total{*}[$__rate_interval]))",
            "{{result}}",
        )],
    },
    Panel {
        title: "Idle timer of the path",
        about: "The smallest one that is known on the way to the clients; 0: none.",
        form: Lines,
        unit: "s",
        lines: &[("min by (job) (flotilla_keepalive_path_timeout_seconds{*})", "{{job}}")],
    },
];

/// Data connections that came to the wrong node.
pub(super) const RELAYS: &[Panel] = &[
    Panel {
        title: "Relayed connections",
        about: "Data connections that reached the wrong node and were carried on.",
        form: Lines,
        unit: "ops",
        lines: &[
            ("sum(rate(flotilla_relay_sent_total{*}[$__rate_interval]))", "sent"),
            ("sum(rate(flotilla_relay_received_total{*}[$__rate_interval]))", "received"),
        ],
    },
    Panel {
        title: "Relayed bytes",
        about: "Both ways; they go over the network of the nodes twice.",
        form: Lines,
        unit: "Bps",
        lines: &[(
            "sum by (instance) (rate(flotilla_relay_bytes_total{*}[$__rate_interval]))",
            "{{instance}}",
        )],
    },
    Panel {
        title: "Relays now, and refused ones",
        about: "Refused ones should be rare; the reason says what to mend.",
        form: Lines,
        unit: "short",
        lines: &[
            ("sum(flotilla_relay_active{*})", "now"),
            (
                "sum by (reason) (rate(flotilla_relay_refused_total{*}[$__rate_interval]))",
                "{{reason}} per second",
            ),
        ],
    },
];

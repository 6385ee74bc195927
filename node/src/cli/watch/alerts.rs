//! Rules by which Prometheus tells somebody
//! (<https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/>).

use std::fmt::Write as _;
use std::time::Duration;

use crate::config::Config;

/// One rule.
#[derive(Debug)]
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) expression: &'static str,
    /// How long it must hold.
    wait: Wait,
    severity: Severity,
    /// What is wrong, in a line.
    summary: &'static str,
    /// What it means and what mends it.
    description: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Wait {
    Minutes(u64),
    /// As long as a drain may take by the configuration, and a while.
    Drain,
}

/// Whether somebody must get up.
#[derive(Clone, Copy, Debug)]
enum Severity {
    Critical,
    Warning,
}

/// The file, for `rule_files` of Prometheus.
pub(in crate::cli) fn alerts(config: &Config) -> String {
    let mut text = "# Written by flotilla gen alerts. A pool is a job, a node is an instance.\ngroups:\n  - name: flotilla\n    rules:\n".to_owned();
    for alert in ALERTS {
        let wait = match alert.wait {
            Wait::Minutes(minutes) => Duration::from_secs(minutes * 60),
            Wait::Drain => config.timeouts.drain_notice + config.timeouts.drain + DRAIN_MARGIN,
        };
        let severity = match alert.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        };
        let _ = write!(
            text,
            "      - alert: {}\n        expr: {}\n        for: {}s\n        labels:\n          severity: {severity}\n        annotations:\n          summary: {}\n          description: {}\n",
            alert.name,
            quoted(alert.expression),
            wait.as_secs(),
            quoted(alert.summary),
            quoted(alert.description),
        );
    }
    text
}

/// As YAML has it, which a string of JSON is.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "FlotillaNodeDown",
        expression: "up == 0 and on (job, instance) last_over_time(flotilla_build_info[1d])",
        wait: Wait::Minutes(2),
        severity: Severity::Critical,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} does not answer",
        description: "Its /metrics could not be read. Look at the machine and at the log of the service (journalctl -u flotilla); if only Prometheus can not reach it, open health.listen for it (flotilla gen nftables --monitors).",
    },
    Alert {
        name: "FlotillaNodeNotReady",
        expression: "flotilla_ready == 0 and on (job, instance) flotilla_draining == 0",
        wait: Wait::Minutes(5),
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} is not ready",
        description: "Balancers send it nobody. GET /readyz and the log say which latch holds it: passive ports, the store, a certificate.",
    },
    Alert {
        name: "FlotillaNodeFull",
        expression: "sum by (job, instance) (flotilla_sessions) / on (job, instance) (flotilla_sessions_limit > 0) > 0.9",
        wait: Wait::Minutes(5),
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} has {{ $value | humanizePercentage }} of the sessions that it takes",
        description: "Soon clients are turned away with 421. Add a node, or raise limits.connections where memory and LimitNOFILE allow it.",
    },
    Alert {
        name: "FlotillaPoolFull",
        expression: "sum by (job) (flotilla_sessions) / on (job) (max by (job) (flotilla_pool_sessions_limit) > 0) > 0.9",
        wait: Wait::Minutes(5),
        severity: Severity::Warning,
        summary: "Pool {{ $labels.job }} has {{ $value | humanizePercentage }} of the sessions that it takes",
        description: "Soon logins are refused with 421 on all nodes. Raise limits.sessions on all nodes (flotilla policy prints what holds), and add a node where FlotillaNodeFull holds as well.",
    },
    Alert {
        name: "FlotillaPassivePortsLow",
        expression: "sum by (job, instance) (flotilla_passive_ports) / on (job, instance) (flotilla_passive_ports_configured > 0) > 0.8",
        wait: Wait::Minutes(5),
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} uses {{ $value | humanizePercentage }} of its passive ports",
        description: "Widen ftp.passive.ports, here and in the firewall and the balancer, before clients get 425.",
    },
    Alert {
        name: "FlotillaPassivePortsExhausted",
        expression: "increase(flotilla_passive_exhausted_total[10m]) > 0",
        wait: Wait::Minutes(0),
        severity: Severity::Critical,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} had no passive port for clients",
        description: "Transfers failed with 425. Widen ftp.passive.ports, here and in the firewall and the balancer, or add a node.",
    },
    Alert {
        name: "FlotillaTransfersFail",
        expression: "sum by (job) (rate(flotilla_transfers_total{result=~\"storage|server\"}[10m])) / on (job) (sum by (job) (rate(flotilla_transfers_total[10m])) > 0) > 0.05",
        wait: Wait::Minutes(5),
        severity: Severity::Critical,
        summary: "{{ $value | humanizePercentage }} of the transfers of {{ $labels.job }} fail by our fault",
        description: "The log line of each says why (\"transfer ended\" with reply 4yz or 5yz), and so does its trace. Mostly the disk is full or the share behind storage.root is away: look at df and mount there.",
    },
    Alert {
        name: "FlotillaDataConnectionsFail",
        expression: "sum by (job) (rate(flotilla_transfers_total{result=\"connection\"}[10m])) / on (job) (sum by (job) (rate(flotilla_transfers_total[10m])) > 0) > 0.2",
        wait: Wait::Minutes(10),
        severity: Severity::Warning,
        summary: "{{ $value | humanizePercentage }} of the transfers of {{ $labels.job }} lose their data connection or get none",
        description: "A firewall or the balancer does not pass ftp.passive.ports, or ftp.passive.address is wrong: run flotilla doctor from where clients are.",
    },
    Alert {
        name: "FlotillaLeaderMissing",
        expression: "max by (job) (flotilla_leader) == 0",
        wait: Wait::Minutes(2),
        severity: Severity::Critical,
        summary: "No node of {{ $labels.job }} leads the pool",
        description: "Names, security groups and balancers are not kept up, and what died is not tidied. See FlotillaStoreAway; if the store is fine, flotilla nodes shows who is there, and the log of each says what it waits for.",
    },
    Alert {
        name: "FlotillaStoreAway",
        expression: "flotilla_store_state{state=\"away\"} == 1",
        wait: Wait::Minutes(1),
        severity: Severity::Critical,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} does not reach the store of the pool",
        description: "It serves on by what it knew last. Look at Redis (redis-cli ping from the node), its security group, and pool.store.",
    },
    Alert {
        name: "FlotillaStoreRefuses",
        expression: "flotilla_store_state{state=\"refused\"} == 1",
        wait: Wait::Minutes(1),
        severity: Severity::Critical,
        summary: "The store of {{ $labels.job }} refuses node {{ $labels.instance }}",
        description: "Its log says why: a wrong password or pool secret, or another node with the same node.id.",
    },
    Alert {
        name: "FlotillaLeaseLags",
        expression: "flotilla_lease_lag_seconds > 5",
        wait: Wait::Minutes(1),
        severity: Severity::Warning,
        summary: "What node {{ $labels.instance }} of {{ $labels.job }} holds was last renewed {{ $value | humanizeDuration }} ago",
        description: "Others may soon take it for dead. The store is slow (flotilla_store_latency_seconds) or the node is (flotilla_loop_lag_seconds): give the one that is more of the machine.",
    },
    Alert {
        name: "FlotillaCertificateExpires",
        expression: "flotilla_certificate_expiry_seconds > 0 and flotilla_certificate_expiry_seconds - time() < 14 * 86400",
        wait: Wait::Minutes(60),
        severity: Severity::Warning,
        summary: "A certificate of node {{ $labels.instance }} of {{ $labels.job }} ends soon",
        description: "Less than 14 days are left. Put a new one at tls.certificate and tls.key and send HUP; flotilla check tells what is wrong with one.",
    },
    Alert {
        name: "FlotillaCertificateEnds",
        expression: "flotilla_certificate_expiry_seconds > 0 and flotilla_certificate_expiry_seconds - time() < 2 * 86400",
        wait: Wait::Minutes(5),
        severity: Severity::Critical,
        summary: "A certificate of node {{ $labels.instance }} of {{ $labels.job }} ends within two days or has ended",
        description: "Clients that check it will not log in. Put a new one at tls.certificate and tls.key and send HUP.",
    },
    Alert {
        name: "FlotillaDrainStuck",
        expression: "flotilla_draining == 1",
        wait: Wait::Drain,
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} drains for longer than it may",
        description: "timeouts.drain is over and the process is still there. flotilla who says whose sessions are left; a second TERM ends it at once. If storage is stuck (flotilla_blocking_jobs), mend the share first.",
    },
    Alert {
        name: "FlotillaStorageStuck",
        expression: "flotilla_blocking_jobs{state=\"stuck\"} > 0",
        wait: Wait::Minutes(2),
        severity: Severity::Critical,
        summary: "{{ $value }} jobs of the storage of node {{ $labels.instance }} of {{ $labels.job }} do not come back",
        description: "The file system below storage.root does not answer within storage.timeout. Look at the share: stat on the node hangs as well.",
    },
    Alert {
        name: "FlotillaNodeSlow",
        expression: "histogram_quantile(0.99, sum by (job, instance, le) (rate(flotilla_loop_lag_seconds_bucket[5m]))) > 0.25",
        wait: Wait::Minutes(10),
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} answers late",
        description: "One time in a hundred its cores take more than {{ $value | humanizeDuration }} to get to a command. Add a node, or raise node.workers where processors are idle.",
    },
    Alert {
        name: "FlotillaOpenFiles",
        expression: "process_open_fds / process_max_fds > 0.8 and on (job, instance) flotilla_build_info",
        wait: Wait::Minutes(5),
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} has {{ $value | humanizePercentage }} of the files open that it may",
        description: "Raise LimitNOFILE of the unit (flotilla gen unit), or lower limits.connections.",
    },
    Alert {
        name: "FlotillaRelaysRefused",
        expression: "sum by (job, instance) (increase(flotilla_relay_refused_total[10m])) > 10",
        wait: Wait::Minutes(5),
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} could not bring data connections to other nodes",
        description: "The label reason says why. Mostly port 2120 (relay.listen) is closed between the nodes, relay.address is wrong, or one node has another pool secret.",
    },
    Alert {
        name: "FlotillaAwsRefuses",
        expression: "sum by (job, api) (increase(flotilla_aws_calls_total{result=~\"refused|credentials\"}[15m])) > 0",
        wait: Wait::Minutes(15),
        severity: Severity::Warning,
        summary: "AWS refuses {{ $labels.api }} to the nodes of {{ $labels.job }}",
        description: "The role lacks the permission, or has no credentials. flotilla gen iam prints the policy that it needs.",
    },
    Alert {
        name: "FlotillaTelemetryDropped",
        expression: "sum by (job, instance) (increase(flotilla_telemetry_items_total{result!=\"exported\"}[10m])) > 0 or increase(flotilla_log_lines_dropped_total[10m]) > 0",
        wait: Wait::Minutes(10),
        severity: Severity::Warning,
        summary: "Node {{ $labels.instance }} of {{ $labels.job }} drops what it has to tell",
        description: "The collector at telemetry.otlp_endpoint, or whoever reads the log, is away or too slow. Sessions do not suffer. Mend it, or lower telemetry.sample and telemetry.level.",
    },
];

/// What a process may take to end after its last session: a collector gets three seconds, a store two.
const DRAIN_MARGIN: Duration = Duration::from_secs(60);

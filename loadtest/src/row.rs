//! The rows of the comparison: which work, with how many clients, and which figures count.

use std::time::Duration;

use crate::client::Target;
use crate::peer::Peer;
use crate::report::{Summary, figure};
use crate::scenario::{Plan, Scenario};

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The name on the command line.
    pub(crate) key: &'static str,
    /// The name in the table, without the figures.
    title: &'static str,
    scenario: Scenario,
    clients: usize,
    /// Over FTPS.
    pub(crate) tls: bool,
    /// The first decides; of every figure less is better, unless it is a rate.
    figures: &'static [Figure],
}

/// One figure of a row.
#[derive(Clone, Copy, Debug)]
struct Figure {
    label: &'static str,
    value: fn(&Summary) -> Option<f64>,
}

impl Row {
    /// All rows, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let with = |tls: bool| {
            SHAPES.iter().map(move |row| Self {
                tls,
                key: if tls { row.1 } else { row.0 },
                title: row.2,
                scenario: row.3,
                clients: row.4,
                figures: row.5,
            })
        };
        with(false).chain(with(true)).collect()
    }

    /// The row's heading.
    pub(crate) fn heading(&self) -> String {
        let labels: Vec<_> = self.figures.iter().map(|figure| figure.label).collect();
        let protocol = if self.tls { "FTPS" } else { "FTP" };
        format!("{protocol} {}: {}", self.title, labels.join("; "))
    }

    /// What a server does in this row.
    pub(crate) fn plan(&self, target: Target, duration: Duration, sessions: usize) -> Plan {
        let mut plan = Plan::new(self.scenario, target);
        plan.clients = self.clients;
        plan.duration = Some(duration);
        plan.sessions = sessions;
        // Latency is compared on one processor: what a wake-up across two costs depends on
        // where the kernel happens to place them.
        let latency = matches!(self.scenario, Scenario::Noop | Scenario::Pwd | Scenario::Idle);
        plan.processor = latency.then_some(0);
        plan
    }

    /// Whether the server has what the row needs.
    pub(crate) fn fits(&self, peer: Peer) -> bool {
        self.scenario != Scenario::Mlsd || peer.has_mlsd()
    }

    /// The figures of one measurement, in the order of the heading.
    pub(crate) fn values(&self, summary: &Summary) -> Vec<Option<f64>> {
        self.figures.iter().map(|figure| (figure.value)(summary)).collect()
    }
}

/// A table cell.
pub(crate) fn cell(values: &[Option<f64>]) -> String {
    let shown: Vec<_> =
        values.iter().map(|value| value.map_or_else(|| "-".to_owned(), figure)).collect();
    if values.iter().all(Option::is_none) { "-".to_owned() } else { shown.join("; ") }
}

type Shape = (&'static str, &'static str, &'static str, Scenario, usize, &'static [Figure]);

/// Key, key with TLS, title, work, clients, figures.
const SHAPES: [Shape; 12] = [
    ("login", "login-tls", "login, 32 clients", Scenario::Login, 32, &[CPU_MS, RATE]),
    ("noop", "noop-tls", "NOOP", Scenario::Noop, 1, &[P50, P99, P999, CPU_US]),
    ("pwd", "pwd-tls", "PWD", Scenario::Pwd, 1, &[P50, P99, P999, CPU_US]),
    ("small-download", "small-download-tls", "1 KiB download", Scenario::SmallDownload, 8, SMALL),
    ("small-upload", "small-upload-tls", "1 KiB upload", Scenario::SmallUpload, 8, SMALL),
    ("download-1", "download-1-tls", "download x1", Scenario::Download, 1, BULK),
    ("download-4", "download-4-tls", "download x4", Scenario::Download, 4, BULK),
    ("upload-1", "upload-1-tls", "upload x1", Scenario::Upload, 1, BULK),
    ("upload-4", "upload-4-tls", "upload x4", Scenario::Upload, 4, BULK),
    ("list", "list-tls", "LIST 100 000", Scenario::List, 1, LISTING),
    ("mlsd", "mlsd-tls", "MLSD 100 000", Scenario::Mlsd, 1, LISTING),
    ("idle", "idle-tls", "idle sessions", Scenario::Idle, 32, &[MEMORY, OPEN, IDLE_CPU, NOOP, P99]),
];

const SMALL: &[Figure] = &[CPU_MS, RATE];
const BULK: &[Figure] = &[CPU_GIB, SPEED];
const LISTING: &[Figure] = &[CPU_US_ENTRY, SECONDS];

const CPU_MS: Figure =
    Figure { label: "CPU ms", value: |summary| Some(summary.cpu_seconds_per_unit? * 1e3) };
const CPU_US: Figure =
    Figure { label: "CPU us", value: |summary| Some(summary.cpu_seconds_per_unit? * 1e6) };
const CPU_US_ENTRY: Figure =
    Figure { label: "CPU us/entry", value: |summary| Some(summary.cpu_seconds_per_unit? * 1e6) };
const CPU_GIB: Figure =
    Figure { label: "CPU s/GiB", value: |summary| summary.cpu_seconds_per_unit };
const RATE: Figure = Figure { label: "/s", value: |summary| Some(summary.operations_per_second) };
const SPEED: Figure =
    Figure { label: "MiB/s", value: |summary| Some(summary.mebibytes_per_second) };
const SECONDS: Figure = Figure { label: "s", value: |summary| Some(summary.latency_p50_us / 1e6) };
const P50: Figure = Figure { label: "us p50", value: |summary| Some(summary.latency_p50_us) };
const NOOP: Figure = Figure { label: "NOOP us p50", ..P50 };
const P99: Figure = Figure { label: "p99", value: |summary| Some(summary.latency_p99_us) };
const P999: Figure = Figure { label: "p99.9", value: |summary| Some(summary.latency_p999_us) };
const MEMORY: Figure =
    Figure { label: "KiB each", value: |summary| Some(summary.idle?.memory_per_session? / 1024.0) };
const OPEN: Figure = Figure { label: "s to open", value: |summary| Some(summary.elapsed_seconds) };
const IDLE_CPU: Figure =
    Figure { label: "CPU ms/s", value: |summary| Some(summary.idle?.cpu_per_second? * 1e3) };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique() {
        let rows = Row::all();
        let mut keys: Vec<_> = rows.iter().map(|row| row.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), rows.len());
    }

    #[test]
    fn a_cell_shows_what_there_is() {
        assert_eq!(cell(&[Some(1.0), None]), "1.00; -");
        assert_eq!(cell(&[None, None]), "-");
    }
}

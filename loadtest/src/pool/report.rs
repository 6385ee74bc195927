//! What came out of a run, in JSON and in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::course::Happened;
use super::ledger::{Counts, Ledger, Second, Tally};
use crate::report::{figure, markdown};

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) setting: Setting,
    /// How long clients worked.
    pub(super) elapsed_s: f64,
    pub(super) counts: Counts,
    pub(super) transfer_ms: Quantiles,
    pub(super) events: Vec<Happened>,
    pub(super) nodes: BTreeMap<u8, Tally>,
    /// Why attempts failed, and how often.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) seconds: BTreeMap<u64, Second>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub(super) struct Setting {
    pub(super) machine: String,
    pub(super) nodes: u8,
    pub(super) clients: usize,
    pub(super) protocol: &'static str,
    pub(super) size_bytes: u64,
    pub(super) resolvers: usize,
    pub(super) answers: usize,
    pub(super) ttl_s: f64,
    pub(super) publish_s: f64,
    pub(super) attempts: u32,
    pub(super) seed: u64,
}

/// Of the time from the first attempt to the last reply.
#[derive(Debug, Serialize)]
pub(super) struct Quantiles {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Quantiles {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let at = |quantile| ledger.latency.value_at_quantile(quantile) as f64 / 1e6;
        let max = ledger.latency.max() as f64 / 1e6;
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999), max }
    }
}

impl Report {
    /// Whether no transfer was given up, none vanished, and no node did what it was not told.
    pub(super) fn is_clean(&self) -> bool {
        let Counts { failed, vanished, transfers, .. } = self.counts;
        let is_fault = self.events.iter().any(|happened| happened.is_fault);
        failed == 0 && vanished == 0 && transfers > 0 && !is_fault
    }

    /// The report for people.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Setting { machine, nodes, clients, protocol, seed, .. } = &self.setting;
        let Setting { resolvers, ttl_s, publish_s, answers, .. } = &self.setting;
        writeln!(
            out,
            "{machine}; {nodes} nodes at first, {clients} clients by {protocol}, {resolvers} resolvers \
             (TTL {ttl_s} s, {answers} in an answer, name brought up to date every {publish_s} s), \
             seed {seed}\n"
        )?;
        let counts = &self.counts;
        let rate = counts.transfers as f64 / self.elapsed_s.max(f64::MIN_POSITIVE);
        writeln!(out, "| what | figure |\n| --- | --- |")?;
        writeln!(out, "| time | {:.1} s |", self.elapsed_s)?;
        writeln!(out, "| transfers | {}, {} /s |", counts.transfers, figure(rate))?;
        writeln!(out, "| of these after a retry | {} |", counts.retried)?;
        writeln!(out, "| transfers given up | {} |", counts.failed)?;
        writeln!(out, "| transfers cut short by the end | {} |", counts.unfinished)?;
        writeln!(out, "| acknowledged uploads that vanished | {} |", counts.vanished)?;
        writeln!(out, "| bytes | {} MiB |", counts.bytes / (1024 * 1024))?;
        writeln!(out, "| sessions | {} |", counts.sessions)?;
        writeln!(out, "| sessions lost | {} |", counts.lost)?;
        writeln!(out, "| sessions ended with 421 | {} |", counts.sent_away)?;
        writeln!(out, "| attempts to log in that failed | {} |", counts.refused)?;
        writeln!(out, "| attempts without a node under the name | {} |", counts.unresolved)?;
        let Quantiles { p50, p99, p999, max } = &self.transfer_ms;
        let [p50, p99, p999, max] = [p50, p99, p999, max].map(|value| figure(*value));
        writeln!(
            out,
            "| a transfer, retries included: p50; p99; p99.9; max | {p50}; {p99}; {p999}; {max} ms |"
        )?;
        self.write_events(out)?;
        writeln!(
            out,
            "\n| node | sessions | transfers | lost | ended with 421 | refused |\n\
             | --- | --- | --- | --- | --- | --- |"
        )?;
        for (node, tally) in &self.nodes {
            let Tally { sessions, transfers, lost, sent_away, refused, .. } = tally;
            writeln!(
                out,
                "| {node} | {sessions} | {transfers} | {lost} | {sent_away} | {refused} |"
            )?;
        }
        for (kind, count) in &self.errors {
            writeln!(out, "\n{count} times: {}", markdown(kind))?;
        }
        Ok(())
    }

    fn write_events(&self, out: &mut String) -> std::fmt::Result {
        if self.events.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n| at | what | last client after | quiet for | refused | lost | 421 | process ended | \
             under the name | first session | note |\n|{}",
            " --- |".repeat(11)
        )?;
        for happened in &self.events {
            let time =
                |seconds: Option<f64>| seconds.map_or("-".to_owned(), |s| format!("{s:.1} s"));
            let last = match (happened.quiet_s, happened.last_client_s) {
                (Some(_), None) => "nobody came".to_owned(),
                (_, last) => time(last),
            };
            writeln!(
                out,
                "| {:.1} s | {} node {} | {last} | {} | {} | {} | {} | {} | {} | {} | {} |",
                happened.at_s,
                happened.what,
                happened.node,
                time(happened.quiet_s),
                happened.refused,
                happened.lost,
                happened.sent_away,
                time(happened.ended_s),
                time(happened.named_s),
                time(happened.first_session_s),
                happened.status.as_deref().unwrap_or("-"),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn report() -> Report {
        let ledger = Ledger::new(Instant::now()).unwrap();
        Report {
            setting: Setting {
                machine: "machine".to_owned(),
                nodes: 3,
                clients: 16,
                protocol: "FTP",
                size_bytes: 1,
                resolvers: 8,
                answers: 1,
                ttl_s: 5.0,
                publish_s: 2.0,
                attempts: 8,
                seed: 1,
            },
            elapsed_s: 10.0,
            counts: Counts { transfers: 20, retried: 3, ..Counts::default() },
            transfer_ms: Quantiles::of(&ledger),
            events: Vec::new(),
            nodes: BTreeMap::from([(1, Tally { sessions: 4, ..Tally::default() })]),
            errors: BTreeMap::from([("connect: connection refused".to_owned(), 7)]),
            seconds: BTreeMap::new(),
        }
    }

    #[test]
    fn a_run_is_clean_unless_something_was_lost() {
        assert!(report().is_clean(), "a retry is no loss");
        let with = |counts| Report { counts, ..report() }.is_clean();
        let counts = report().counts;
        assert!(!with(Counts { failed: 1, ..counts }) && !with(Counts { vanished: 1, ..counts }));
        assert!(!with(Counts::default()), "nothing was done");
        let events = vec![Happened { is_fault: true, ..Happened::default() }];
        assert!(!Report { events, ..report() }.is_clean());
    }

    #[test]
    fn the_tables_say_what_followed_from_an_event() {
        let kill = |last| Happened {
            at_s: 5.0,
            what: "kill".to_owned(),
            node: 2,
            last_client_s: last,
            quiet_s: Some(10.3),
            refused: 50,
            ..Happened::default()
        };
        let text = Report { events: vec![kill(Some(9.7)), kill(None)], ..report() }.markdown();
        assert!(text.contains("| transfers | 20, 2.00 /s |"));
        assert!(text.contains("| 5.0 s | kill node 2 | 9.7 s | 10.3 s | 50 | 0 | 0 | - |"));
        assert!(text.contains("| 5.0 s | kill node 2 | nobody came | 10.3 s |"));
        assert!(text.contains("| 1 | 4 | 0 | 0 | 0 | 0 |"));
        assert!(text.contains("\n7 times: connect: connection refused\n"));
    }
}

//! The report on a terminal.

use std::fmt;

use super::report::{Operation, Report};
use crate::report::{MEBIBYTE, figure};

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        writeln!(out, "{}: {}", self.title, self.targets.join(", "))?;
        writeln!(out, "  {}, seed {}", self.pacing, self.seed)?;
        let ended = if self.interrupted { ", interrupted" } else { "" };
        writeln!(
            out,
            "  {} operations in {:.1} s{ended}: {}/s, {} MiB/s down, {} MiB/s up, {} errors",
            totals.operations,
            self.elapsed_seconds,
            figure(totals.per_second),
            figure(totals.down_mebibytes_per_second),
            figure(totals.up_mebibytes_per_second),
            totals.errors,
        )?;
        if self.open {
            writeln!(out, "  {} arrivals, {} missed", totals.due, totals.missed)?;
        }
        if totals.unfinished > 0 {
            writeln!(out, "  {} not finished when this was written", totals.unfinished)?;
        }
        self.show_costs(out)?;
        self.show_operations(out)?;
        for failure in &self.errors {
            let label = self.label(&failure.operation, failure.protocol);
            writeln!(out, "  error, {} times, {label}: {}", failure.count, failure.kind)?;
        }
        Ok(())
    }
}

impl Report {
    fn show_costs(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            writeln!(
                out,
                "  server: {:.2} processors, {} ms of CPU per operation, {:.1} MiB at most",
                server.processors,
                server.cpu_seconds_per_operation.map_or_else(dash, |cpu| figure(cpu * 1e3)),
                server.memory_max_bytes as f64 / MEBIBYTE,
            )?;
        }
        write!(out, "  this tool: {:.2} processors", self.client.processors)?;
        match (self.client.late_p50_us, self.client.late_p99_us) {
            (Some(p50), Some(p99)) => {
                writeln!(out, "; arrivals taken up after p50 {}, p99 {}", time(p50), time(p99))
            }
            _ => writeln!(out),
        }
    }

    fn show_operations(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self
            .operations
            .iter()
            .map(|operation| self.label(&operation.name, operation.protocol))
            .collect();
        let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max(9);
        write!(out, "\n  {:width$} {:>9} {:>9} {:>9}", "operation", "count", "/s", "MiB/s")?;
        for head in ["p50", "p90", "p99", "p99.9", "max"] {
            write!(out, " {head:>9}")?;
        }
        writeln!(out, " {:>7}", "errors")?;
        for (label, row) in labels.iter().zip(&self.operations) {
            let (rate, speed) = (figure(row.per_second), speed(row.mebibytes_per_second));
            write!(out, "  {label:width$} {:>9} {rate:>9} {speed:>9}", row.count)?;
            for latency in row.latencies() {
                write!(out, " {latency:>9}")?;
            }
            writeln!(out, " {:>7}", row.errors)?;
        }
        if let Some(tls) = self.tls() {
            writeln!(out, "\n  {tls}")?;
        }
        writeln!(out)
    }
}

impl Operation {
    /// p50, p90, p99, p99.9 and the maximum, as all forms of the report show them. Of a quantile that is
    /// among those that were missed it is only known that it is above the maximum of the others.
    pub(super) fn latencies(&self) -> [String; 5] {
        let quantiles = [self.p50_us, self.p90_us, self.p99_us, self.p999_us];
        let [p50, p90, p99, p999] = quantiles.map(|quantile| match quantile {
            Some(us) => time(us),
            None if self.count > 0 => format!("> {}", time(self.max_us)),
            None if self.missed > 0 => "missed".to_owned(),
            None => dash(),
        });
        let max = if self.count > 0 { time(self.max_us) } else { dash() };
        [p50, p90, p99, p999, max]
    }
}

/// A time in the unit in which it is read best.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", figure(us / 1e6)),
        us if us >= 1e3 => format!("{} ms", figure(us / 1e3)),
        us => format!("{} us", figure(us)),
    }
}

/// A speed, where there is one.
pub(super) fn speed(mebibytes_per_second: f64) -> String {
    if mebibytes_per_second >= 0.005 { figure(mebibytes_per_second) } else { dash() }
}

/// What was not measured.
pub(super) fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::report;

    #[test]
    fn times_are_shown_in_their_unit() {
        assert_eq!([12.3, 1234.0, 2.5e6].map(time), ["12.3 us", "1.23 ms", "2.50 s"]);
    }

    #[test]
    fn the_report_says_what_happened() {
        let text = report().to_string();
        assert!(text.contains("3 arrivals, 1 missed"), "{text}");
        assert!(text.contains("upload <b> (SFTP)"), "{text}");
        assert!(text.contains("error, 2 times, upload <b> (FTP): STOR: 550 no & never"), "{text}");
        assert!(text.contains("this tool:"), "{text}");
    }
}

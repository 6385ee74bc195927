//! The report as a table in Markdown.

use super::report::Report;
use super::text::{dash, speed};
use crate::report::{MEBIBYTE, figure, markdown as escape};

/// One table of the operations, one of the errors, and what else is to be known.
pub(super) fn table(report: &Report) -> String {
    let totals = &report.totals;
    let targets = report.targets.join(", ");
    let ended = if report.interrupted { ", interrupted" } else { "" };
    let mut text = format!(
        "## {}\n\n{}, {}; {}; seed {}; {:.1} s{ended}; client on {}\n\n",
        escape(&report.title),
        report.began,
        targets,
        report.pacing,
        report.seed,
        report.elapsed_seconds,
        escape(&report.machine),
    );
    text += "| operation | count | /s | MiB/s | p50 | p90 | p99 | p99.9 | max | errors |\n";
    text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for row in &report.operations {
        let latencies = row.latencies().map(|latency| escape(&latency));
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            escape(&report.label(&row.name, row.protocol)),
            row.count,
            figure(row.per_second),
            speed(row.mebibytes_per_second),
            latencies.join(" | "),
            row.errors,
        );
    }
    text += &format!(
        "\nTotal: {} operations, {}/s; {} MiB/s down, {} MiB/s up; {} errors",
        totals.operations,
        figure(totals.per_second),
        figure(totals.down_mebibytes_per_second),
        figure(totals.up_mebibytes_per_second),
        totals.errors,
    );
    if report.open {
        text += &format!("; {} arrivals, {} missed", totals.due, totals.missed);
    }
    if totals.unfinished > 0 {
        text += &format!("; {} not finished", totals.unfinished);
    }
    text += &report.tls().map_or_else(String::new, |tls| format!("; {tls}"));
    text += ".\n";
    text + &costs(report) + &errors(report)
}

fn costs(report: &Report) -> String {
    let Some(server) = &report.server else { return String::new() };
    format!(
        "\nServer: {} s of CPU, {:.2} processors, {} ms per operation; memory {:.1} MiB before, \
         {:.1} MiB at most.\n",
        figure(server.cpu_seconds),
        server.processors,
        server.cpu_seconds_per_operation.map_or_else(dash, |cpu| figure(cpu * 1e3)),
        server.memory_before_bytes as f64 / MEBIBYTE,
        server.memory_max_bytes as f64 / MEBIBYTE,
    )
}

fn errors(report: &Report) -> String {
    if report.errors.is_empty() {
        return String::new();
    }
    let mut text = "\n| operation | error | times |\n| --- | --- | ---: |\n".to_owned();
    for failure in &report.errors {
        let label = report.label(&failure.operation, failure.protocol);
        text +=
            &format!("| {} | {} | {} |\n", escape(&label), escape(&failure.kind), failure.count);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::report;

    #[test]
    fn a_cell_can_not_break_its_table() {
        assert_eq!(escape("a|b\r\n<i>"), "a\\|b  \\<i\\>");
        let table = table(&report());
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).collect();
        let cells = |row: &&str| row.replace("\\|", "").matches('|').count();
        assert!(rows.iter().all(|row| [4, 11].contains(&cells(row))), "{table}");
        assert!(table.contains("| upload \\<b\\> (SFTP) | 1 |"), "{table}");
    }
}

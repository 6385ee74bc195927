//! The report as a page: everything in one file, no script, nothing from elsewhere.

mod chart;
mod markup;
mod plots;
mod scale;

use super::report::Report;
use super::text::{dash, speed, time};
use crate::report::{MEBIBYTE, figure};
use markup::{cell, cell_of, escape, table};

/// The page.
pub(super) fn page(report: &Report) -> String {
    let title = escape(&report.title);
    let charts: String = plots::all(report).iter().map(chart::Chart::figure).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{}{}<section class=\"charts\">\n{charts}</section>\n{}{}{}{}\
         </main>\n</body>\n</html>\n",
        facts(report),
        tiles(report),
        operations(report),
        errors(report),
        timeline(report),
        footer(report),
    )
}

fn facts(report: &Report) -> String {
    let targets = escape(&report.targets.join(", "));
    let mut facts = format!(
        "<p class=\"facts\">{targets}<br>{}<br>{:.1} s from {}, seed {}</p>\n",
        escape(&report.pacing),
        report.elapsed_seconds,
        report.began,
        report.seed,
    );
    if report.interrupted {
        facts += "<p class=\"notice\">Interrupted: this is what was measured so far.</p>\n";
    }
    if let Some(late) = report.client.late_p99_us.filter(|late| *late > LATE_US) {
        facts += &format!(
            "<p class=\"notice\">Arrivals were taken up late, p99 {}: no session was free, or this \
             tool or its machine was busy. Latencies include that.</p>\n",
            time(late)
        );
    }
    facts
}

fn tiles(report: &Report) -> String {
    let totals = &report.totals;
    let tile = |bad: bool, value: String, unit: &str, label: String| {
        let class = if bad { "tile bad" } else { "tile" };
        format!(
            "<div class=\"{class}\"><b>{value} <small>{unit}</small></b><span>{label}</span></div>\n"
        )
    };
    let mut tiles = tile(
        false,
        figure(totals.per_second),
        "/s",
        format!("operations, {} in all", totals.operations),
    );
    for (rate, way) in [
        (totals.down_mebibytes_per_second, "from the server"),
        (totals.up_mebibytes_per_second, "to the server"),
    ] {
        if rate > 0.0 {
            tiles += &tile(false, figure(rate), "MiB/s", way.to_owned());
        }
    }
    let all = totals.operations + totals.errors;
    let share = 100.0 * totals.errors as f64 / (all.max(1)) as f64;
    let label = match totals.errors {
        0 => "errors".to_owned(),
        _ => format!("errors, {} % of all", figure(share)),
    };
    tiles += &tile(totals.errors > 0, totals.errors.to_string(), "", label);
    if report.open {
        let label = format!("arrivals missed of {}", totals.due);
        tiles += &tile(totals.missed > 0, totals.missed.to_string(), "", label);
    }
    if totals.unfinished > 0 {
        let label = "operations not finished".to_owned();
        tiles += &tile(true, totals.unfinished.to_string(), "", label);
    }
    tiles += &tile(false, totals.sessions_max.to_string(), "", "sessions at most".to_owned());
    if let Some(server) = &report.server {
        let each = server.cpu_seconds_per_operation.map_or_else(dash, |cpu| figure(cpu * 1e3));
        tiles += &tile(false, each, "ms", "server CPU per operation".to_owned());
        let memory = server.memory_max_bytes as f64 / MEBIBYTE;
        tiles += &tile(false, figure(memory), "MiB", "server memory at most".to_owned());
    }
    // In one row, or in two that are equally long.
    let count = tiles.matches("<div").count();
    let columns = if count > TILES_MAX { count.div_ceil(2) } else { count };
    format!("<section class=\"tiles\" style=\"--columns:{columns}\">\n{tiles}</section>\n")
}

fn operations(report: &Report) -> String {
    let heads =
        ["Operation", "Count", "/s", "MiB/s", "p50", "p90", "p99", "p99.9", "Max", "Errors"];
    let row = |row: &super::report::Operation| {
        let mut cells = vec![
            cell(&report.label(&row.name, row.protocol)),
            cell(&row.count.to_string()),
            cell(&figure(row.per_second)),
            cell(&speed(row.mebibytes_per_second)),
        ];
        cells.extend(row.latencies().iter().map(|latency| cell(latency)));
        let class = if row.errors > 0 { "bad" } else { "" };
        cells.push(cell_of(class, &row.errors.to_string()));
        cells
    };
    let rows: Vec<_> = report.operations.iter().map(row).collect();
    let tls =
        report.tls().map_or_else(String::new, |tls| format!("<p class=\"facts\">{tls}.</p>\n"));
    format!("<h2>Operations</h2>\n{}{tls}", table(&heads, &rows))
}

fn errors(report: &Report) -> String {
    if report.errors.is_empty() {
        return String::new();
    }
    let row = |failure: &super::report::Failure| {
        vec![
            cell(&report.label(&failure.operation, failure.protocol)),
            cell_of("text", &failure.kind),
            cell(&failure.count.to_string()),
        ]
    };
    let rows: Vec<_> = report.errors.iter().map(row).collect();
    format!("<h2>Errors by kind</h2>\n{}", table(&["Operation", "Error", "Times"], &rows))
}

fn timeline(report: &Report) -> String {
    let heads = [
        "Second",
        "/s",
        "Due /s",
        "Missed",
        "Errors",
        "MiB/s down",
        "MiB/s up",
        "Sessions",
        "p50",
        "p90",
        "p99",
        "Max",
    ];
    let row = |point: &super::report::Point| {
        let mut cells = vec![
            cell(&format!("{:.1}", point.at_seconds)),
            cell(&figure(point.per_second)),
            cell(&if report.open { figure(point.due_per_second) } else { dash() }),
            cell(&point.missed.to_string()),
            cell(&point.errors.to_string()),
            cell(&speed(point.down_mebibytes_per_second)),
            cell(&speed(point.up_mebibytes_per_second)),
            cell(&point.sessions.to_string()),
        ];
        for us in [point.p50_us, point.p90_us, point.p99_us, point.max_us] {
            cells.push(cell(&us.map_or_else(dash, time)));
        }
        cells
    };
    let rows: Vec<_> = report.timeline.iter().map(row).collect();
    format!(
        "<details><summary>All values over time</summary>\n{}</details>\n",
        table(&heads, &rows)
    )
}

fn footer(report: &Report) -> String {
    let counted = if report.open {
        "Latency counts from when an arrival was due, whether or not a session was free for it; of a \
         session that arrives that is its login, and the tasks after it count from when they were \
         begun. What was missed counts as slower than all others in the table and the distribution, \
         and is not in the latencies over time."
    } else {
        "Latency counts from when an operation was begun; a slow server delays the next one of its \
         client."
    };
    let late = match (report.client.late_p50_us, report.client.late_p99_us) {
        (Some(p50), Some(p99)) => {
            format!(" Arrivals were taken up after {} (p50) and {} (p99).", time(p50), time(p99))
        }
        _ => String::new(),
    };
    format!(
        "<footer>{counted}{late} This tool kept {:.2} processors busy, on {}. Made by \
         flotilla-loadtest {}.</footer>\n",
        report.client.processors,
        escape(&report.machine),
        env!("CARGO_PKG_VERSION"),
    )
}

/// Tiles beside each other.
const TILES_MAX: usize = 6;

const STYLE: &str = include_str!("style.css");

/// From here on the page says that arrivals were taken up late: more than a busy machine's scheduler
/// explains.
const LATE_US: f64 = 10_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::report;

    #[test]
    fn names_of_others_are_text() {
        let page = page(&report());
        assert!(page.contains("A &lt;script&gt;alert(1)&lt;/script&gt; title"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<b>("), "{page}");
        assert!(page.contains("upload &lt;b&gt;") && page.contains("550 no &amp; never"), "{page}");
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        let page = page(&report());
        for outside in ["http:", "https:", "//", "url(", "@import", " src=", " href=", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn elements_are_closed() {
        let page = page(&report());
        for name in ["figure", "svg", "table", "tr", "td", "ul", "section", "g", "details", "title"]
        {
            let count = |tag: String| page.matches(&tag).count();
            let opened = count(format!("<{name}>")) + count(format!("<{name} "));
            assert_eq!(opened, count(format!("</{name}>")), "{name}");
        }
        assert!(page.matches("<figure").count() >= 6);
    }
}

//! Which plots a page has.

use super::chart::{Axis, Chart, Look, Series, Unit};
use super::scale::Scale;
use crate::client::Protocol;
use crate::load::report::{Operation, Point, Report};
use crate::report::MEBIBYTE;

/// All plots of a report, in the order of the page.
pub(super) fn all(report: &Report) -> Vec<Chart> {
    let mut charts = vec![throughput(report), latency(report)];
    charts.extend(distributions(report));
    charts.extend(bytes(report));
    charts.push(sessions(report));
    charts.extend(failures(report));
    charts.extend(processors(report));
    charts.extend(memory(report));
    charts.retain(|chart| !chart.series.is_empty());
    charts
}

fn throughput(report: &Report) -> Chart {
    let mut series =
        vec![over_time(report, "finished", "--c1", Look::Area, |point| Some(point.per_second))];
    if report.open {
        series.push(over_time(report, "due", "--mute", Look::Dashed, |point| {
            Some(point.due_per_second)
        }));
    }
    chart(report, "Operations per second", Unit::Number, series)
}

fn latency(report: &Report) -> Chart {
    let series = vec![
        over_time(report, "max", "--mute", Look::Line, |point| point.max_us),
        over_time(report, "p99", "--o3", Look::Line, |point| point.p99_us),
        over_time(report, "p90", "--o2", Look::Line, |point| point.p90_us),
        over_time(report, "p50", "--o1", Look::Line, |point| point.p50_us),
    ];
    let values = series.iter().flat_map(|series| series.points.iter().filter_map(|point| point.1));
    let scale = Scale::logarithmic(values);
    Chart {
        y: Axis { scale, unit: Unit::Microsecond },
        ..chart(report, "Latency of all operations", Unit::Microsecond, series)
    }
}

/// One for each protocol; an operation has the same colour in all.
fn distributions(report: &Report) -> Vec<Chart> {
    let mut names: Vec<(&str, u64)> = Vec::new();
    for operation in &report.operations {
        match names.iter_mut().find(|(name, _)| *name == operation.name) {
            Some((_, count)) => *count += operation.count,
            None => names.push((&operation.name, operation.count)),
        }
    }
    // The rarest have no line where there are more than colours.
    let mut counts: Vec<_> = names.iter().map(|(_, count)| *count).collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let least = counts.get(LINES_MAX - 1).copied().unwrap_or(0);
    names.retain(|(_, count)| *count >= least.max(1));
    let dashes = [Look::Line, Look::Dashed];
    let looks = dashes.iter().flat_map(|look| COLORS.map(|color| (color, *look)));
    let colors: Vec<_> = names.iter().map(|(name, _)| *name).zip(looks).collect();
    let mut charts = Vec::new();
    for protocol in [Protocol::Ftp, Protocol::Ftps, Protocol::Sftp] {
        let rows = report.operations.iter().filter(|row| row.protocol == protocol);
        let rows: Vec<_> = rows.filter(|row| !row.curve.is_empty()).collect();
        let title = match report.is_mixed() {
            true => format!("Latency distribution over {}", protocol.name()),
            false => "Latency distribution".to_owned(),
        };
        charts.push(distribution(title, &rows, &colors));
    }
    charts
}

fn distribution(
    title: String,
    rows: &[&Operation],
    colors: &[(&str, (&'static str, Look))],
) -> Chart {
    let line = |(name, (color, look)): &(&str, (&'static str, Look))| {
        let row = rows.iter().find(|row| row.name == *name)?;
        let nine = |(share, us): &(f64, f64)| (-(1.0 - share).log10(), Some(*us));
        let points = row.curve.iter().map(nine).collect();
        Some(Series { name: row.name.clone(), color, look: *look, points })
    };
    let series: Vec<_> = colors.iter().filter_map(line).collect();
    let missing = rows.len() - series.len();
    let note = match missing {
        0 => "How slow the slowest are: to the right of 99 % is one in a hundred.".to_owned(),
        _ => format!("The {missing} rarest operations are in the table only."),
    };
    let points = || series.iter().flat_map(|series| series.points.iter());
    let nines = points().map(|point| point.0).fold(1.0, f64::max);
    let y = Scale::logarithmic(points().filter_map(|point| point.1));
    Chart {
        title,
        note,
        x: Axis { scale: Scale::Linear(nines), unit: Unit::Nine },
        y: Axis { scale: y, unit: Unit::Microsecond },
        series,
    }
}

fn bytes(report: &Report) -> Option<Chart> {
    let down = |point: &Point| Some(point.down_mebibytes_per_second);
    let up = |point: &Point| Some(point.up_mebibytes_per_second);
    let mut series = Vec::new();
    if report.totals.down_bytes > 0 {
        series.push(over_time(report, "from the server", "--c1", Look::Area, down));
    }
    if report.totals.up_bytes > 0 {
        series.push(over_time(report, "to the server", "--c2", Look::Area, up));
    }
    (!series.is_empty()).then(|| chart(report, "Payload per second", Unit::Mebibyte, series))
}

fn sessions(report: &Report) -> Chart {
    let count = |point: &Point| Some(point.sessions as f64);
    let series = vec![over_time(report, "sessions", "--c6", Look::Area, count)];
    chart(report, "Sessions", Unit::Number, series)
}

fn failures(report: &Report) -> Option<Chart> {
    let totals = &report.totals;
    let mut series = Vec::new();
    if totals.errors > 0 {
        series.push(over_time(report, "errors", "--bad", Look::Bars, |point| {
            Some(point.errors as f64)
        }));
    }
    if totals.missed > 0 {
        series.push(over_time(report, "missed arrivals", "--warn", Look::Bars, |point| {
            Some(point.missed as f64)
        }));
    }
    let title = match (totals.errors, totals.missed) {
        (0, _) => "Missed arrivals",
        (_, 0) => "Errors",
        _ => "Errors and missed arrivals",
    };
    let sum = |point: &Point| (point.errors + point.missed) as f64;
    let scale = Scale::linear(report.timeline.iter().map(sum));
    let any = totals.errors + totals.missed > 0;
    any.then(|| Chart {
        y: Axis { scale, unit: Unit::Number },
        ..chart(report, title, Unit::Number, series)
    })
}

fn processors(report: &Report) -> Option<Chart> {
    report.server.as_ref()?;
    let series = vec![
        over_time(report, "server", "--c3", Look::Area, |point| point.server_processors),
        over_time(report, "this tool", "--mute", Look::Dashed, |point| point.client_processors),
    ];
    Some(chart(report, "Processors kept busy", Unit::Number, series))
}

fn memory(report: &Report) -> Option<Chart> {
    report.server.as_ref()?;
    let mebibytes = |point: &Point| Some(point.server_memory_bytes? as f64 / MEBIBYTE);
    let series = vec![over_time(report, "memory", "--c5", Look::Area, mebibytes)];
    Some(chart(report, "Memory of the server (PSS)", Unit::Mebibyte, series))
}

fn over_time(
    report: &Report,
    name: &str,
    color: &'static str,
    look: Look,
    value: impl Fn(&Point) -> Option<f64>,
) -> Series {
    let points = report.timeline.iter();
    let points = points.map(|point| (point.at_seconds + half(report), value(point))).collect();
    Series { name: name.to_owned(), color, look, points }
}

/// Half a slot: what is drawn stands for the time around it.
fn half(report: &Report) -> f64 {
    match report.timeline.as_slice() {
        [first, second, ..] => (second.at_seconds - first.at_seconds) / 2.0,
        _ => 0.0,
    }
}

/// A plot over the time of the run, whose values begin at 0.
fn chart(report: &Report, title: &str, unit: Unit, series: Vec<Series>) -> Chart {
    let values = series.iter().flat_map(|series| series.points.iter().filter_map(|point| point.1));
    let y = Axis { scale: Scale::linear(values), unit };
    let end = report.elapsed_seconds.max(0.1);
    let x = Axis { scale: Scale::Linear(end), unit: Unit::Second };
    Chart { title: title.to_owned(), note: String::new(), x, y, series }
}

/// Lines of a distribution: each colour twice, the second time dashed.
const LINES_MAX: usize = 2 * COLORS.len();

/// The colours of operations.
const COLORS: [&str; 8] = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];

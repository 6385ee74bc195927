//! The table of all metrics: `flotilla gen metrics`, which the manual holds.

use super::Metrics;
use super::definition::Definition;

/// The table, in Markdown, in the order in which the metrics are entered.
pub(crate) fn reference() -> String {
    let metrics = Metrics::new(0);
    let rows = metrics.book.definitions().iter().map(row);
    let head = "| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n";
    rows.fold(head.to_owned(), |table, row| table + &row)
}

fn row(definition: &Definition) -> String {
    let labels: Vec<_> = definition
        .labels
        .iter()
        .map(|(name, values)| match values.is_empty() {
            true => format!("`{name}`"),
            false => format!("`{name}`: {}", values.join(", ")),
        })
        .collect();
    let Definition { name, kind, help, .. } = definition;
    format!("| `{name}` | {} | {} | {help} |\n", kind.name(), labels.join("; "))
}

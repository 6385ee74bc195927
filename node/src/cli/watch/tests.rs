use std::collections::{BTreeMap, BTreeSet};

use super::alerts::ALERTS;
use super::rows::ROWS;
use crate::cli::ConfigArgs;
use crate::metrics::Metrics;

/// What a node tells: each metric by its names in `/metrics`, with its labels and their values.
type Known = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn known() -> Known {
    let mut known = Known::new();
    let text = Metrics::new(1).encode().unwrap();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let endings: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            for ending in endings {
                known.entry(format!("{name}{ending}")).or_default();
            }
        } else if !line.starts_with('#') {
            let series = line.split(" # ").next().unwrap().rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let of = known.get_mut(name).unwrap();
            for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
                let (label, value) = label.split_once('=').unwrap();
                of.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
            }
        }
    }
    known
}

/// The names in an expression that are metrics of ours, each with what stands in braces behind it.
fn metrics(expression: &str) -> Vec<(&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = expression;
    let mut metrics = Vec::new();
    while let Some(at) = ["flotilla_", "process_"].iter().filter_map(|start| rest.find(start)).min()
    {
        let from = &rest[at..];
        let end = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let (name, behind) = from.split_at(end);
        let braces = behind.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        metrics.push((name, braces.map_or("", |(inner, _)| inner)));
        rest = behind;
    }
    metrics
}

/// The labels that an expression groups by.
fn grouped(expression: &str) -> BTreeSet<&str> {
    let groups = expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    groups.flat_map(|(names, _)| names.split(',').map(str::trim)).collect()
}

/// What is wrong with an expression.
fn faults(expression: &str, known: &Known) -> Vec<String> {
    let mut faults = Vec::new();
    let used = metrics(expression);
    let mut of_all: BTreeSet<&str> = SCRAPED.into();
    for (name, matchers) in &used {
        let Some(labels) = known.get(*name) else {
            faults.push(format!("there is no {name}"));
            continue;
        };
        of_all.extend(labels.keys().map(String::as_str));
        for matcher in matchers.split(',').filter(|matcher| matcher.contains('=')) {
            let (label, wanted) = matcher.split_once(['!', '=']).unwrap();
            let wanted = wanted.trim_start_matches(['=', '~']).trim_matches('"');
            if SCRAPED.contains(&label) {
                continue;
            }
            match labels.get(label) {
                None => faults.push(format!("{name} has no {label}")),
                Some(values) => faults.extend(
                    wanted
                        .split('|')
                        .filter(|value| !values.contains(*value))
                        .map(|value| format!("no {label} of {name} is {value}")),
                ),
            }
        }
    }
    let unknown = grouped(expression).into_iter().filter(|label| !of_all.contains(label));
    faults.extend(unknown.map(|label| format!("nothing has the label {label}")));
    faults
}

#[test]
fn rules_and_panels_ask_for_what_there_is() {
    let known = known();
    let panels = ROWS.iter().flat_map(|row| row.panels);
    let asked = panels
        .flat_map(|panel| panel.expressions().map(|expression| (panel.title, expression)))
        .chain(ALERTS.iter().map(|alert| (alert.name, alert.expression.to_owned())));
    let mut wrong = Vec::new();
    for (of, expression) in asked {
        assert!(!metrics(&expression).is_empty(), "{of}: {expression}");
        wrong.extend(faults(&expression, &known).into_iter().map(|fault| format!("{of}: {fault}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A legend with a label that the sum has lost is empty.
#[test]
fn legends_name_what_is_grouped() {
    for panel in ROWS.iter().flat_map(|row| row.panels) {
        for (expression, legend) in panel.lines {
            let groups = grouped(expression);
            for part in legend.split("{{").skip(1) {
                let (label, _) = part.split_once("}}").unwrap();
                assert!(groups.contains(label), "{}: {legend} of {expression}", panel.title);
            }
        }
    }
}

#[test]
fn expressions_that_are_wrong_are_found() {
    let known = known();
    for (expression, fault) in [
        ("sum(flotilla_session)", "there is no flotilla_session"),
        ("flotilla_ready{state=\"x\"}", "flotilla_ready has no state"),
        ("flotilla_store_state{state=\"fine|gone\"}", "no state of flotilla_store_state is gone"),
        ("sum by (shape) (flotilla_sessions)", "nothing has the label shape"),
    ] {
        assert_eq!(faults(expression, &known), [fault]);
    }
}

#[test]
fn a_drain_may_take_as_long_as_it_is_given() {
    let args = ConfigArgs {
        config: Some("/dev/null".into()),
        set: [("timeouts.drain", "30m"), ("timeouts.drain_notice", "5m")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
        ..ConfigArgs::default()
    };
    let (config, _) = args.load().unwrap();
    let text = super::alerts(&config);
    let (_, stuck) = text.split_once("FlotillaDrainStuck").unwrap();
    let line = stuck.lines().find(|line| line.trim().starts_with("for:")).unwrap();
    // And a minute for the process to end.
    assert_eq!(line.trim(), "for: 2160s");
}

/// What Prometheus adds.
const SCRAPED: [&str; 3] = ["job", "instance", "le"];

//! What `flotilla gen grafana` prints is a dashboard (<https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>).

use std::collections::BTreeSet;

use flotilla_tests::Program;
use serde_json::Value;

fn dashboard() -> Value {
    let said = Program::flotilla().args(["gen", "grafana"]).succeed();
    serde_json::from_str(&said.stdout).expect("JSON")
}

/// Every panel, those in rows as well.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().expect("panels");
    let inner = top.iter().filter_map(|panel| panel["panels"].as_array()).flatten();
    top.iter().chain(inner).collect()
}

/// Every expression, with the title of its panel.
pub fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap_or_default().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets
            .into_iter()
            .filter_map(move |target| Some((title.clone(), target["expr"].as_str()?.to_owned())))
            .collect::<Vec<_>>()
    };
    panels(dashboard).into_iter().flat_map(of).collect()
}

/// The expression as Grafana sends it, of all pools and nodes.
pub fn filled(expression: &str) -> String {
    let known = [
        ("$__rate_interval", "1m"),
        ("$__range", "5m"),
        ("$__interval", "15s"),
        ("$pool", ".*"),
        ("$node", ".*"),
    ];
    known.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// The fields without which Grafana does not show what is meant.
#[test]
fn the_dashboard_has_what_grafana_needs() {
    let dashboard = dashboard();
    assert!(dashboard["uid"].as_str().is_some_and(|uid| (1..=40).contains(&uid.len())), "uid");
    assert!(dashboard["title"].is_string() && dashboard["schemaVersion"].as_u64() >= Some(36));
    assert!(dashboard["id"].is_null(), "an import makes the number");
    assert!(dashboard["time"]["from"].is_string() && dashboard["time"]["to"].is_string());
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let words = |variable: &Value| {
        ["name", "type"].map(|key| variable[key].as_str().unwrap_or_default().to_owned())
    };
    let variables: Vec<_> = variables.iter().map(words).collect();
    assert_eq!(variables, [["datasource", "datasource"], ["pool", "query"], ["node", "query"]]);
    let mut numbers = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
        assert!(numbers.insert(panel["id"].as_u64().expect("a number")), "twice: {panel}");
        let place =
            ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect("a place"));
        assert!(place[0] + place[2] <= 24 && place[2] > 0 && place[3] > 0, "{panel}");
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            ["timeseries", "stat", "heatmap", "table", "gauge"]
                .contains(&panel["type"].as_str().unwrap_or_default()),
            "{panel}"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{panel}");
        let letters: BTreeSet<_> =
            targets.iter().filter_map(|target| target["refId"].as_str()).collect();
        assert_eq!(letters.len(), targets.len(), "{panel}");
    }
}

/// No panel lies on another one.
#[test]
fn panels_have_places_of_their_own() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard) {
        let place = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        for x in place[0]..place[0] + place[2] {
            for y in place[1]..place[1] + place[3] {
                assert!(taken.insert((x, y)), "{} lies on another one", panel["title"]);
            }
        }
    }
}

/// Every expression holds to the nodes that were chosen.
#[test]
fn expressions_hold_to_what_was_chosen() {
    for (title, expression) in expressions(&dashboard()) {
        assert!(expression.contains(r#"job=~"$pool""#), "{title}: {expression}");
        assert!(filled(&expression).find('$').is_none(), "{title}: {expression}");
    }
}

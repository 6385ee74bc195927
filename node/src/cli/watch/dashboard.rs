//! The dashboard as Grafana reads it
//! (<https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>).

use serde_json::{Value, json};

use super::panel::datasource;
use super::rows::{ROWS, Row};

/// The dashboard, to be imported.
pub(in crate::cli) fn dashboard() -> Value {
    json!({
        "id": null,
        "uid": "flotilla",
        "title": "Flotilla",
        "description": "Written by flotilla gen grafana.",
        "tags": ["flotilla", "ftp"],
        "schemaVersion": SCHEMA,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": { "from": "now-3h", "to": "now" },
        "templating": { "list": variables() },
        "annotations": { "list": [] },
        "links": [],
        "panels": panels(ROWS),
    })
}

fn variables() -> Vec<Value> {
    let chosen = |name: &str, label: &str, query: &str| {
        json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": datasource(),
            "definition": query,
            "query": { "query": query, "refId": name },
            "refresh": 2,
            "sort": 1,
            "multi": true,
            "includeAll": true,
            "allValue": ".*",
            "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        })
    };
    vec![
        json!({ "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus" }),
        chosen("pool", "Pool (job)", "label_values(flotilla_build_info, job)"),
        chosen("node", "Node", r#"label_values(flotilla_build_info{job=~"$pool"}, instance)"#),
    ]
}

/// Each row has its head and below it its panels, three beside each other.
fn panels(rows: &[Row]) -> Vec<Value> {
    let mut panels = Vec::new();
    let mut top = 0;
    for row in rows {
        let id = panels.len() + 1;
        let place = json!({ "x": 0, "y": top, "w": WIDTH, "h": 1 });
        panels.push(json!({ "id": id, "type": "row", "title": row.title, "collapsed": false, "gridPos": place, "panels": [] }));
        top += 1;
        for line in row.panels.chunks(PER_LINE) {
            let width = WIDTH / line.len();
            for (number, panel) in line.iter().enumerate() {
                let place = json!({ "x": number * width, "y": top, "w": width, "h": HEIGHT });
                panels.push(panel.json(panels.len() + 1, &place));
            }
            top += HEIGHT;
        }
    }
    panels
}

/// Of Grafana 9.5, which later ones migrate.
const SCHEMA: u32 = 38;
/// Columns of Grafana.
const WIDTH: usize = 24;
const PER_LINE: usize = 3;
const HEIGHT: usize = 8;

//! One panel of the dashboard.

use serde_json::{Value, json};

/// What is shown, and how.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What it means, and what to do if it looks bad.
    pub(super) about: &'static str,
    pub(super) form: Form,
    /// As Grafana names it: `Bps`, `s`, `short`.
    pub(super) unit: &'static str,
    /// Expressions, each with its legend. In braces `*` stands for the chosen pools and nodes, `^` for all nodes of
    /// the chosen pools.
    pub(super) lines: &'static [(&'static str, &'static str)],
}

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines over time.
    Lines,
    /// Areas upon each other.
    Stack,
    /// Lines over time, and points that lead to a trace.
    Exemplars,
    /// How often values lay between bounds over time, and points that lead to a trace.
    Heatmap,
    /// The value now.
    Now,
}

impl Panel {
    /// The expressions as Grafana gets them.
    pub(super) fn expressions(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(|(expression, _)| chosen(expression))
    }

    /// Of this number at this place.
    pub(super) fn json(&self, id: usize, place: &Value) -> Value {
        json!({
            "id": id,
            "type": self.form.kind(),
            "title": self.title,
            "description": self.about,
            "datasource": datasource(),
            "gridPos": place,
            "targets": self.targets(),
            "fieldConfig": { "defaults": self.form.defaults(self.unit), "overrides": [] },
            "options": self.form.options(self.unit),
        })
    }

    fn targets(&self) -> Vec<Value> {
        let letters = ('A'..='Z').map(String::from);
        let of = |(letter, ((_, legend), expression)): (String, (&(&str, &str), String))| {
            json!({
                "refId": letter,
                "datasource": datasource(),
                "expr": expression,
                "legendFormat": legend,
                "format": if self.form == Form::Heatmap { "heatmap" } else { "time_series" },
                "exemplar": matches!(self.form, Form::Heatmap | Form::Exemplars),
                "instant": self.form == Form::Now,
                "range": self.form != Form::Now,
            })
        };
        letters.zip(self.lines.iter().zip(self.expressions())).map(of).collect()
    }
}

impl Form {
    fn kind(self) -> &'static str {
        match self {
            Self::Lines | Self::Stack | Self::Exemplars => "timeseries",
            Self::Heatmap => "heatmap",
            Self::Now => "stat",
        }
    }

    fn defaults(self, unit: &str) -> Value {
        match self {
            // The bounds of the histogram are those of the picture.
            Self::Heatmap => json!({ "custom": { "scaleDistribution": { "type": "linear" } } }),
            Self::Stack => json!({
                "unit": unit,
                "min": 0,
                "custom": { "fillOpacity": 30, "stacking": { "mode": "normal", "group": "A" } },
            }),
            Self::Lines | Self::Exemplars | Self::Now => {
                json!({ "unit": unit, "min": 0, "custom": { "fillOpacity": 5 } })
            }
        }
    }

    fn options(self, unit: &str) -> Value {
        match self {
            Self::Lines | Self::Stack | Self::Exemplars => json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Self::Heatmap => json!({
                "calculate": false,
                "yAxis": { "unit": unit },
                "color": { "mode": "scheme", "scheme": "Spectral", "steps": 64 },
                "exemplars": { "color": "rgba(255,0,255,0.7)" },
                "tooltip": { "show": true, "yHistogram": false },
            }),
            Self::Now => json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "textMode": "value_and_name",
                "colorMode": "value",
            }),
        }
    }
}

/// The one that was chosen on the dashboard.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn chosen(expression: &str) -> String {
    expression.replace("{*", r#"{job=~"$pool",instance=~"$node""#).replace("{^", r#"{job=~"$pool""#)
}

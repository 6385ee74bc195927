//! The older text format of Prometheus (0.0.4), for who does not ask for OpenMetrics: `promtool check metrics`, `curl`, most
//! collectors.

/// The type of this form.
pub(crate) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The type of OpenMetrics.
pub(crate) const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is written in OpenMetrics, in this form: counters are named with their `_total`, and units, exemplars and the mark
/// of the end are left out. `text` is ours, so that every label value is escaped and no value holds ` # {`.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut help: Option<&str> = None;
    for line in text.lines() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // Its name depends on the type, which comes next.
            help = Some(rest);
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let total = if kind == "counter" { "_total" } else { "" };
            let kind = if kind == "unknown" { "untyped" } else { kind };
            let text =
                help.take().and_then(|help| help.split_once(' ')).map_or("", |(_, text)| text);
            out.push_str(&format!("# HELP {name}{total} {text}\n# TYPE {name}{total} {kind}\n"));
        } else {
            out.push_str(without_exemplar(line));
            out.push('\n');
        }
    }
    out
}

/// An exemplar stands behind the value; a `#` in a label value stands before it.
fn without_exemplar(line: &str) -> &str {
    match line.rfind(" # {") {
        Some(end) if line.contains("_bucket{") => line.get(..end).unwrap_or(line),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_called_as_their_samples_are() {
        let open = "# HELP a_bytes What it is.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total{x=\"1\"} 3\n\
                    # HELP b More.\n# TYPE b histogram\nb_sum 1.0\n\
                    b_bucket{le=\"1.0\"} 1 # {trace_id=\"0af7\"} 0.5 17.2\nb_bucket{le=\"+Inf\"} 1\nb_count 1\n# EOF\n";
        let expected = "# HELP a_bytes_total What it is.\n# TYPE a_bytes_total counter\na_bytes_total{x=\"1\"} 3\n\
                        # HELP b More.\n# TYPE b histogram\nb_sum 1.0\nb_bucket{le=\"1.0\"} 1\nb_bucket{le=\"+Inf\"} 1\nb_count 1\n";
        assert_eq!(plain(open), expected);
    }
}

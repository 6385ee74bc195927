//! The older text format of Prometheus (0.0.4), for who does not ask for OpenMetrics: `promtool check metrics`, `curl`, most
//! collectors.

/// The type of this form.
pub(crate) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The type of OpenMetrics.
pub(crate) const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is written in OpenMetrics, in this form: counters are named with their `_total`, and units, exemplars and the mark
/// of the end are left out. `text` is ours, so that every label value is escaped; it may hold anything else, for users have
/// names of their own.
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

/// Only buckets have an exemplar, behind the value; their labels are ours, without ` # {`. A gauge's label may be a user's
/// name, so the metric's own name decides.
fn without_exemplar(line: &str) -> &str {
    let is_bucket = line.split_once('{').is_some_and(|(name, _)| name.ends_with("_bucket"));
    match line.split_once(" # {") {
        Some((sample, _)) if is_bucket => sample,
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

    #[test]
    fn a_name_that_looks_like_an_exemplar_stays_whole() {
        let line = "flotilla_user_transfer_bytes{user=\"x_bucket{ # {\",direction=\"upload\"} 1\n";
        assert_eq!(plain(line), line);
    }
}

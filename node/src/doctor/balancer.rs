//! Load balancers of AWS in front.

use flotilla_cluster::balancer::Severity;

use super::{Finding, Patient};

/// Whether they do what the node needs of them.
pub(super) fn balancers(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "load balancer";
    let findings = match &patient.balancers {
        None => return Vec::new(),
        Some(Err(reason)) => {
            let fix = "see flotilla gen iam, and that AWS can be reached";
            return vec![Finding::skipped(CHECK, reason, fix)];
        }
        Some(Ok(findings)) => findings,
    };
    let mut seen: Vec<Finding> = findings
        .iter()
        .filter_map(|of| {
            let saw = format!("{}: {}", of.place, of.seen);
            match of.severity {
                Severity::Error => Some(Finding::bad(CHECK, saw, &of.fix)),
                Severity::Warning => Some(Finding::warning(CHECK, saw, &of.fix)),
                // Of these `flotilla aws plan` tells.
                Severity::Note => None,
            }
        })
        .collect();
    if seen.is_empty() {
        let none = findings.iter().any(|of| of.code == "no-balancer");
        let saw = if none { "none has this node among its targets" } else { "nothing is wrong" };
        seen.push(Finding::fine(CHECK, saw));
    }
    seen
}

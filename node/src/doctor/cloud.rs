//! What AWS says of groups, names, subnets and load balancers.

use flotilla_cluster::balancer::{Finding as Told, Severity};

use super::{Finding, Patient};

/// What was seen there.
pub(crate) struct Surroundings {
    /// Security groups; `None`: they are not looked after.
    pub(crate) groups: Option<Result<Pending, String>>,
    /// Records and health checks; `None`: there is no name.
    pub(crate) names: Option<Result<Pending, String>>,
    /// What the network ACL of the node's subnet keeps from clients; `None`: its subnet is not known.
    pub(crate) barred: Result<Option<Vec<String>>, String>,
    /// What is wrong with load balancers; `None`: none are looked at.
    pub(crate) balancers: Option<Result<Vec<Told>, String>>,
}

/// What is not as it should be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// What would be changed.
    pub(crate) changes: Vec<String>,
    /// What is odd.
    pub(crate) notes: Vec<String>,
}

/// Everything that was seen.
pub(super) fn surroundings(patient: &Patient<'_>) -> Vec<Finding> {
    let seen = match &patient.aws {
        None => return Vec::new(),
        Some(Err(reason)) => return vec![Finding::skipped("aws", reason, PERMIT)],
        Some(Ok(seen)) => seen,
    };
    let groups = seen.groups.iter().flat_map(|groups| pending("security groups", groups));
    let names = seen.names.iter().flat_map(|names| pending("records", names));
    let balancers = seen.balancers.iter().flat_map(balancers);
    groups.chain(names).chain(acl(&seen.barred)).chain(balancers).collect()
}

fn pending(check: &'static str, pending: &Result<Pending, String>) -> Vec<Finding> {
    let pending = match pending {
        Ok(pending) => pending,
        Err(reason) => return vec![Finding::skipped(check, reason, PERMIT)],
    };
    let mut findings = Vec::new();
    if let Some(first) = pending.changes.first() {
        let more = match pending.changes.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let fix = "the leader does it within a minute, unless its log says why not; flotilla aws plan shows all";
        findings.push(Finding::warning(
            check,
            format!("not as they should be: {first}{more}"),
            fix,
        ));
    }
    let note = |note: &String| Finding::warning(check, note, "see the manual, aws");
    findings.extend(pending.notes.iter().map(note));
    if findings.is_empty() {
        findings.push(Finding::fine(check, "as they should be"));
    }
    findings
}

fn acl(barred: &Result<Option<Vec<String>>, String>) -> Vec<Finding> {
    const CHECK: &str = "network ACL";
    match barred {
        Err(reason) => vec![Finding::skipped(CHECK, reason, PERMIT)],
        Ok(None) => Vec::new(),
        Ok(Some(barred)) if barred.is_empty() => {
            vec![Finding::fine(CHECK, "the subnet of the node keeps nobody out")]
        }
        Ok(Some(barred)) => {
            let fix = "let it through in the network ACL, in both directions, if clients outside are to come";
            barred
                .iter()
                .map(|saw| Finding::warning(CHECK, format!("kept out, {saw}"), fix))
                .collect()
        }
    }
}

fn balancers(findings: &Result<Vec<Told>, String>) -> Vec<Finding> {
    const CHECK: &str = "load balancer";
    let findings = match findings {
        Err(reason) => return vec![Finding::skipped(CHECK, reason, PERMIT)],
        Ok(findings) => findings,
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

const PERMIT: &str = "see flotilla gen iam, and that AWS can be reached";

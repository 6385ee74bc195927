//! What the running node tells of itself and of the others.

use super::{Finding, Patient};
use crate::cli::remote::answer::{Node, Nodes};
use crate::config::Store;

/// Whether it runs and answers.
pub(super) fn node(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "node";
    let answer = match &patient.nodes {
        Ok(answer) => answer,
        Err(reason) => return vec![Finding::bad(CHECK, reason, "start it: flotilla serve")],
    };
    let Some(own) = answer.nodes.iter().find(|node| node.id == answer.own) else {
        let fix = "wait for its next beat (2 s); if it stays so, look into its log";
        return vec![Finding::warning(CHECK, "the node does not know itself", fix)];
    };
    let id = &own.id;
    match own.state.as_str() {
        "ready" => vec![Finding::fine(CHECK, format!("{id} is ready"))],
        "draining" => vec![Finding::warning(
            CHECK,
            format!("{id} is draining: it lets nobody in"),
            "flotilla undrain, if that is not wanted",
        )],
        _ => {
            let why = reasons(own);
            vec![Finding::bad(CHECK, format!("{id} is not ready: {why}"), "see its log")]
        }
    }
}

/// Whether the pool's store answers, and somebody leads.
pub(super) fn store(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "pool";
    let Ok(Nodes { store, leader, .. }) = &patient.nodes else { return Vec::new() };
    if patient.config.pool.store == Store::Embedded {
        return vec![Finding::fine(CHECK, "the node is alone: no store, no pool")];
    }
    let name = &store.name;
    if store.state != "fine" {
        let (state, reason) = (&store.state, store.reason.as_deref().unwrap_or_default());
        let saw = format!("{name} is {state} {reason}: limits are divided, nothing new is shared");
        return vec![Finding::bad(CHECK, saw, "bring the store back; sessions go on meanwhile")];
    }
    match leader {
        Some(leader) => vec![Finding::fine(CHECK, format!("{name}, led by {leader}"))],
        None => {
            let fix = "it takes some seconds after a start; DNS and policy stay as they are";
            vec![Finding::warning(CHECK, format!("{name}, nobody leads"), fix)]
        }
    }
}

/// The other nodes.
pub(super) fn nodes(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "nodes";
    let Ok(answer) = &patient.nodes else { return Vec::new() };
    let others: Vec<&Node> = answer.nodes.iter().filter(|node| node.id != answer.own).collect();
    let ready = others.iter().filter(|node| node.state == "ready").count();
    let unwell = others.iter().filter(|node| !matches!(node.state.as_str(), "ready" | "draining"));
    let mut findings: Vec<Finding> = unwell
        .map(|node| {
            let saw = format!("{} is {} {}", node.id, node.state, reasons(node));
            Finding::warning(CHECK, saw.trim_end(), "look into its log")
        })
        .collect();
    if findings.is_empty() && !others.is_empty() {
        findings.push(Finding::fine(CHECK, format!("{ready} other nodes are ready")));
    }
    findings
}

/// Whether clients find the same wherever they land: keys, settings, version.
pub(super) fn alike(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "alike";
    let Ok(Nodes { nodes, .. }) = &patient.nodes else { return Vec::new() };
    let pool = &patient.config.pool;
    if pool.store == Store::Embedded {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if pool.secret_file.is_none() {
        findings.push(Finding::warning(
            CHECK,
            "no pool.secret_file: each node has its own SSH host keys and TLS tickets, so clients that land on \
             another node see a changed key",
            "give all nodes the same pool.secret_file",
        ));
    }
    for node in nodes.iter().filter(|node| node.config == "differs") {
        let saw = format!("{} is configured otherwise: {}", node.id, node.differs.join(", "));
        findings.push(Finding::warning(CHECK, saw, "give all nodes the same configuration"));
    }
    let mut versions: Vec<&str> = nodes.iter().map(|node| node.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    if versions.len() > 1 {
        let saw = format!("nodes of different versions: {}", versions.join(", "));
        findings.push(Finding::warning(CHECK, saw, "finish the upgrade"));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(CHECK, "settings, versions and shared secrets are the same"));
    }
    findings
}

fn reasons(node: &Node) -> String {
    let reasons = node.reasons.iter().map(|(latch, reason)| format!("{latch}: {reason}"));
    reasons.collect::<Vec<_>>().join("; ")
}

//! What the running node tells of itself and of the others.

use serde_json::Value;

use super::{Finding, Patient};
use crate::config::Store;

/// Whether it runs and answers.
pub(super) fn node(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "node";
    let answer = match &patient.nodes {
        Ok(answer) => answer,
        Err(reason) => return vec![Finding::bad(CHECK, reason, "start it: flotilla serve")],
    };
    let own = each(answer).find(|node| node["self"] == true);
    let Some(own) = own else {
        let fix = "wait for its next beat (2 s); if it stays so, look into its log";
        return vec![Finding::warning(CHECK, "the node does not know itself", fix)];
    };
    let (id, state) = (text(&own["id"]), text(&own["state"]));
    match state {
        "ready" => vec![Finding::fine(CHECK, format!("{id} is ready"))],
        "draining" => vec![Finding::warning(
            CHECK,
            format!("{id} is draining: it lets nobody in"),
            "flotilla undrain, if that is not wanted",
        )],
        _ => reasons(own)
            .into_iter()
            .map(|reason| {
                Finding::bad(CHECK, format!("{id} is not ready: {reason}"), "see its log")
            })
            .collect(),
    }
}

/// Whether the pool's store answers, and somebody leads.
pub(super) fn store(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "pool";
    let Ok(answer) = &patient.nodes else { return Vec::new() };
    if patient.config.pool.store == Store::Embedded {
        return vec![Finding::fine(CHECK, "the node is alone: no store, no pool")];
    }
    let store = &answer["store"];
    let name = text(&store["name"]);
    if store["state"] != "fine" {
        let (state, reason) = (text(&store["state"]), text(&store["reason"]));
        let saw = format!("{name} is {state} {reason}: limits are divided, nothing new is shared");
        return vec![Finding::bad(CHECK, saw, "bring the store back; sessions go on meanwhile")];
    }
    match answer["leader"].as_str() {
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
    let others: Vec<&Value> = each(answer).filter(|node| node["self"] != true).collect();
    let ready = others.iter().filter(|node| node["state"] == "ready").count();
    let mut findings: Vec<Finding> = others
        .iter()
        .filter(|node| node["state"] != "ready" && node["state"] != "draining")
        .map(|node| {
            let (id, state) = (text(&node["id"]), text(&node["state"]));
            let why = reasons(node).join("; ");
            Finding::warning(CHECK, format!("{id} is {state} {why}"), "look into its log")
        })
        .collect();
    if findings.is_empty() && !others.is_empty() {
        findings.push(Finding::fine(CHECK, format!("{ready} other nodes are ready")));
    }
    findings
}

/// Whether clients find the same wherever they land: keys, settings, storage, version.
pub(super) fn alike(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "alike";
    let Ok(answer) = &patient.nodes else { return Vec::new() };
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
    for node in each(answer).filter(|node| node["config"] == "differs") {
        let keys: Vec<&str> = node["differs"].as_array().into_iter().flatten().map(text).collect();
        let saw = format!("{} is configured otherwise: {}", text(&node["id"]), keys.join(", "));
        findings.push(Finding::warning(CHECK, saw, "give all nodes the same configuration"));
    }
    let mut versions: Vec<&str> = each(answer).map(|node| text(&node["version"])).collect();
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

fn each(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["nodes"].as_array().into_iter().flatten()
}

fn reasons(node: &Value) -> Vec<String> {
    let reasons = node["reasons"].as_object().into_iter().flatten();
    reasons.map(|(latch, reason)| format!("{latch}: {}", text(reason))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

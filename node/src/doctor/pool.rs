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
    let mut findings = vec![match leader {
        Some(leader) => Finding::fine(CHECK, format!("{name}, led by {leader}")),
        None => {
            let fix = "it takes some seconds after a start; DNS and policy stay as they are";
            Finding::warning(CHECK, format!("{name}, nobody leads"), fix)
        }
    }];
    findings.extend(store.latency_ms.map(latency));
    findings.extend(store.clock_ms.map(clock));
    findings
}

/// A login waits for one answer of the store.
fn latency(ms: u64) -> Finding {
    const CHECK: &str = "store latency";
    let saw = format!("the last heartbeat took {ms} ms");
    match ms {
        ..=LATENCY_MAX_MS => Finding::fine(CHECK, saw),
        _ => Finding::warning(
            CHECK,
            format!("{saw}, and each login waits for one such answer"),
            "look at the store's load, and put it into the region of its nodes",
        ),
    }
}

/// Calls of AWS are refused when the clock is off by five minutes, certificates and one-time passwords before that.
fn clock(ahead_ms: i64) -> Finding {
    const CHECK: &str = "clock";
    let word = if ahead_ms < 0 { "behind" } else { "ahead of" };
    let saw = format!("{} ms {word} the store's", ahead_ms.unsigned_abs());
    match ahead_ms.unsigned_abs() {
        ..=CLOCK_MAX_MS => Finding::fine(CHECK, saw),
        _ => Finding::warning(CHECK, saw, "let chrony or systemd-timesyncd set both clocks"),
    }
}

/// Whether all nodes see the mark that one of them made on the storage.
pub(super) fn storage(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "shared storage";
    let Ok(Nodes { nodes, .. }) = &patient.nodes else { return Vec::new() };
    if patient.config.pool.store == Store::Embedded || !patient.config.pool.shared_storage {
        return Vec::new();
    }
    let living = || nodes.iter().filter(|node| node.state != "dead");
    let blind: Vec<&str> =
        living().filter(|node| node.storage.is_empty()).map(|node| node.id.as_str()).collect();
    let mut marks: Vec<&str> = living().map(|node| node.storage.as_str()).collect();
    marks.retain(|mark| !mark.is_empty());
    marks.sort_unstable();
    marks.dedup();
    let fix = "mount the same storage on all nodes at storage.root";
    match (marks.len(), blind.is_empty()) {
        (0, _) => vec![Finding::warning(
            CHECK,
            "no node sees the mark of the pool yet",
            "the leader makes one within a minute; storage.root must be writable",
        )],
        (1, true) => vec![Finding::fine(CHECK, "all nodes see the same mark")],
        (1, false) => {
            let saw = format!("{} do not see the mark that the others see", blind.join(", "));
            vec![Finding::bad(CHECK, saw, fix)]
        }
        _ => {
            let of = |node: &Node| format!("{} sees {}", node.id, node.storage);
            let seen: Vec<_> = living().filter(|node| !node.storage.is_empty()).map(of).collect();
            vec![Finding::bad(CHECK, seen.join(", "), fix)]
        }
    }
}

/// Whether a client of SSH finds the same keys wherever it lands.
pub(super) fn host_keys(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "host keys";
    let Ok(Nodes { nodes, .. }) = &patient.nodes else { return Vec::new() };
    let shown: Vec<&Node> = nodes
        .iter()
        .filter(|node| node.state != "dead" && !node.host_keys.trim_start_matches('0').is_empty())
        .collect();
    let Some((first, others)) = shown.split_first() else { return Vec::new() };
    let differ: Vec<&str> = others
        .iter()
        .filter(|node| node.host_keys != first.host_keys)
        .map(|node| node.id.as_str())
        .collect();
    match differ.is_empty() {
        true if others.is_empty() => Vec::new(),
        true => vec![Finding::fine(CHECK, format!("the same on all {} nodes", shown.len()))],
        false => {
            let saw = format!(
                "{} and {} show other SSH host keys: clients that land on another node are warned of an attack",
                first.id,
                differ.join(", ")
            );
            let fix = "give all nodes the same pool.secret_file, or the same ssh.host_keys";
            vec![Finding::bad(CHECK, saw, fix)]
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

/// In one region it is about one.
const LATENCY_MAX_MS: u64 = 50;
/// Two machines with a time service differ by less.
const CLOCK_MAX_MS: u64 = 2_000;

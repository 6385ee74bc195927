//! `flotilla nodes`.

use super::answer::{Node, Nodes, Store};
use super::client::Client;
use super::{ListArgs, RemoteError, Talk, read};
use crate::admin::Role;
use crate::cli::figure;
use crate::cli::table::{Side, Table, clean};

/// Lists the nodes, and below them what is wrong with any.
///
/// # Errors
/// Why there is no answer.
pub(crate) fn run(args: &ListArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Reader)?;
    let answer = client.get("nodes", &[])?;
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    Ok(talk.text(&text(&read(&client, answer)?))?)
}

fn text(pool: &Nodes) -> String {
    let leader = pool.leader.as_deref().unwrap_or("none");
    let head = format!("pool {}, leader {leader}, store {}", pool.pool, store(&pool.store));
    let mut table = Table::new(COLUMNS);
    for node in &pool.nodes {
        table.row(row(pool, node));
    }
    let mut text = format!("{}\n\n{}", clean(&head), table.text());
    let notes: Vec<_> = pool.nodes.iter().flat_map(notes).collect();
    if !notes.is_empty() {
        text.push('\n');
    }
    for note in notes {
        text.push_str(&clean(&note));
        text.push('\n');
    }
    text
}

fn store(store: &Store) -> String {
    let state = format!("{} {} for {}", store.name, store.state, figure::period(store.since_s));
    match &store.reason {
        Some(reason) => format!("{state} ({reason})"),
        None => state,
    }
}

fn row(pool: &Nodes, node: &Node) -> [String; 14] {
    let roles = [
        (pool.leader.as_ref() == Some(&node.id)).then_some("leader"),
        (pool.own == node.id).then_some("asked"),
    ];
    [
        node.id.clone(),
        node.state.clone(),
        roles.into_iter().flatten().collect::<Vec<_>>().join(","),
        node.zone.clone().unwrap_or_default(),
        node.version.clone(),
        node.sessions.to_string(),
        node.transfers.to_string(),
        figure::rate(node.bytes_per_second),
        format!("{:.1}%", node.cpu_percent),
        format!("{} ms", node.lag_ms),
        node.weight.to_string(),
        node.config.clone(),
        node.beat_ms_ago
            .map_or_else(String::new, |ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100)),
        node.addresses.join(" "),
    ]
}

/// Why a node is not ready, and where its configuration differs.
fn notes(node: &Node) -> impl Iterator<Item = String> {
    let id = &node.id;
    let reasons =
        node.reasons.iter().map(move |(latch, reason)| format!("{id}: {latch}: {reason}"));
    let differs = (!node.differs.is_empty())
        .then(|| format!("{id}: its configuration differs in {}", node.differs.join(", ")));
    reasons.chain(differs)
}

const COLUMNS: [(&str, Side); 14] = [
    ("NODE", Side::Left),
    ("STATE", Side::Left),
    ("ROLE", Side::Left),
    ("ZONE", Side::Left),
    ("VERSION", Side::Left),
    ("SESSIONS", Side::Right),
    ("TRANSFERS", Side::Right),
    ("RATE", Side::Right),
    ("CPU", Side::Right),
    ("LAG", Side::Right),
    ("WEIGHT", Side::Right),
    ("CONFIG", Side::Left),
    ("BEAT", Side::Right),
    ("ADDRESSES", Side::Left),
];

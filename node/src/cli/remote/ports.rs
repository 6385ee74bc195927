//! `flotilla ports`.

use serde_json::Value;

use super::answer::{NodePorts, Ports};
use super::client::Client;
use super::{ListArgs, RemoteError, Talk, read};
use crate::admin::Role;
use crate::cli::table::{Side, Table, clean};

/// Lists the passive ports of the nodes.
///
/// # Errors
/// Why there is no answer.
pub(crate) fn run(args: &ListArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Reader)?;
    let answer = client.get("ports", &[])?;
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    let Ports { mode, range, nodes, missing } = read(&client, answer)?;
    let mut table = Table::new(COLUMNS);
    for node in nodes {
        table.row(row(node));
    }
    let head = clean(&format!("mode {mode}, range {range}"));
    talk.text(&format!("{head}\n\n{}", table.text()))?;
    Ok(talk.missing(&missing)?)
}

fn row(node: NodePorts) -> [String; 7] {
    // A range as text; what else a block may become is shown as it is.
    let blocks = node.blocks.iter().map(|block| match block {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let blocks = blocks.collect::<Vec<_>>().join(" ");
    [
        node.id,
        node.range,
        node.listening.to_string(),
        node.pending.to_string(),
        node.lingering.to_string(),
        node.granted.to_string(),
        blocks,
    ]
}

const COLUMNS: [(&str, Side); 7] = [
    ("NODE", Side::Left),
    ("RANGE", Side::Left),
    ("LISTENING", Side::Right),
    ("PENDING", Side::Right),
    ("LINGERING", Side::Right),
    ("GRANTED", Side::Right),
    ("BLOCKS", Side::Left),
];

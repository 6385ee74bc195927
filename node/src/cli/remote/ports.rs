//! `flotilla ports`.

use std::fmt::Write as _;

use serde_json::Value;

use super::answer::{Blocks, NodePorts, Ports};
use super::client::Client;
use super::{ListArgs, RemoteError, Talk, read};
use crate::admin::Role;
use crate::cli::figure::bytes;
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
    let ports: Ports = read(&client, answer)?;
    talk.text(&text(&ports))?;
    Ok(talk.missing(&ports.missing)?)
}

fn text(ports: &Ports) -> String {
    let Ports { mode, range, blocks, nodes, .. } = ports;
    let mut head = format!("mode {mode}, range {range}");
    if let Some(Blocks { size, count, free, .. }) = blocks {
        let _ = write!(head, " in {count} blocks of {size}, {free} free");
    }
    let mut table = Table::new(COLUMNS);
    nodes.iter().for_each(|node| table.row(row(node)));
    let mut text = format!("{}\n\n{}", clean(&head), table.text());
    if let Some(blocks) = blocks {
        let _ = write!(text, "\n{}", owners(blocks));
    }
    text
}

fn row(node: &NodePorts) -> [String; 9] {
    let relays = &node.relays;
    [
        node.id.clone(),
        node.listening.to_string(),
        node.pending.to_string(),
        node.lingering.to_string(),
        node.granted.to_string(),
        node.exhausted.to_string(),
        format!(
            "{} now, {} out, {} in, {}",
            relays.active,
            relays.sent,
            relays.received,
            bytes(relays.bytes)
        ),
        joined(&node.blocks),
        joined(&node.withdrawn),
    ]
}

/// Who has which blocks, and where others reach it.
fn owners(blocks: &Blocks) -> String {
    let mut table = Table::new([
        ("OWNER", Side::Left),
        ("STATE", Side::Left),
        ("RELAY", Side::Left),
        ("BLOCKS", Side::Right),
        ("PORTS", Side::Left),
    ]);
    for owner in &blocks.owners {
        let state = if owner.alive { "alive" } else { "silent" };
        let relay = owner.relay.clone().unwrap_or_default();
        let ports = owner.ports.join(" ");
        table.row([owner.node.clone(), state.to_owned(), relay, owner.blocks.to_string(), ports]);
    }
    table.text()
}

/// Ranges as text; what else a block may become is shown as it is.
fn joined(blocks: &[Value]) -> String {
    let text = blocks.iter().map(|block| match block {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    text.collect::<Vec<_>>().join(" ")
}

const COLUMNS: [(&str, Side); 9] = [
    ("NODE", Side::Left),
    ("LISTENING", Side::Right),
    ("PENDING", Side::Right),
    ("LINGERING", Side::Right),
    ("GRANTED", Side::Right),
    ("EXHAUSTED", Side::Right),
    ("RELAYS", Side::Left),
    ("OFFERED", Side::Left),
    ("WITHDRAWN", Side::Left),
];

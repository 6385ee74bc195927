//! `flotilla policy`.

use serde_json::Value;

use super::answer::Policy;
use super::client::Client;
use super::{ListArgs, RemoteError, Talk, read};
use crate::admin::Role;
use crate::cli::figure::count;
use crate::cli::table::{Side, Table, clean};

/// Prints what the leader decided for all nodes.
///
/// # Errors
/// Why there is no answer.
pub(crate) fn run(args: &ListArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Reader)?;
    let answer = client.get("policy", &[])?;
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    Ok(talk.text(&text(&read(&client, answer)?))?)
}

fn text(policy: &Policy) -> String {
    let Policy { revision, by, limits, share, storage, tickets } = policy;
    let storage = match storage.as_str() {
        "" => "no mark on the storage".to_owned(),
        mark => format!("mark {mark} on the storage"),
    };
    let tickets = match tickets {
        0 => "no shared ticket keys".to_owned(),
        version => format!("ticket keys of version {version}"),
    };
    let head = format!("revision {revision} by {by}, {storage}, {tickets}");
    let mut table =
        Table::new([("LIMIT", Side::Left), ("POOL", Side::Right), ("NODE ALONE", Side::Right)]);
    for (name, limit) in limits {
        let alone = share.get(name).map_or_else(String::new, shown);
        table.row([name.clone(), shown(limit), alone]);
    }
    let mut text = format!("{}\n\n{}", clean(&head), table.text());
    if let Some(nodes) = share.get("nodes").and_then(Value::as_u64) {
        text.push_str(&format!(
            "\nalone: what one of {} admits while the store is away\n",
            count(nodes, "node")
        ));
    }
    text
}

/// 0 is no limit.
fn shown(limit: &Value) -> String {
    if limit.as_u64() == Some(0) { "none".to_owned() } else { limit.to_string() }
}

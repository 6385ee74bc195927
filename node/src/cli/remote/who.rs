//! `flotilla who`.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use flotilla_cluster::id::NodeId;

use super::answer::{Session, Sessions};
use super::client::Client;
use super::{RemoteArgs, RemoteError, Talk, node, read};
use crate::admin::Role;
use crate::cli::figure;
use crate::cli::table::{Side, Table};

/// `flotilla who`.
#[derive(Clone, Debug, Default, Args)]
pub struct WhoArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Those of this user only.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Those from this client address only.
    #[arg(long)]
    pub address: Option<IpAddr>,
    /// Those of this node only.
    #[arg(long, value_name = "NODE", value_parser = node)]
    pub node: Option<NodeId>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Lists the sessions.
///
/// # Errors
/// Why there is no answer.
pub(crate) fn run(args: &WhoArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Reader)?;
    let query = [
        ("user", args.user.clone()),
        ("address", args.address.map(|address| address.to_string())),
        ("node", args.node.as_ref().map(ToString::to_string)),
    ];
    let answer = client.get("sessions", &query)?;
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    let Sessions { sessions, missing, more } = read(&client, answer)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut table = Table::new(COLUMNS);
    for session in &sessions {
        table.row(row(session, now));
    }
    talk.text(&table.text())?;
    if more > 0 {
        writeln!(talk.notes, "flotilla: the list is full: {more} more are left out")?;
    }
    Ok(talk.missing(&missing)?)
}

fn row(session: &Session, now: u64) -> [String; 9] {
    let does = [&session.command, &session.path];
    let does: Vec<_> = does.into_iter().flatten().map(String::as_str).collect();
    let moves = session.direction.is_some();
    [
        session.id.clone(),
        session.user.clone(),
        session.protocol.clone(),
        session.client.clone().unwrap_or_default(),
        figure::period(now.saturating_sub(session.since)),
        session.direction.clone().unwrap_or_default(),
        if moves { figure::bytes(session.bytes) } else { String::new() },
        if moves { figure::rate(session.bytes_per_second) } else { String::new() },
        does.join(" "),
    ]
}

const COLUMNS: [(&str, Side); 9] = [
    ("SESSION", Side::Left),
    ("USER", Side::Left),
    ("PROTOCOL", Side::Left),
    ("CLIENT", Side::Left),
    ("SINCE", Side::Left),
    ("TRANSFER", Side::Left),
    ("BYTES", Side::Right),
    ("RATE", Side::Right),
    ("DOES", Side::Left),
];

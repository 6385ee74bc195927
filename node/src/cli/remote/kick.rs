//! `flotilla kick`.

use std::net::IpAddr;

use clap::Args;
use flotilla_cluster::id::NodeId;
use flotilla_cluster::session::SessionId;
use serde_json::json;

use super::answer::Kicked;
use super::client::Client;
use super::{RemoteArgs, RemoteError, Talk, node, read};
use crate::admin::Role;
use crate::cli::figure::count;
use crate::cli::table::clean;

/// `flotilla kick`.
#[derive(Clone, Debug, Default, Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).multiple(true).args(["session", "user", "address", "node", "all"])))]
pub struct KickArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// This session, node/number as listed by `flotilla who`.
    #[arg(value_parser = session)]
    pub session: Option<SessionId>,
    /// Those of this user; of several conditions all must fit.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Those from this client address.
    #[arg(long)]
    pub address: Option<IpAddr>,
    /// Those of this node.
    #[arg(long, value_name = "NODE", value_parser = node)]
    pub node: Option<NodeId>,
    /// All sessions of the pool.
    #[arg(long, conflicts_with_all = ["session", "user", "address", "node"])]
    pub all: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Ends the sessions.
///
/// # Errors
/// Why none was ended, that there was none, or which nodes did not say.
pub(crate) fn run(args: &KickArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Operator)?;
    let answer = client.post(
        "kick",
        &json!({
            "session": args.session.as_ref().map(ToString::to_string),
            "user": args.user,
            "address": args.address,
            "node": args.node,
            "everybody": args.all,
        }),
    )?;
    if args.json {
        talk.json(&answer)?;
    }
    let Kicked { kicked, missing } = read(&client, answer)?;
    if !args.json && kicked > 0 {
        talk.text(&format!("{} ended\n", count(kicked, "session")))?;
    }
    match (missing.is_empty(), kicked) {
        (true, 0) => Err(RemoteError::Undone("there was no such session".to_owned())),
        (true, _) => Ok(()),
        (false, _) => Err(RemoteError::Undone(format!(
            "no answer in time from {}: sessions there may go on",
            clean(&missing.join(", "))
        ))),
    }
}

fn session(text: &str) -> Result<SessionId, String> {
    SessionId::parse(text).ok_or_else(|| "expected node/number, as listed by who".to_owned())
}

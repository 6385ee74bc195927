//! The verbs that ask a running node over its [admin API](crate::manual::admin): the pool's nodes,
//! sessions, bans, drains, ports, policy and log.
//!
//! Each verb asks, and prints the answer as a table or, with `--json`, as it came. Every text in it may
//! have been chosen by a client: it goes through `cli/table.rs` on its way to a terminal.

pub(crate) mod answer;
pub mod ban;
mod client;
pub mod drain;
pub mod kick;
pub mod log;
pub mod nodes;
pub mod policy;
pub mod ports;
#[cfg(test)]
mod tests;
pub mod who;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use flotilla_cluster::id::NodeId;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ConfigArgs;
use super::table::{clean, json};
use crate::admin::Role;
use crate::config::ConfigError;
use crate::error::ServeError;

use client::Client;

/// Which node is asked, and by what right.
#[derive(Clone, Debug, Default, Args)]
pub struct RemoteArgs {
    /// Where the node's admin API and its tokens are.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask this node, host:port, and not the one of the configuration.
    #[arg(long, value_name = "ADDRESS", value_parser = place)]
    pub admin: Option<String>,
    /// File with the token [default: admin.token_file, or the one that the running node made].
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// `flotilla nodes`, `ports`, `policy`.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration has no admin API.
    #[error("health.listen is empty, so the node has no admin API; --admin names another one's")]
    Off,
    /// Nothing says where the node listens.
    #[error("the node does not run, or not with this data folder: {}: {source}", path.display())]
    NoAddress {
        /// What would say it.
        path: PathBuf,
        /// Why it does not.
        source: io::Error,
    },
    /// Nobody is there.
    #[error("nobody answers at {address}, is the node running? ({reason})")]
    NotRunning {
        /// Where it was looked for.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// The token can not be read.
    #[error("no right to read the token in {}: be the node's user, or name a token with --token-file", path.display())]
    NoRight {
        /// The file.
        path: PathBuf,
    },
    /// The token can not be used.
    #[error("the token in {}: {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The node does not know the token.
    #[error("{address} does not take the token in {}: it is another node's, or an old one", path.display())]
    WrongToken {
        /// Who was asked.
        address: String,
        /// The file.
        path: PathBuf,
    },
    /// The token may only look.
    #[error("the token in {} may look and change nothing", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The node answered, and refused.
    #[error("{text}")]
    Refused {
        /// Of the answer.
        status: u16,
        /// Its reason.
        text: String,
    },
    /// The node can not answer now, such as while the pool's store is away.
    #[error("{address} can not do it now: {text}")]
    Unavailable {
        /// Who was asked.
        address: String,
        /// Its reason.
        text: String,
    },
    /// Something else answered.
    #[error("what answers at {address} has no admin API: {reason}")]
    Stranger {
        /// Who was asked.
        address: String,
        /// What was strange.
        reason: String,
    },
    /// It was done in part, or something else than was asked for.
    #[error("{0}")]
    Undone(String),
    /// The result can not be written.
    #[error("can not write the result: {0}")]
    Output(#[from] io::Error),
}

impl RemoteError {
    /// Whether asking again can not help: what was typed or configured is wrong.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) => true,
            Self::Refused { status, .. } => *status == 400,
            _ => false,
        }
    }
}

/// Where a verb prints.
pub(crate) struct Talk<'a> {
    /// Results.
    pub(crate) out: &'a mut dyn Write,
    /// What is to be said beside them.
    pub(crate) notes: &'a mut dyn Write,
}

impl Talk<'_> {
    /// Prints JSON.
    fn json(&mut self, value: &Value) -> io::Result<()> {
        self.text(&json(value))
    }

    /// Prints text as it is.
    fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Says which nodes are not in the answer.
    fn missing(&mut self, nodes: &[String]) -> io::Result<()> {
        if !nodes.is_empty() {
            let nodes = clean(&nodes.join(", "));
            writeln!(
                self.notes,
                "flotilla: no answer in time from {nodes}: the list lacks theirs"
            )?;
        }
        Ok(())
    }
}

/// Runs a verb on the standard streams. A reader that has seen enough is no error.
///
/// # Errors
/// Why it failed.
pub(super) fn run(
    verb: impl FnOnce(&mut Talk<'_>) -> Result<(), RemoteError>,
) -> Result<(), ServeError> {
    let (mut out, mut notes) = (io::stdout().lock(), io::stderr().lock());
    match verb(&mut Talk { out: &mut out, notes: &mut notes }) {
        Err(RemoteError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// What a running node answers to one question.
///
/// # Errors
/// Why it does not.
pub(super) fn answer_of<T: DeserializeOwned>(
    args: &RemoteArgs,
    path: &str,
) -> Result<T, RemoteError> {
    let client = Client::new(args, Role::Reader)?;
    let answer = client.get(path, &[])?;
    read(&client, answer)
}

/// Reads an answer; what is missing or null has its default.
fn read<T: DeserializeOwned>(client: &Client, mut answer: Value) -> Result<T, RemoteError> {
    drop_nulls(&mut answer);
    serde_json::from_value(answer).map_err(|error| client.stranger(error.to_string()))
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// `host:port`.
fn place(text: &str) -> Result<String, String> {
    let wrong = || "expected host:port, such as 127.0.0.1:8081".to_owned();
    if let Ok(address) = text.parse::<SocketAddr>() {
        return if address.port() > 0 { Ok(text.to_owned()) } else { Err(wrong()) };
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let port_fits = port.parse::<u16>().is_ok_and(|port| port > 0);
    match port_fits && !host.is_empty() && host.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(wrong()),
    }
}

/// The name of a node.
fn node(text: &str) -> Result<NodeId, String> {
    NodeId::new(text).map_err(|error| error.to_string())
}

//! `flotilla log level`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::LogLevel;
use super::client::Client;
use super::{RemoteArgs, RemoteError, Talk, read};
use crate::admin::Role;
use crate::cli::figure::period;
use crate::cli::table::clean;

/// What to do with a node's log.
#[derive(Clone, Debug, Subcommand)]
pub enum LogVerb {
    /// Print what is logged, or change it until a reload or a restart.
    Level(LevelArgs),
}

/// `flotilla log level`.
#[derive(Clone, Debug, Default, Args)]
pub struct LevelArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Log this: a level, or a filter as info,flotilla::session=debug.
    pub filter: Option<String>,
    /// For how long, such as 10m; then telemetry.level holds again.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration, requires = "filter")]
    pub period: Option<Duration>,
    /// Go back to telemetry.level now.
    #[arg(long, conflicts_with = "filter")]
    pub reset: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb.
///
/// # Errors
/// Why it failed, such as a text that is no filter.
pub(crate) fn run(verb: &LogVerb, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let LogVerb::Level(args) = verb;
    let is_change = args.reset || args.filter.is_some();
    let role = if is_change { Role::Operator } else { Role::Reader };
    let client = Client::new(&args.remote, role)?;
    let answer = if is_change {
        // A part of a second is a second: none would be no time.
        let whole = |period: Duration| period.as_secs() + u64::from(period.subsec_nanos() > 0);
        let seconds = args.period.map(whole);
        client.post("log", &json!({ "level": args.filter, "seconds": seconds }))?
    } else {
        client.get("log", &[])?
    };
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    Ok(talk.text(&text(&read(&client, answer)?))?)
}

fn text(log: &LogLevel) -> String {
    let LogLevel { node, level, configured, seconds_left } = log;
    let until = match seconds_left {
        Some(seconds) => format!(" for {}, then {configured}", period(*seconds)),
        None if level == configured => String::new(),
        None => format!(" until a reload, then {configured}"),
    };
    format!("{}\n", clean(&format!("{node} logs {level}{until}")))
}

//! `flotilla ban ls|add|rm`.

use std::net::IpAddr;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::{Banned, Bans, Lifted};
use super::client::Client;
use super::{ListArgs, RemoteArgs, RemoteError, Talk, read};
use crate::admin::{Role, banned_address};
use crate::cli::figure::period;
use crate::cli::table::{Side, Table, clean};

/// What to do with bans.
#[derive(Clone, Debug, Subcommand)]
pub enum BanVerb {
    /// List the banned addresses.
    Ls(ListArgs),
    /// Ban an address on all nodes.
    Add(AddArgs),
    /// Lift a ban.
    Rm(RmArgs),
}

/// `flotilla ban add`.
#[derive(Clone, Debug, Args)]
pub struct AddArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Which; of IPv6 its /64.
    #[arg(value_parser = address)]
    pub address: IpAddr,
    /// For how long, such as 30m [default: limits.ban_for of the node].
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub period: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `flotilla ban rm`.
#[derive(Clone, Debug, Args)]
pub struct RmArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Which, as given or as listed.
    #[arg(value_parser = address)]
    pub address: IpAddr,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs one of the verbs.
///
/// # Errors
/// Why it failed; lifting a ban that there is not fails too.
pub(crate) fn run(verb: &BanVerb, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    match verb {
        BanVerb::Ls(args) => list(args, talk),
        BanVerb::Add(args) => add(args, talk),
        BanVerb::Rm(args) => remove(args, talk),
    }
}

fn list(args: &ListArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Reader)?;
    let answer = client.get("bans", &[])?;
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    let Bans { bans } = read(&client, answer)?;
    let mut table = Table::new([("ADDRESS", Side::Left), ("LEFT", Side::Left), ("BY", Side::Left)]);
    for ban in bans {
        table.row([ban.address, period(ban.seconds), ban.by]);
    }
    Ok(talk.text(&table.text())?)
}

fn add(args: &AddArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Operator)?;
    // A part of a second is a second: none would be no ban.
    let seconds = args.period.map(|period| period.as_secs() + u64::from(period.subsec_nanos() > 0));
    let answer = client.post("bans", &json!({ "address": args.address, "seconds": seconds }))?;
    if args.json {
        return Ok(talk.json(&answer)?);
    }
    let Banned { banned, seconds } = read(&client, answer)?;
    Ok(talk.text(&format!("{} is banned for {}\n", clean(&banned), period(seconds)))?)
}

fn remove(args: &RmArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Operator)?;
    let address = args.address;
    let answer = client.delete(&format!("bans/{address}"))?;
    if args.json {
        talk.json(&answer)?;
    }
    match read(&client, answer)? {
        Lifted { lifted: false } => Err(RemoteError::Undone(format!("{address} is not banned"))),
        Lifted { lifted: true } if args.json => Ok(()),
        Lifted { lifted: true } => Ok(talk.text(&format!("the ban of {address} is lifted\n"))?),
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    banned_address(text).map_err(|refusal| refusal.to_string())
}

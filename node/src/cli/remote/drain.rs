//! `flotilla drain` and `undrain`.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use clap::Args;
use flotilla_cluster::id::NodeId;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::answer::{Drained, Nodes};
use super::client::Client;
use super::{RemoteArgs, RemoteError, Talk, node, read};
use crate::admin::Role;
use crate::cli::figure::{count, period};
use crate::cli::table::clean;

/// `flotilla drain`.
#[derive(Clone, Debug, Default, Args)]
pub struct DrainArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Which [default: the node that is asked].
    #[arg(value_parser = node)]
    pub node: Option<NodeId>,
    /// How long transfers may take, such as 10m [default: timeouts.drain].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub grace: Option<Duration>,
    /// Show how it goes until the node is empty; Ctrl-C leaves the drain going.
    #[arg(long)]
    pub wait: bool,
    /// Print JSON, with --wait when the node is empty.
    #[arg(long)]
    pub json: bool,
}

/// `flotilla undrain`.
#[derive(Clone, Debug, Default, Args)]
pub struct UndrainArgs {
    /// Who is asked.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Which [default: the node that is asked].
    #[arg(value_parser = node)]
    pub node: Option<NodeId>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Drains a node.
///
/// # Errors
/// Why it is not drained.
pub(crate) fn run(args: &DrainArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Operator)?;
    // Before the drain begins: from there on Ctrl-C is answered.
    let interrupted = if args.wait { Some(interrupts()?) } else { None };
    let grace = args.grace.map(|grace| grace.as_secs());
    let answer = client.post("drain", &json!({ "node": args.node, "grace_seconds": grace }))?;
    match interrupted {
        Some(interrupted) => {
            let mut shown = Shown { json: args.json, last: None };
            let begun = read(&client, answer)?;
            let watch = Watch { step: STEP, patience: PATIENCE, interrupted: &interrupted };
            watch.until_empty(&client, begun, &mut shown, talk)
        }
        None => show(args.json, &client, answer, talk),
    }
}

/// Ends a drain.
///
/// # Errors
/// Why it goes on.
pub(crate) fn undrain(args: &UndrainArgs, talk: &mut Talk<'_>) -> Result<(), RemoteError> {
    let client = Client::new(&args.remote, Role::Operator)?;
    let answer = client.post("undrain", &json!({ "node": args.node }))?;
    show(args.json, &client, answer, talk)
}

fn show(
    json: bool,
    client: &Client,
    answer: Value,
    talk: &mut Talk<'_>,
) -> Result<(), RemoteError> {
    if json {
        return Ok(talk.json(&answer)?);
    }
    Ok(talk.text(&format!("{}\n", line(&read(client, answer)?)))?)
}

/// How a drain is followed.
struct Watch<'a> {
    /// Between two looks.
    step: Duration,
    /// How long the node may be out of sight, or look as if nobody had drained it: its record is
    /// renewed every two seconds, and found to be dead after six.
    patience: Duration,
    interrupted: &'a Receiver<()>,
}

/// What of it was printed.
struct Shown {
    json: bool,
    last: Option<(String, u64, u64)>,
}

impl Watch<'_> {
    fn until_empty(
        &self,
        client: &Client,
        begun: Drained,
        shown: &mut Shown,
        talk: &mut Talk<'_>,
    ) -> Result<(), RemoteError> {
        let id = begun.node.clone();
        let end = begun.seconds_left.map(|left| Instant::now() + Duration::from_secs(left));
        shown.show(&begun, talk)?;
        if begun.phase == "ended" {
            return Ok(shown.end(&begun, "is empty", talk)?);
        }
        let mut drains = false;
        let mut sighted = Instant::now();
        loop {
            match self.interrupted.recv_timeout(self.step) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    let id = clean(&id);
                    return Err(RemoteError::Undone(format!(
                        "interrupted; the drain of {id} goes on, `flotilla undrain {id}` ends it"
                    )));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut now = match look(client, &id) {
                Ok(now) => now,
                Err(_) if sighted.elapsed() < self.patience => continue,
                Err(error) => return Err(error),
            };
            match now.state.as_str() {
                GONE => return Ok(shown.end(&now, "has left the pool", talk)?),
                "dead" => return Ok(shown.end(&now, "has ended", talk)?),
                "draining" => {
                    drains = true;
                    sighted = Instant::now();
                }
                // It has not told the pool yet.
                _ if !drains && sighted.elapsed() < self.patience => continue,
                _ => {
                    let id = clean(&id);
                    return Err(RemoteError::Undone(format!("{id} is not drained any more")));
                }
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            now.seconds_left = left.map(|left| left.as_secs());
            shown.show(&now, talk)?;
            if now.sessions == 0 && now.transfers == 0 {
                return Ok(shown.end(&now, "is empty", talk)?);
            }
        }
    }
}

/// How a node is that drains.
fn look(client: &Client, id: &str) -> Result<Drained, RemoteError> {
    let pool: Nodes = read(client, client.get("nodes", &[])?)?;
    let node = pool.nodes.into_iter().find(|node| node.id == id);
    Ok(Drained {
        node: id.to_owned(),
        state: node.as_ref().map_or_else(|| GONE.to_owned(), |node| node.state.clone()),
        sessions: node.as_ref().map_or(0, |node| node.sessions),
        transfers: node.as_ref().map_or(0, |node| node.transfers),
        ..Drained::default()
    })
}

impl Shown {
    /// Tells people what has changed.
    fn show(&mut self, now: &Drained, talk: &mut Talk<'_>) -> io::Result<()> {
        let state = (now.state.clone(), now.sessions, now.transfers);
        if self.json || self.last.as_ref() == Some(&state) {
            return Ok(());
        }
        self.last = Some(state);
        talk.text(&format!("{}\n", line(now)))
    }

    /// Tells the end.
    fn end(&self, now: &Drained, what: &str, talk: &mut Talk<'_>) -> io::Result<()> {
        if !self.json {
            return talk.text(&format!("{} {what}\n", clean(&now.node)));
        }
        talk.json(&json!({
            "node": now.node,
            "state": now.state,
            "phase": "ended",
            "sessions": now.sessions,
            "transfers": now.transfers,
            "seconds_left": now.seconds_left,
        }))
    }
}

fn line(drained: &Drained) -> String {
    let Drained { node, state, phase, sessions, transfers, seconds_left } = drained;
    let phase = match phase.as_str() {
        "" | "none" => String::new(),
        phase => format!(" ({phase})"),
    };
    let left = match seconds_left {
        Some(seconds) if state == "draining" => format!(", {} left", period(*seconds)),
        _ => String::new(),
    };
    let (sessions, transfers) = (count(*sessions, "session"), count(*transfers, "transfer"));
    clean(&format!("{node} is {state}{phase}: {sessions}, {transfers}{left}"))
}

/// Says when Ctrl-C was typed, which does not end the program from now on.
fn interrupts() -> io::Result<Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let (tell, told) = sync_channel(1);
    std::thread::spawn(move || {
        if runtime.block_on(signals.recv()).is_some() {
            let _ = tell.send(());
        }
    });
    Ok(told)
}

/// The state of a node that the pool does not list.
const GONE: &str = "gone";
/// Nodes tell the pool of themselves every two seconds.
const STEP: Duration = Duration::from_secs(1);
/// As long as the pool takes to miss a node, and again as long.
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;

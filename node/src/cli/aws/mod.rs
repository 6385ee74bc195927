//! `flotilla aws plan` and `flotilla aws apply`: one file for each subject, which says what it would change and
//! changes it.
//!
//! | file | subject |
//! | --- | --- |
//! | `groups` | security groups |
//! | `balancers` | load balancers |
//! | `listeners` | what a balancer must listen on |
//! | `names` | records and health checks in Route 53 |
//! | `look` | all of it, for the doctor |

mod balancers;
mod groups;
pub(crate) mod listeners;
mod look;
mod names;

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use flotilla_cluster::aws::Step;
use flotilla_cluster::aws::session::SdkConfig;
use serde_json::json;

use super::print;
use super::remote::answer::{Node, Nodes};
use super::remote::{RemoteArgs, answer_of};
use super::table::{clean, json as as_json};
use crate::cloud::Settled;
use crate::cloud::session::session;
use crate::config::Config;
use crate::error::ServeError;

pub(super) use look::look;

/// `flotilla aws`.
#[derive(Debug, Subcommand)]
pub enum AwsVerb {
    /// Print what would be changed.
    Plan(PlanArgs),
    /// Change it, once.
    Apply(ApplyArgs),
    /// Print the listeners that a balancer in front of the pool needs; asks nobody.
    Listeners(listeners::ListenersArgs),
}

/// `flotilla aws plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Whose configuration, and the node that tells of the others.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// How it is printed.
    #[command(flatten)]
    pub form: Form,
}

/// How changes are printed, if not for people.
#[derive(Clone, Copy, Debug, Args)]
pub struct Form {
    /// Print the calls of the AWS CLI that do the same.
    #[arg(long, conflicts_with_all = ["json", "terraform"])]
    pub commands: bool,
    /// Print resources of Terraform for what is added.
    #[arg(long, conflicts_with = "json")]
    pub terraform: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `flotilla aws apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Whose configuration, and the node that tells of the others.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Only ask AWS whether each change would be permitted.
    #[arg(long)]
    pub dry_run: bool,
    /// Also change load balancers, though `aws.balancer_changes` is off.
    #[arg(long)]
    pub balancers: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs it, on a runtime of its own.
///
/// # Errors
/// What could not be read or changed.
pub fn run(verb: &AwsVerb) -> Result<(), ServeError> {
    let runtime = runtime()?;
    match verb {
        AwsVerb::Plan(args) => runtime.block_on(show(args)),
        AwsVerb::Apply(args) => runtime.block_on(apply(args)),
        AwsVerb::Listeners(args) => runtime.block_on(listeners::run(args)),
    }
}

/// What is known before a subject is looked at.
pub(super) struct Site {
    config: Config,
    settled: Settled,
    session: SdkConfig,
    /// The nodes of the pool, as a running one tells of them.
    nodes: Vec<Node>,
    /// Why there are none, if that is so.
    note: Option<String>,
    /// Without credentials, what there is is taken to be nothing.
    guesses: bool,
}

/// What a subject would change.
#[derive(Default)]
struct Section {
    steps: Vec<Step>,
    /// A sentence each.
    notes: Vec<String>,
}

/// What became of a change.
struct Outcome {
    step: Step,
    word: &'static str,
    /// Why it failed; empty: it did not.
    reason: String,
}

fn runtime() -> Result<tokio::runtime::Runtime, ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| ServeError::Runtime(error.to_string()))
}

async fn show(args: &PlanArgs) -> Result<(), ServeError> {
    let site = Site { guesses: true, ..Site::open(&args.remote).await? };
    let (_, plan) = groups::look(&site).await?;
    let Section { mut steps, mut notes } = groups::section(&plan);
    match names::look(&site).await {
        Ok(names) => {
            let section = names.map(|names| names.section()).unwrap_or_default();
            steps.extend(section.steps);
            notes.extend(section.notes);
        }
        Err(reason) => notes.push(reason),
    }
    let balancers = balancers::look(&site, false).await;
    let section = balancers.section();
    steps.extend(section.steps);
    notes.extend(section.notes);
    notes.extend(site.note);
    let text = match args.form {
        Form { json: true, .. } => {
            as_json(&json!({ "changes": steps, "notes": notes, "balancers": balancers.json() }))
        }
        Form { commands: true, .. } => steps.iter().map(|step| command(&step.command)).collect(),
        Form { terraform: true, .. } => {
            steps.iter().filter_map(|step| step.terraform.clone()).map(|text| text + "\n").collect()
        }
        _ => diff(&steps, &notes) + &balancers.text(),
    };
    print(&text)
}

async fn apply(args: &ApplyArgs) -> Result<(), ServeError> {
    let site = Site::open(&args.remote).await?;
    let (groups, plan) = groups::look(&site).await?;
    let mut notes = plan.notes.clone();
    let mut outcomes = groups::apply(&groups, plan, args.dry_run).await;
    let mut unread = None;
    match names::look(&site).await {
        Ok(Some(names)) => {
            let (made, told) = names.apply(args.dry_run).await;
            outcomes.extend(made);
            notes.extend(told);
        }
        Ok(None) => {}
        Err(reason) => unread = Some(reason),
    }
    notes.extend(unread.clone());
    let balancers = balancers::look(&site, args.balancers).await;
    notes.extend(balancers.section().notes);
    outcomes.extend(balancers.apply(args.dry_run).await);
    notes.extend(site.note);
    let text = match args.json {
        true => {
            let of = |of: &Outcome| json!({ "change": of.step, "outcome": of.word, "reason": of.reason });
            as_json(
                &json!({ "changes": outcomes.iter().map(of).collect::<Vec<_>>(), "notes": notes }),
            )
        }
        false => outcomes
            .iter()
            .map(|Outcome { step, word, reason }| {
                let line = format!("{} {}: {word} {reason}", step.sign.mark(), step.what);
                format!("{}\n", clean(line.trim_end()))
            })
            .collect(),
    };
    print(&text)?;
    match outcomes.iter().filter(|of| !of.reason.is_empty()).count() {
        0 => unread.map_or(Ok(()), |reason| Err(ServeError::Runtime(reason))),
        failures => Err(ServeError::Runtime(format!("{failures} changes failed"))),
    }
}

impl Site {
    /// Who this machine is, and which others there are.
    pub(super) async fn open(args: &RemoteArgs) -> Result<Self, ServeError> {
        let (mut config, _) = args.config.load()?;
        config.aws.enabled = true;
        let settled = Settled::find(&config).await?;
        settled.apply(&mut config);
        let session = session(&config.aws, &settled.identity, settled.instance.as_ref()).await;
        let session = session.map_err(ServeError::Runtime)?;
        let (nodes, note) = nodes(args);
        Ok(Self { config, settled, session, nodes, note, guesses: false })
    }
}

/// The nodes as a running one tells of them, or why nobody does.
fn nodes(args: &RemoteArgs) -> (Vec<Node>, Option<String>) {
    match answer_of(args, "nodes") {
        Ok(Nodes { nodes, .. }) => (nodes, None),
        Err(error) => (Vec::new(), Some(format!("the other nodes are not known: {error}"))),
    }
}

/// What is said where a plan is made without credentials.
fn guessed(what: &str) -> String {
    format!(
        "there are no credentials, so {what} are planned as if there were none: use the commands or the Terraform \
         with what you have in mind"
    )
}

fn diff(steps: &[Step], notes: &[String]) -> String {
    let mut text = String::new();
    for step in steps {
        let _ = writeln!(text, "{} {}", step.sign.mark(), clean(&step.what));
        let _ = writeln!(text, "    {}", clean(&step.why));
    }
    if steps.is_empty() {
        text.push_str("nothing to change\n");
    }
    for note in notes {
        let _ = writeln!(text, "note: {}", clean(note));
    }
    text
}

/// As a line for a shell.
fn command(words: &[String]) -> String {
    let plain = |word: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@".contains(c);
        !word.is_empty() && word.chars().all(fits)
    };
    let quoted = |word: &String| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    format!("{}\n", words.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

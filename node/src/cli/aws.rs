//! `flotilla aws plan` and `flotilla aws apply`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use flotilla_cluster::aws::groups::Groups;
use flotilla_cluster::aws::instance::Instance;
use flotilla_cluster::aws::{Step, Trouble};
use flotilla_cluster::group::Plan;
use serde_json::{Value, json};

use super::print;
use super::remote::{RemoteArgs, answer_of};
use super::table::{clean, json as as_json};
use crate::cloud::Settled;
use crate::cloud::groups::{self, Done, Fleet};
use crate::cloud::session::session;
use crate::config::Config;
use crate::error::ServeError;

/// `flotilla aws`.
#[derive(Debug, Subcommand)]
pub enum AwsVerb {
    /// Print what would be changed.
    Plan(PlanArgs),
    /// Change it, once.
    Apply(ApplyArgs),
}

/// `flotilla aws plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Whose configuration, and the node that tells of the others.
    #[command(flatten)]
    pub remote: RemoteArgs,
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
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs it, on a runtime of its own.
///
/// # Errors
/// What could not be read or changed.
pub fn run(verb: &AwsVerb) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ServeError::Runtime(error.to_string()))?;
    match verb {
        AwsVerb::Plan(args) => runtime.block_on(show(args)),
        AwsVerb::Apply(args) => runtime.block_on(apply(args)),
    }
}

async fn show(args: &PlanArgs) -> Result<(), ServeError> {
    let (config, settled) = configured(&args.remote).await?;
    let (fleet, note) = fleet(&args.remote, &settled);
    let groups = client(&config, &settled).await?;
    let mut plan = groups::look(&groups, &config, &fleet).await.map_err(failed)?;
    plan.notes.extend(note);
    let steps = steps(&plan);
    let text = match args {
        PlanArgs { json: true, .. } => as_json(&json!({ "changes": steps, "notes": plan.notes })),
        PlanArgs { commands: true, .. } => steps.iter().map(command).collect(),
        PlanArgs { terraform: true, .. } => {
            steps.iter().filter_map(|step| step.terraform.clone()).map(|text| text + "\n").collect()
        }
        _ => diff(&steps, &plan.notes),
    };
    print(&text)
}

async fn apply(args: &ApplyArgs) -> Result<(), ServeError> {
    let (config, settled) = configured(&args.remote).await?;
    let (fleet, note) = fleet(&args.remote, &settled);
    let groups = client(&config, &settled).await?;
    let mut plan = groups::look(&groups, &config, &fleet).await.map_err(failed)?;
    plan.notes.extend(note);
    let mut told = Vec::new();
    let mut failures = 0;
    groups::carry_out(
        &groups,
        plan.changes,
        args.dry_run,
        async || true,
        |change, done| {
            let (outcome, reason) = match done {
                Done::Made if args.dry_run => ("permitted", String::new()),
                Done::Made => ("made", String::new()),
                Done::Skipped => ("left out", String::new()),
                Done::Failed(trouble) => {
                    failures += 1;
                    ("failed", trouble.to_string())
                }
            };
            told.push((change.step(), outcome, reason));
        },
    )
    .await;
    let text = match args.json {
        true => {
            let of = |(step, outcome, reason): &(Step, &str, String)| json!({ "change": step, "outcome": outcome, "reason": reason });
            as_json(
                &json!({ "changes": told.iter().map(of).collect::<Vec<_>>(), "notes": plan.notes }),
            )
        }
        false => told
            .iter()
            .map(|(step, outcome, reason)| {
                let line = format!("{} {}: {outcome} {reason}", step.sign.mark(), step.what);
                format!("{}\n", clean(line.trim_end()))
            })
            .collect(),
    };
    print(&text)?;
    match failures {
        0 => Ok(()),
        failures => Err(ServeError::Runtime(format!("{failures} changes failed"))),
    }
}

async fn configured(args: &RemoteArgs) -> Result<(Config, Settled), ServeError> {
    let (mut config, _) = args.config.load()?;
    config.aws.enabled = true;
    let settled = Settled::find(&config).await?;
    settled.apply(&mut config);
    Ok((config, settled))
}

/// The nodes as a running one tells of them, and this machine.
fn fleet(args: &RemoteArgs, settled: &Settled) -> (Fleet, Option<String>) {
    let (answer, note) = match answer_of(args, "nodes") {
        Ok(answer) => (answer, None),
        Err(error) => (Value::Null, Some(format!("the other nodes are not known: {error}"))),
    };
    let nodes = answer.get("nodes").and_then(Value::as_array).cloned().unwrap_or_default();
    let told = nodes.iter().filter_map(|node| node.get("instance")?.as_str()).map(str::to_owned);
    let own = settled.instance.as_ref().map(|instance: &Instance| instance.id.clone());
    let instances = told.chain(own).filter(|instance| !instance.is_empty()).collect();
    let busy =
        nodes.iter().filter_map(|node| node.get("transfers")?.as_u64()).any(|count| count > 0);
    (Fleet { instances, busy }, note)
}

async fn client(config: &Config, settled: &Settled) -> Result<Groups, ServeError> {
    let session = session(&config.aws, &settled.identity, settled.instance.as_ref()).await;
    session.map(|session| Groups::new(&session)).map_err(ServeError::Runtime)
}

fn failed(trouble: Trouble) -> ServeError {
    ServeError::Runtime(trouble.to_string())
}

fn steps(plan: &Plan) -> Vec<Step> {
    plan.changes.iter().map(|change| change.step()).collect()
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
fn command(step: &Step) -> String {
    let plain = |word: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@".contains(c);
        !word.is_empty() && word.chars().all(fits)
    };
    let quoted = |word: &String| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    format!("{}\n", step.command.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

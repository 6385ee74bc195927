//! `flotilla doctor`.

use std::path::PathBuf;

use clap::Args;

use super::print;
use super::remote::{RemoteArgs, answer_of};
use super::table::{clean, json};
use crate::config::Config;
use crate::doctor::{Finding, Patient, State, Surroundings, Visitor, examine};
use crate::error::ServeError;
use crate::secret;

/// `flotilla doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The node.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Log in as this user, and list its folder over PASV and EPSV; under TLS, unless the node has none.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// File with the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// Log in here, with ftps:// in front for implicit TLS [default: aws.dns_name, or the node itself].
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Looks at everything, prints what was seen, and fails if something is bad.
///
/// # Errors
/// A configuration or password that can not be read; something that is bad.
pub fn run(args: &DoctorArgs) -> Result<(), ServeError> {
    let (config, _) = args.remote.config.load()?;
    let patient = Patient {
        config: &config,
        nodes: answer_of(&args.remote, "nodes").map_err(|error| error.to_string()),
        policy: answer_of(&args.remote, "policy").map_err(|error| error.to_string()),
        aws: aws(args, &config),
        visitor: visitor(args)?,
    };
    let findings = examine(&patient);
    match args.json {
        true => print(&json(&serde_json::json!(findings)))?,
        false => print(&findings.iter().map(line).collect::<String>())?,
    }
    match findings.iter().filter(|finding| finding.state == State::Bad).count() {
        0 => Ok(()),
        bad => Err(ServeError::Runtime(format!("{bad} of {} checks are bad", findings.len()))),
    }
}

/// What AWS says, where it is looked after.
#[cfg(feature = "aws")]
fn aws(args: &DoctorArgs, config: &Config) -> Option<Result<Surroundings, String>> {
    config.aws.enabled.then(|| super::aws::look(&args.remote))
}

#[cfg(not(feature = "aws"))]
fn aws(_: &DoctorArgs, _: &Config) -> Option<Result<Surroundings, String>> {
    None
}

fn visitor(args: &DoctorArgs) -> Result<Option<Visitor>, ServeError> {
    let Some((user, file)) = args.user.as_ref().zip(args.password_file.as_ref()) else {
        return Ok(None);
    };
    let password = secret::read(file, &secret::STORE_PASSWORD)
        .map_err(|error| ServeError::Runtime(format!("{}: {error}", file.display())))?;
    Ok(Some(Visitor { user: user.clone(), password, address: args.address.clone() }))
}

fn line(finding: &Finding) -> String {
    let mark = match finding.state {
        State::Fine => "ok  ",
        State::Skipped => "-   ",
        State::Warning => "warn",
        State::Bad => "BAD ",
    };
    let seen = format!("{mark} {}: {}", finding.check, finding.saw);
    match finding.fix.as_str() {
        "" => format!("{}\n", clean(&seen)),
        fix => format!("{}\n     fix: {}\n", clean(&seen), clean(fix)),
    }
}

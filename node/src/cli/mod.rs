//! The command line: what was typed becomes a configuration and one call.
//!
//! Exit codes: 0 fine, 1 it failed while it ran, 2 usage or configuration, 3 an address can not be
//! listened on, 4 the pool or its store refuses the node.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, ConfigError, LoadOptions, Origins};
use crate::error::ServeError;

#[cfg(feature = "aws")]
pub mod aws;
pub mod doctor;
mod figure;
pub mod generate;
mod iam;
#[cfg(feature = "aws")]
mod listing;
mod nftables;
pub mod ping;
pub mod remote;
mod table;
#[cfg(feature = "aws")]
mod template;
#[cfg(test)]
mod tests;
mod unit;
pub mod user;
mod watch;

/// A file-transfer server for fleets.
#[derive(Debug, Parser)]
#[command(name = "flotilla", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a node.
    Serve(ConfigArgs),
    /// Say everything that is wrong with the configuration.
    Check(ConfigArgs),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Look after the users file.
    User(UserArgs),
    /// Ask a running node how it is.
    Ping(ping::PingArgs),
    /// List the nodes of the pool.
    Nodes(remote::ListArgs),
    /// List the sessions of the pool.
    Who(remote::who::WhoArgs),
    /// End sessions.
    Kick(remote::kick::KickArgs),
    /// Look after the banned addresses.
    #[command(subcommand)]
    Ban(remote::ban::BanVerb),
    /// Send a node's clients away, transfers last.
    Drain(remote::drain::DrainArgs),
    /// Let a node take clients again.
    Undrain(remote::drain::UndrainArgs),
    /// List the passive ports of the nodes.
    Ports(remote::ListArgs),
    /// Print what the leader decided for all nodes.
    Policy(remote::ListArgs),
    /// Look after the log of the running node.
    #[command(subcommand)]
    Log(remote::log::LogVerb),
    /// Look at everything that can keep clients out, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// Look after security groups in AWS by hand.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Aws(aws::AwsVerb),
    /// Write files for other programs to standard output.
    #[command(subcommand, name = "gen")]
    Generate(generate::GenerateVerb),
}

/// `flotilla config`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the values in force.
    Show {
        /// Where they come from.
        #[command(flatten)]
        config: ConfigArgs,
        /// Say of each value where it comes from.
        #[arg(long)]
        origin: bool,
        /// Print JSON, with origins.
        #[arg(long)]
        json: bool,
    },
}

/// `flotilla user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// Where the users file is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do with it.
    #[command(subcommand)]
    pub verb: user::UserVerb,
}

/// What every verb takes that needs the configuration.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// Main configuration file [default: /etc/flotilla/flotilla.toml if it exists].
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one key, as ftp.tls=required or ftp.listen='["127.0.0.1:2121"]'.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Override node.data_dir.
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// Override ftp.listen; may be given many times.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Override telemetry.log, as text or json.
    #[arg(long, value_name = "FORM")]
    pub log: Option<String>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone.
            let _ = writeln!(io::stderr(), "{}", complaint(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs one verb.
///
/// # Errors
/// Why it failed, with its exit code.
pub fn run(verb: Verb) -> Result<(), ServeError> {
    match verb {
        Verb::Serve(args) => {
            let (config, _) = args.load_checked()?;
            crate::serve(config, move || Ok(args.load_checked()?.0))
        }
        Verb::Check(args) => {
            let (config, _) = args.load_checked()?;
            crate::system::check(&config)?;
            for note in crate::system::notes(&config) {
                let _ = writeln!(io::stderr(), "flotilla: note: {note}");
            }
            print("the configuration is fine\n")
        }
        Verb::Config(ConfigVerb::Show { config, origin, json }) => {
            let (_, origins) = config.load()?;
            if json {
                print(&format!("{:#}\n", config::show::json(&origins)))
            } else {
                print(&config::show::toml(&origins, origin))
            }
        }
        Verb::User(args) => {
            let (config, _) = args.config.load()?;
            let mut told = Vec::new();
            user::run(&args.verb, &config.users.file, &mut told)?;
            print(&String::from_utf8_lossy(&told))
        }
        Verb::Ping(args) => ping::run(&args),
        Verb::Nodes(args) => remote::run(|talk| remote::nodes::run(&args, talk)),
        Verb::Who(args) => remote::run(|talk| remote::who::run(&args, talk)),
        Verb::Kick(args) => remote::run(|talk| remote::kick::run(&args, talk)),
        Verb::Ban(verb) => remote::run(|talk| remote::ban::run(&verb, talk)),
        Verb::Drain(args) => remote::run(|talk| remote::drain::run(&args, talk)),
        Verb::Undrain(args) => remote::run(|talk| remote::drain::undrain(&args, talk)),
        Verb::Ports(args) => remote::run(|talk| remote::ports::run(&args, talk)),
        Verb::Policy(args) => remote::run(|talk| remote::policy::run(&args, talk)),
        Verb::Log(verb) => remote::run(|talk| remote::log::run(&verb, talk)),
        Verb::Doctor(args) => doctor::run(&args),
        #[cfg(feature = "aws")]
        Verb::Aws(verb) => aws::run(&verb),
        Verb::Generate(verb) => generate::run(verb),
    }
}

impl ConfigArgs {
    /// Loads what these arguments say.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn load(&self) -> Result<(Config, Origins), ConfigError> {
        config::load(LoadOptions { file: self.config.clone(), flags: self.flags() })
    }

    /// As [`load`](Self::load), and looks whether the files that are named can be read.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn load_checked(&self) -> Result<(Config, Origins), ConfigError> {
        let (config, origins) = self.load()?;
        config::check_files(&config, &origins)?;
        Ok((config, origins))
    }

    /// The keys that flags set; the flags with a name of their own come last and win.
    fn flags(&self) -> Vec<(String, String)> {
        let mut flags = self.set.clone();
        let mut flag = |key: &str, value: String| flags.push((key.to_owned(), value));
        if let Some(folder) = &self.data_dir {
            flag("node.data_dir", folder.clone());
        }
        if !self.listen.is_empty() {
            flag("ftp.listen", self.listen.join(","));
        }
        if let Some(form) = &self.log {
            flag("telemetry.log", form.clone());
        }
        flags
    }
}

/// `key=value`.
fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// What is said of an error: each line begins with the program's name, as other programs have it.
fn complaint(error: &ServeError) -> String {
    let text = error.to_string();
    text.lines().map(|line| format!("flotilla: {line}")).collect::<Vec<_>>().join("\n")
}

/// Prints a result. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), ServeError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ServeError::Runtime(format!("can not write the result: {error}")))
        }
        _ => Ok(()),
    }
}

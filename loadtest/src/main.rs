//! Loads an FTP, FTPS or SFTP server and says what each unit of work costs it. Shares no code with the
//! server, so that a shared mistake cannot hide.

mod bench;
mod chance;
mod client;
mod compare;
mod cpu;
mod figures;
mod ground;
mod idle;
mod limits;
mod load;
mod node;
mod output;
mod peer;
mod pool;
mod redis;
mod relay;
mod report;
mod results;
mod row;
mod run;
mod scenario;
mod telemetry;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Loads FTP, FTPS and SFTP servers and measures what the work costs them.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Loads a server that runs already.
    Run(Box<run::Arguments>),
    /// Starts Flotilla and its peers on loopback, one after the other, and compares them.
    Compare(compare::Arguments),
    /// Starts nodes of one pool and measures what it costs when data connections reach the wrong one.
    Relay(relay::Arguments),
    /// Starts nodes of one pool under a name, lets clients follow it, and kills, drains and scales nodes.
    Pool(pool::Arguments),
    /// Measures what a small file costs more where traces and metrics are sent to a collector.
    Telemetry(telemetry::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Relay(arguments) => relay::run(&arguments),
        Command::Pool(arguments) => pool::run(&arguments),
        Command::Telemetry(arguments) => telemetry::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("flotilla-loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

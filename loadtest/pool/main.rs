//! What the pool costs: simulated nodes with the agent and the store that nodes have, in one process,
//! against a Redis of their own.
//!
//! ```sh
//! cargo bench -p flotilla-cluster --bench pool -- --rounds 5
//! ```
//!
//! It is built with the cluster crate, which it measures; the load client beside it shares nothing with
//! the server. All nodes live in one thread, each with a connection of its own, so the processor time of
//! a node is that of the thread, divided. What the program itself spends on inventing sessions is in it.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that measures: it starts a server and reads clocks"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts become figures"
)]

mod fleet;
mod life;
mod login;
mod news;
mod node;
mod people;
mod phase;
mod progress;
mod report;
mod server;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitCode;
use std::task::Poll;

use anyhow::{Result, bail};
use clap::Parser;

use report::Report;

/// Measures what a pool costs Redis and its nodes.
#[derive(Clone, Debug, Parser)]
#[command(name = "pool")]
pub(crate) struct Arguments {
    /// Simulated nodes
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=250))]
    nodes: u32,
    /// Sessions of each
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=50_000))]
    sessions: u32,
    /// How often each figure is measured
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Prints JSON with the figures of all rounds
    #[arg(long)]
    json: bool,
    /// What cargo bench says
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pool: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; whether nothing failed meanwhile.
fn run(arguments: &Arguments) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let report = local.block_on(&runtime, interruptible(phase::measure(arguments)))?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.table());
    }
    Ok(report.is_clean())
}

/// Ends with an error when the user wants it: the server is ended with what is dropped.
async fn interruptible(work: impl Future<Output = Result<Report>>) -> Result<Report> {
    let (mut work, mut interrupt) = (pin!(work), pin!(tokio::signal::ctrl_c()));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(report) => Poll::Ready(Some(report)),
        Poll::Pending => interrupt.as_mut().poll(context).map(|_| None),
    })
    .await
    .unwrap_or_else(|| bail!("interrupted"))
}

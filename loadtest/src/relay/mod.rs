//! `flotilla-loadtest relay`: what it costs that all nodes of a pool are reached by one address.
//!
//! | file | what |
//! | --- | --- |
//! | `pool` | the nodes that are measured, and their Redis |
//! | `work` | transfers and commands, directly and through another node |
//! | `login` | logins that the pool admits |
//! | `memory` | a node that listens on the whole passive range |

mod login;
mod memory;
mod pool;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::bench;
use crate::figures::Figures;
use crate::ground::Ground;
use crate::output::Output;
use crate::worker::Gate;
use login::Admission;
use pool::Pool;
use work::Work;

/// What the command line says.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The program, built with --release
    #[arg(long)]
    flotilla: PathBuf,
    /// What is measured
    #[arg(long, value_enum, value_delimiter = ',',
          default_values = ["memory", "login", "passive", "setup", "bulk"])]
    parts: Vec<Part>,
    /// How often each figure is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds per measurement
    #[arg(long, default_value_t = 2.0)]
    duration: f64,
    #[command(flatten)]
    output: Output,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Memory and start of a node that listens on the whole passive range.
    Memory,
    /// Logins that Redis counts, that the node counts, and that nobody counts.
    Login,
    /// PASV, EPSV and small transfers of nodes that share the range, and of one that does not.
    Passive,
    /// The first byte and the cost of small transfers, direct and relayed.
    Setup,
    /// Large transfers, direct and relayed.
    Bulk,
}

/// Measures in alternating rounds; fails when an operation failed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !rustix::process::geteuid().is_root() {
        bail!("control groups of the nodes are made: run this as root");
    }
    bench::run(&arguments.flotilla, &arguments.output, arguments.rounds, |ground, gate, figures| {
        measure(arguments, ground, gate, figures)
    })
}

fn measure(
    arguments: &Arguments,
    ground: &Ground,
    gate: &Arc<Gate>,
    figures: &mut Figures,
) -> Result<()> {
    let wanted = |part| arguments.parts.contains(&part);
    if wanted(Part::Memory) {
        // Before other nodes have a part in the pages of the program.
        for round in 0..arguments.rounds {
            if !gate.stopped() {
                eprintln!("memory, round {}", round + 1);
                memory::measure(ground, figures)?;
            }
        }
    }
    let duration = Duration::try_from_secs_f64(arguments.duration).context("--duration")?;
    if wanted(Part::Login) && !gate.stopped() {
        let admission = Admission::start(ground)?;
        for round in 0..arguments.rounds {
            eprintln!("login, round {}", round + 1);
            admission.measure(duration, gate, figures)?;
        }
    }
    let relays = [Part::Passive, Part::Setup, Part::Bulk];
    if !relays.into_iter().any(wanted) || gate.stopped() {
        return Ok(());
    }
    let pool = Pool::start(ground)?;
    let mut work = Work { pool: &pool, ground, duration, gate, figures };
    for round in 0..arguments.rounds {
        for part in relays {
            if wanted(part) && !gate.stopped() {
                eprintln!("{part:?}, round {}", round + 1);
                match part {
                    Part::Memory | Part::Login => {}
                    Part::Passive => work.passive()?,
                    Part::Setup => work.setup()?,
                    Part::Bulk => work.bulk()?,
                }
            }
        }
    }
    Ok(())
}

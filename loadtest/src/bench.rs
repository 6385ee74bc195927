//! A measurement of Flotilla alone, from the command line to the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;

use crate::figures::Figures;
use crate::ground::Ground;
use crate::output::Output;
use crate::run::{Second, raise_descriptors, watch_signals};
use crate::worker::Gate;

/// Measures in so many alternating rounds, and reports what came out, also where that failed or was interrupted. The exit
/// code is that of a failure if an operation failed.
pub(crate) fn run(
    flotilla: &Path,
    output: &Output,
    rounds: usize,
    measure: impl FnOnce(&Ground, &Arc<Gate>, &mut Figures) -> Result<()>,
) -> Result<ExitCode> {
    raise_descriptors();
    let gate = Arc::new(Gate::default());
    watch_signals(&gate, Second::Waits)?;
    let ground = Ground::prepare(&output.folder, Some(flotilla), None, &PathBuf::new())?;
    let mut figures = Figures::new(rounds);
    let result = measure(&ground, &gate, &mut figures);
    let written = output.write(&figures.table(), &figures);
    result.and(written)?;
    Ok(figures.exit_code())
}

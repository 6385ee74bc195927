//! Where files lie while something is measured, and where the report goes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

/// What the command line says of it.
#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Where files lie meanwhile; a tmpfs, or a disk is measured with them
    #[arg(long, default_value = "/dev/shm")]
    pub(crate) folder: PathBuf,
    /// Writes everything that was measured into this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the table into this file as well
    #[arg(long)]
    markdown: Option<PathBuf>,
}

impl Output {
    /// Prints the table, and writes it and what it was made of.
    pub(crate) fn write(&self, table: &str, measured: &impl Serialize) -> Result<()> {
        print!("{table}");
        self.keep(table, measured)
    }

    /// Writes both, so that what was measured so far is not lost.
    pub(crate) fn keep(&self, table: &str, measured: &impl Serialize) -> Result<()> {
        if let Some(path) = &self.markdown {
            fs::write(path, table).with_context(|| path.display().to_string())?;
        }
        if let Some(path) = &self.json {
            let file = fs::File::create(path).with_context(|| path.display().to_string())?;
            serde_json::to_writer_pretty(file, measured)?;
        }
        Ok(())
    }
}

//! How far it is.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal, elsewhere a line for each phase.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Of a phase of this name.
    pub(crate) fn start(phase: &str) -> Self {
        // Draws on standard error, and only if that is a terminal.
        if !std::io::stderr().is_terminal() {
            eprintln!("{phase}");
        }
        let bar = ProgressBar::new(1);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {elapsed} {wide_bar} {percent} %")
        {
            bar.set_style(style);
        }
        bar.set_prefix(phase.to_owned());
        bar.tick();
        Self(bar)
    }

    /// So much of all is done.
    pub(crate) fn show(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

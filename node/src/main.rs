//! The `flotilla` program: see `flotilla help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    flotilla::cli::main()
}

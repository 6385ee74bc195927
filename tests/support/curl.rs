//! curl as a user has it who moves one file.

use std::net::SocketAddr;
use std::path::Path;

use crate::program::Said;
use crate::{PASSWORD, Program};

/// One run of curl.
#[derive(Debug)]
pub struct Curl {
    program: Program,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code and output.
    pub said: Said,
    /// Bytes of the file that went either way.
    pub moved: u64,
}

impl Curl {
    /// A run as `alice`.
    pub fn new(server: SocketAddr, path: &str) -> Self {
        let program = Program::new("curl")
            .args(["--disable", "--silent", "--show-error", "--max-time", "60"])
            .args(["--user", &format!("alice:{PASSWORD}")])
            .args(["--write-out", "%{stderr}moved %{size_upload} %{size_download}"])
            .arg(format!("ftp://{server}/{path}"));
        Self { program }
    }

    /// Puts a file there.
    pub fn upload(self, file: &Path) -> Outcome {
        Self::run(self.program.arg("--upload-file").arg(file))
    }

    /// Fetches it to a file here.
    pub fn download(self, file: &Path) -> Outcome {
        Self::run(self.program.arg("--output").arg(file))
    }

    fn run(program: Program) -> Outcome {
        let said = program.run();
        let counts = said.stderr.rsplit_once("moved ").map(|(_, counts)| counts);
        let words = counts.into_iter().flat_map(str::split_whitespace);
        let moved = words.filter_map(|word| word.parse::<u64>().ok()).sum();
        Outcome { said, moved }
    }
}

impl Outcome {
    /// It ended well.
    pub fn is_fine(&self) -> bool {
        self.said.code == Some(0)
    }
}

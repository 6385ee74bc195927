//! Programs run under a deadline: the server's own verbs, and other people's clients.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::network::{Host, Inside};
use crate::wait;

/// A program about to be run.
#[derive(Debug)]
pub struct Program {
    name: OsString,
    command: Command,
    stdin: Vec<u8>,
    deadline: Duration,
    place: Option<Host>,
}

/// What a program that ended has said.
#[derive(Clone, Debug)]
pub struct Said {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    shown: String,
}

impl Program {
    /// A program on the search path.
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(name.as_ref());
        command.env("LC_ALL", "C.UTF-8").env("LANG", "C.UTF-8").env_remove("FTP_PROXY");
        command.env_remove("ftp_proxy").env_remove("all_proxy").env_remove("ALL_PROXY");
        Self {
            name: name.as_ref().to_owned(),
            command,
            stdin: Vec::new(),
            deadline: RUN,
            place: None,
        }
    }

    /// The server's binary, with no `FLOTILLA_*` of the outside in its environment.
    pub fn flotilla() -> Self {
        let mut program = Self::new(flotilla());
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"FLOTILLA_") {
                program.command.env_remove(name);
            }
        }
        program
    }

    /// The Python that has what the tests need: `FLOTILLA_PYTHON`, or where `tests/run` puts it.
    ///
    /// # Panics
    /// If there is no home folder.
    pub fn python() -> Self {
        let known = std::env::var_os("FLOTILLA_PYTHON").map(PathBuf::from);
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
        let usual = || Some(cache.or_else(home)?.join("flotilla/python/bin/python3"));
        let python = known.or_else(usual).expect("a home folder");
        Self::new(python).env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Where it runs.
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What it reads.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// It runs on this computer of a network.
    pub fn on(mut self, host: &Host) -> Self {
        self.place = Some(host.clone());
        self
    }

    /// How long it may run, in place of [`RUN`].
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it is not installed or still runs after the deadline.
    #[track_caller]
    pub fn run(mut self) -> Said {
        let shown = format!("{:?}", self.command);
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => panic!(
                "can not run {}: {error} (tests/run installs what the tests need)",
                Path::new(&self.name).display()
            ),
        };
        let stdout = gather(child.stdout.take());
        let stderr = gather(child.stderr.take());
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(&self.stdin);
        }
        let code = exit_code(&mut child, self.deadline);
        let said = Said {
            code: code.flatten(),
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
            shown,
        };
        assert!(code.is_some(), "still running after {:?}: {said}", self.deadline);
        said
    }

    /// Runs it; it must end with 0.
    #[track_caller]
    pub fn succeed(self) -> Said {
        self.exit(0)
    }

    /// Runs it; it must end with this code.
    #[track_caller]
    pub fn exit(self, code: i32) -> Said {
        let said = self.run();
        assert!(said.code == Some(code), "expected exit code {code}: {said}");
        said
    }

    /// Starts it with one end of a pair of sockets for its input and output, and its errors in a
    /// file, and gives the child and the other end away.
    ///
    /// # Errors
    /// As for any program.
    pub fn converse(mut self, errors: &Path) -> std::io::Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let errors = std::fs::File::options().create(true).append(true).open(errors)?;
        self.command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
        self.command.stderr(errors);
        Ok((self.spawn()?, ours))
    }

    /// Starts it with both outputs in a file, and gives the child away.
    ///
    /// # Errors
    /// As for any program.
    pub fn start(mut self, log: &Path) -> std::io::Result<Child> {
        let output = std::fs::File::options().create(true).append(true).open(log)?;
        self.command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        self.spawn()
    }

    fn spawn(&mut self) -> std::io::Result<Child> {
        let _inside: Option<Inside> = self.place.as_ref().map(Host::enter);
        self.command.spawn()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr, shown } = self;
        write!(f, "{shown}\nexit code {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}

/// Waits for the end of a child and returns its exit code; `None`: it had to be killed.
pub fn exit_code(child: &mut Child, deadline: Duration) -> Option<Option<i32>> {
    let ended = wait::within(deadline, || child.try_wait().ok().flatten());
    if ended.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    ended.map(|status| status.code())
}

/// Where the server's binary is: `FLOTILLA_BIN`, or in the target folder of this build.
///
/// # Panics
/// If it was not built.
pub fn flotilla() -> PathBuf {
    if let Some(path) = std::env::var_os("FLOTILLA_BIN") {
        return PathBuf::from(path);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).into_iter();
    let test = std::env::current_exe().expect("this test has a path");
    let beside = test.ancestors().skip(2).take(2).map(Path::to_owned);
    let found = target
        .flat_map(|folder| [folder.join("debug"), folder.join("release")])
        .chain(beside)
        .map(|folder| folder.join("flotilla"))
        .find(|path| path.is_file());
    found.expect("the server is not built: run `cargo build` first, or set FLOTILLA_BIN")
}

fn gather(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// For one run of a client: a few megabytes and some commands, on a busy machine.
pub const RUN: Duration = Duration::from_secs(120);

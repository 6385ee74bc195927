//! One process of Redis: a server, a sentinel or a node of a cluster.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;

use rustix::process::{Pid, Signal};

use super::client::{Access, Answer, Client};
use crate::network::Host;
use crate::{DEADLINE, Program, wait};

/// A process, running or not; dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Option<Child>,
    address: SocketAddr,
    /// Configuration, log and data are `name.*` in here.
    folder: PathBuf,
    name: String,
    /// A configuration that Redis itself writes again is written once.
    written: bool,
    kind: Kind,
    lines: Vec<String>,
    access: Access,
    place: Option<Host>,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has data.
    Server,
    /// It watches servers.
    Sentinel,
}

impl Process {
    /// One that does not run yet, with these lines of configuration beside those that all have.
    pub(super) fn new(
        kind: Kind,
        name: &str,
        folder: &Path,
        address: SocketAddr,
        lines: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut all = vec![
            format!("bind {}", address.ip()),
            format!("dir {}", folder.display()),
            format!("logfile {}", folder.join(format!("{name}.log")).display()),
            "protected-mode no".to_owned(),
            "daemonize no".to_owned(),
        ];
        if kind == Kind::Server {
            // Data go to the disk when a test says so.
            all.extend(["save \"\"".to_owned(), format!("dbfilename {name}.rdb")]);
            all.extend(["rdbcompression no", "repl-diskless-sync-delay 0"].map(str::to_owned));
        }
        all.extend(lines);
        Self {
            child: None,
            address,
            folder: folder.to_owned(),
            name: name.to_owned(),
            written: false,
            kind,
            lines: all,
            access: Access::default(),
            place: None,
        }
    }

    /// The commands of tests come by this.
    pub(super) fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// It runs on this computer.
    pub(super) fn on(mut self, place: Option<Host>) -> Self {
        self.place = place;
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it was started and neither killed nor has ended.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Starts it with the data that it saved last, and waits until it answers.
    ///
    /// # Panics
    /// Here and below: if Redis is not installed, ends or does not answer.
    #[track_caller]
    pub fn start(&mut self) {
        assert!(!self.is_running(), "{} runs", self.name);
        let config = self.folder.join(format!("{}.conf", self.name));
        if !self.written {
            let port = self.address.port();
            // A line of the test's own (`port 0`, under TLS) comes later and holds.
            let text = format!("port {port}\n{}\n", self.lines.join("\n"));
            std::fs::write(&config, text).expect("a configuration can be written");
            self.written = true;
        }
        let mut program = Program::new("redis-server").arg(&config);
        if let Some(host) = &self.place {
            program = program.on(host);
        }
        if self.kind == Kind::Sentinel {
            program = program.arg("--sentinel");
        }
        let output = self.folder.join(format!("{}.out", self.name));
        self.child = Some(program.start(&output).unwrap_or_else(|error| {
            panic!("can not run redis-server: {error} (tests/run installs what the tests need)")
        }));
        wait::until("Redis to answer", || {
            assert!(self.is_running(), "{} ended; log:\n{}", self.name, self.log());
            let answer = self.client().and_then(|mut client| client.ask(&["PING"])).ok()?;
            (answer == Answer::Text("PONG".to_owned())).then_some(())
        });
    }

    /// `kill -9`, also of one that is stopped.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it (SIGSTOP): it stays, holds its connections, and answers nothing.
    #[track_caller]
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        // The signal is only sent by now.
        wait::until("Redis to stop", || (self.state()? == 'T').then_some(()));
    }

    /// Lets it go on (SIGCONT).
    #[track_caller]
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// A connection.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn client(&self) -> io::Result<Client> {
        let _inside = self.place.as_ref().map(Host::enter);
        Client::connect(self.address, &self.access)
    }

    /// The answer to a command on a connection of its own, which must not be an error.
    #[track_caller]
    pub fn ask(&self, command: &[impl AsRef<[u8]>]) -> Answer {
        match self.try_ask(command) {
            Ok(Answer::Error(error)) => panic!("{}: {error}", self.name),
            Ok(answer) => answer,
            Err(error) => panic!("{}: {error}; log:\n{}", self.name, self.log()),
        }
    }

    /// Sets a key, and waits until so many replicas have it: on one connection, since WAIT speaks of the writes of
    /// its own.
    #[track_caller]
    pub fn set_on_replicas(&self, key: &str, value: &str, replicas: i64) {
        let mut client = self.client().expect("Redis takes connections");
        client.ask(&["SET", key, value]).expect("it takes the value");
        let have = client.ask(&["WAIT", &replicas.to_string(), "5000"]).expect("it waits");
        assert_eq!(have.number(), replicas, "replicas that have {key}");
    }

    /// As [`Process::ask`], whatever comes.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub fn try_ask(&self, command: &[impl AsRef<[u8]>]) -> io::Result<Answer> {
        self.client()?.ask(command)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        let read = |end: &str| {
            let path = self.folder.join(format!("{}.{end}", self.name));
            std::fs::read_to_string(path).unwrap_or_default()
        };
        read("out") + &read("log")
    }

    /// Where it saves its data.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join(format!("{}.rdb", self.name))
    }

    /// The letter of the kernel for what it does.
    fn state(&self) -> Option<char> {
        let path = format!("/proc/{}/stat", self.child.as_ref()?.id());
        let text = std::fs::read_to_string(path).ok()?;
        text.rsplit_once(") ")?.1.chars().next()
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("Redis runs");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process number");
        rustix::process::kill_process(pid, signal).expect("Redis runs");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// As [`wait::until`] for what may fail to be asked at the moment.
#[track_caller]
pub(super) fn until_told(what: &str, mut probe: impl FnMut() -> io::Result<bool>) {
    let told = wait::within(DEADLINE, || matches!(probe(), Ok(true)).then_some(()));
    assert!(told.is_some(), "waited {DEADLINE:?} for {what}");
}

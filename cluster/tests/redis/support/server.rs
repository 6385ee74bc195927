//! Redis servers of a test: each in a folder of its own, ended with its value.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, wait_until};

/// A server on a port of the loopback.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    /// Arguments that make it what it is.
    arguments: Vec<String>,
    child: Child,
}

impl Server {
    /// A plain server with these settings besides, `name value` each.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::with(|_, _| settings.iter().map(|&setting| setting.to_owned()).collect(), &[])
    }

    /// A server whose settings depend on its port and folder.
    pub(crate) fn with(settings: impl Fn(u16, &Path) -> Vec<String>, arguments: &[&str]) -> Self {
        // A port that was free a moment ago may be taken by now.
        for _ in 0..10 {
            let (port, folder) = (free_port(), new_folder());
            let mut text = format!(
                "port {port}\nbind 127.0.0.1 ::1\ndir {0}\nlogfile {0}/log\nsave \"\"\nloglevel notice\n",
                folder.display()
            );
            settings(port, &folder).iter().for_each(|line| text.extend([line, "\n"]));
            fs::write(folder.join("redis.conf"), text).unwrap();
            let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
            let child = start_process(&folder, &arguments);
            let mut server = Self { port, folder, arguments, child };
            if server.is_listening() {
                return server;
            }
        }
        panic!("redis-server did not start on any of ten ports");
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection of the operator's.
    pub(crate) fn operator(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Runs a command of the operator's.
    pub(crate) fn command(&self, words: &[&str]) -> redis::Value {
        let (name, rest) = words.split_first().unwrap();
        redis::cmd(name).arg(rest).query(&mut self.operator()).unwrap()
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`kill`](Self::kill), at the same port.
    pub(crate) fn start_again(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.child = start_process(&self.folder, &self.arguments);
            if self.is_listening() {
                return;
            }
            // The port may linger.
            assert!(Instant::now() < deadline, "it does not come back");
        }
    }

    /// Stops it, as a machine that hangs.
    pub(crate) fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until it takes connections; `false` if it ended instead.
    fn is_listening(&mut self) -> bool {
        let mut ended = false;
        wait_until(|| {
            ended = self.child.try_wait().unwrap().is_some();
            // Its own word counts: somebody else may listen there.
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            let listens =
                log.contains("Ready to accept connections") || log.contains("Sentinel ID is");
            if ended || listens { Ok(()) } else { Err("redis-server does not listen".to_owned()) }
        });
        !ended
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits until a replica has all that was written: what a failover loses is another matter.
pub(crate) fn in_step(mut master: redis::Connection) {
    // It is what this connection wrote that is waited for, and so all before it.
    redis::cmd("SET").arg(&["{main}", "x"]).exec(&mut master).unwrap();
    let replicas: i64 = redis::cmd("WAIT").arg(&["1", "10000"]).query(&mut master).unwrap();
    assert_eq!(replicas, 1);
}

/// Starts `redis-server` with the configuration in a folder.
fn start_process(folder: &Path, arguments: &[String]) -> Child {
    let _ = fs::remove_file(folder.join("log"));
    let child = Command::new("redis-server")
        .arg(folder.join("redis.conf"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.unwrap_or_else(|error| {
        panic!("redis-server can not be started ({error}); `tests/run packages` installs it")
    })
}

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("redis-{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

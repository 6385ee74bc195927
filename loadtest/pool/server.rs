//! The Redis under measurement: a process of its own, and what it says of itself.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use redis::Connection;

/// A server on a port of the loopback, in a folder of its own; ended with its value.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: PathBuf,
    child: Child,
    operator: Option<Connection>,
}

/// What the server has done since its counts were reset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Scripts that were run.
    pub(crate) scripts: f64,
    /// Inside of them.
    pub(crate) script_us: f64,
    /// The 99th percentile of one.
    pub(crate) script_p99_us: f64,
    /// Of the thread that serves, whatever it did: reading, scripts, writing.
    pub(crate) thread_us: f64,
}

impl Server {
    /// Starts one that writes nothing to disk.
    pub(crate) fn start() -> Result<Self> {
        // A port that was free a moment ago may be taken by now.
        for attempt in 0..ATTEMPTS {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let name = format!("pool-{}-{attempt}", std::process::id());
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::create_dir_all(&folder)?;
            let child = spawn(port, &folder)?;
            let mut server = Self { port, folder, child, operator: None };
            if server.is_listening()? {
                let client = redis::Client::open(server.url())?;
                server.operator = Some(client.get_connection()?);
                return Ok(server);
            }
        }
        bail!("redis-server did not start on any of {ATTEMPTS} ports")
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The version that it names.
    pub(crate) fn version(&mut self) -> Result<String> {
        let info = self.info("server")?;
        Ok(text(&info, "redis_version").unwrap_or_default().to_owned())
    }

    /// Forgets everything.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.command(&["FLUSHALL", "SYNC"])
    }

    /// Bytes in use, without the buffers of connections, which come and go.
    pub(crate) fn memory(&mut self) -> Result<f64> {
        let info = self.info("memory")?;
        let used = number(&info, "used_memory").context("no used_memory")?;
        Ok(used - number(&info, "mem_clients_normal").unwrap_or(0.0))
    }

    /// Begins to count; [`work`](Self::work) tells from here on.
    pub(crate) fn reset(&mut self) -> Result<Start> {
        self.command(&["CONFIG", "RESETSTAT"])?;
        Ok(Start { thread_us: self.thread_us()? })
    }

    /// What it has done since.
    pub(crate) fn work(&mut self, start: &Start) -> Result<Work> {
        let thread_us = self.thread_us()? - start.thread_us;
        let mut work = Work { thread_us, ..Work::default() };
        let info = self.info("commandstats")?;
        for command in ["cmdstat_evalsha", "cmdstat_eval"] {
            let Some(line) = text(&info, command) else { continue };
            work.scripts += part(line, "calls").unwrap_or(0.0);
            work.script_us += part(line, "usec").unwrap_or(0.0);
        }
        let info = self.info("latencystats")?;
        let line = text(&info, "latency_percentiles_usec_evalsha").unwrap_or_default();
        work.script_p99_us = part(line, "p99").unwrap_or(0.0);
        Ok(work)
    }

    fn thread_us(&mut self) -> Result<f64> {
        let info = self.info("cpu")?;
        let names = ["used_cpu_sys_main_thread", "used_cpu_user_main_thread"];
        Ok(names.iter().filter_map(|name| number(&info, name)).sum::<f64>() * 1e6)
    }

    fn info(&mut self, section: &str) -> Result<String> {
        let operator = self.operator.as_mut().context("no connection")?;
        Ok(redis::cmd("INFO").arg(section).query(operator)?)
    }

    fn command(&mut self, words: &[&str]) -> Result<()> {
        let operator = self.operator.as_mut().context("no connection")?;
        let (name, rest) = words.split_first().context("no command")?;
        Ok(redis::cmd(name).arg(rest).exec(operator)?)
    }

    /// Waits until it takes connections; `false` if it ended instead.
    fn is_listening(&mut self) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            // Its own word counts: somebody else may listen there.
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if log.contains("Ready to accept connections") {
                return Ok(true);
            }
            if Instant::now() > deadline {
                bail!("redis-server does not listen: {log}");
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where counting began.
pub(crate) struct Start {
    thread_us: f64,
}

fn spawn(port: u16, folder: &Path) -> Result<Child> {
    let settings = [
        ("--port", port.to_string()),
        ("--bind", "127.0.0.1".to_owned()),
        ("--save", String::new()),
        ("--appendonly", "no".to_owned()),
        ("--maxmemory-policy", "noeviction".to_owned()),
        ("--dir", folder.display().to_string()),
        ("--logfile", folder.join("log").display().to_string()),
    ];
    let mut command = Command::new("redis-server");
    for (name, value) in &settings {
        command.arg(name).arg(value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("redis-server can not be started; `tests/run packages` installs it")
}

/// What stands behind a name, in a text of INFO.
fn text<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| *found == name).map(|(_, value)| value.trim())
}

fn number(info: &str, name: &str) -> Option<f64> {
    text(info, name)?.parse().ok()
}

/// One of several figures in a line.
fn part(line: &str, name: &str) -> Option<f64> {
    let mut parts = line.split(',').filter_map(|part| part.split_once('='));
    parts.find(|(found, _)| *found == name)?.1.parse().ok()
}

const ATTEMPTS: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);

//! `flotilla ping`: how a running node is, asked from outside as a client or balancer would.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::{ConfigArgs, print};
use crate::config::Config;
use crate::error::ServeError;

/// `flotilla ping`.
#[derive(Debug, Args)]
pub struct PingArgs {
    /// Where the node listens.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How long to wait for all answers together.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// One question to the node and its answer.
#[derive(Debug, Serialize)]
struct Probe {
    what: &'static str,
    address: SocketAddr,
    ok: bool,
    /// What came back, or why nothing did.
    answer: String,
}

/// Asks, prints the answers, and fails unless all are good.
///
/// # Errors
/// A configuration that can not be loaded, or a node that is not well.
pub fn run(args: &PingArgs) -> Result<(), ServeError> {
    let (config, _) = args.config.load()?;
    let probes = ask(&config, Instant::now() + args.timeout);
    if args.json {
        let text = serde_json::to_string_pretty(&probes)
            .map_err(|error| ServeError::Runtime(error.to_string()))?;
        print(&format!("{text}\n"))?;
    } else {
        print(&probes.iter().map(|probe| format!("{probe}\n")).collect::<String>())?;
    }
    if probes.is_empty() {
        return Err(ServeError::Runtime("nothing to ask: no address with a fixed port".to_owned()));
    }
    match probes.iter().find(|probe| !probe.ok) {
        None => Ok(()),
        Some(probe) => Err(ServeError::Runtime(format!("the node is not well: {probe}"))),
    }
}

fn ask(config: &Config, deadline: Instant) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut probe =
        |what, address: SocketAddr, question: &dyn Fn(SocketAddr) -> io::Result<Answer>| {
            // A node that was told to take any port can not be found by its configuration.
            if address.port() != 0 {
                let address = reachable(address);
                let (ok, answer) = match question(address) {
                    Ok(Answer { ok, text }) => (ok, text),
                    Err(error) => (false, error.to_string()),
                };
                probes.push(Probe { what, address, ok, answer });
            }
        };
    if let Some(address) = config.health.listen {
        probe("live", address, &|address| http(address, "/livez", deadline));
        probe("ready", address, &|address| http(address, "/readyz", deadline));
    }
    for address in &config.ftp.listen {
        probe("ftp", *address, &|address| greeting(address, deadline));
    }
    for address in &config.ftp.implicit_tls {
        probe("ftps", *address, &|address| {
            connect(address, deadline)?;
            Ok(Answer { ok: true, text: "accepts connections".to_owned() })
        });
    }
    probes
}

struct Answer {
    ok: bool,
    text: String,
}

/// Asks for a page; good is status 200.
fn http(address: SocketAddr, path: &str, deadline: Instant) -> io::Result<Answer> {
    let mut stream = connect(address, deadline)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let line = first_line(&mut stream, deadline)?;
    let ok = line.split(' ').nth(1) == Some("200");
    Ok(Answer { ok, text: line })
}

/// Waits for the greeting and leaves without a word, which the server takes for a probe.
fn greeting(address: SocketAddr, deadline: Instant) -> io::Result<Answer> {
    let line = first_line(&mut connect(address, deadline)?, deadline)?;
    Ok(Answer { ok: line.starts_with("220"), text: line })
}

fn connect(address: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, left(deadline)?)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    Ok(stream)
}

/// The first line, without its end and without characters that a terminal would act on.
fn first_line(stream: &mut TcpStream, deadline: Instant) -> io::Result<String> {
    let mut line = Vec::new();
    let mut buffer = [0; 256];
    while !line.contains(&b'\n') && line.len() < LINE_BYTES_MAX {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut buffer)? {
            0 => break,
            count => line.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    let line = String::from_utf8_lossy(&line);
    let line = line.lines().next().unwrap_or_default();
    Ok(line.replace(char::is_control, "?"))
}

/// The time that is left, never zero: zero would mean no limit.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Where to dial a listener of this machine: one on every address is dialled on loopback.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.ok { "ok" } else { "failed" };
        write!(f, "{} {} {state}: {}", self.what, self.address, self.answer)
    }
}

/// More than any greeting or status line of ours.
const LINE_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::config::load_flags;

    /// Answers each connection with the next text, then ends.
    fn server(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                // Until the peer has gone: closing with its question unread would reset it.
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        address
    }

    fn probes(health: SocketAddr, ftp: SocketAddr, wait: Duration) -> Vec<Probe> {
        let (health, ftp) = (health.to_string(), ftp.to_string());
        let (config, _) = load_flags(&[("health.listen", &health), ("ftp.listen", &ftp)]).unwrap();
        ask(&config, Instant::now() + wait)
    }

    #[test]
    fn each_answer_is_told_apart() {
        let health = server(&["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 503 Draining\x1b\r\n\r\n"]);
        let ftp = server(&["220 ready\r\n"]);
        let probes = probes(health, ftp, Duration::from_secs(10));
        let lines = probes.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            lines,
            [
                format!("live {health} ok: HTTP/1.1 200 OK"),
                format!("ready {health} failed: HTTP/1.1 503 Draining?"),
                format!("ftp {ftp} ok: 220 ready"),
            ]
        );
    }

    #[test]
    fn a_node_that_says_nothing_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let gone = server(&[]);
        let probes = probes(gone, address, Duration::from_millis(50));
        assert!(probes.iter().all(|probe| !probe.ok), "{probes:?}");
    }
}

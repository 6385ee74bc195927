//! A listener with a thread for each of its connections.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{Answer, Outcome, Request};
use crate::stop::{Stop, Watch};

/// Accepts until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    _stop: Stop,
}

impl Server {
    /// Answers every request on the listener by `handler`.
    ///
    /// # Errors
    /// No thread, or no address.
    pub(crate) fn start<H>(listener: TcpListener, handler: H) -> io::Result<Self>
    where
        H: Fn(&Request) -> Outcome + Send + Sync + 'static,
    {
        let address = listener.local_addr()?;
        let stop = Stop::default();
        let (watch, handler) = (stop.watch(), Arc::new(handler));
        // It looks for the end now and then, since from here nobody can connect to a listener that lies in another
        // network. Linux ends accept after this time too.
        SockRef::from(&listener).set_read_timeout(Some(LOOK_FOR_THE_END))?;
        thread::Builder::new().name("accept".to_owned()).spawn(move || {
            while !watch.is_over() {
                let stream = match listener.accept() {
                    Ok((stream, _)) => stream,
                    Err(error) if is_late(&error) => continue,
                    Err(error) => {
                        eprintln!("aws-fake: no connection: {error}");
                        // As when there are too many files, which only others can change.
                        watch.pause(FAILURE_PAUSE);
                        continue;
                    }
                };
                let (watch, handler) = (watch.clone(), handler.clone());
                let connection = move || {
                    // A peer that goes is no failure of ours.
                    let _gone = serve(stream, &watch, &*handler);
                };
                let thread = thread::Builder::new().name("connection".to_owned());
                if let Err(error) = thread.spawn(connection) {
                    eprintln!("aws-fake: no thread for a connection: {error}");
                }
            }
        })?;
        Ok(Self { address, _stop: stop })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve<H>(mut stream: TcpStream, watch: &Watch, handler: &H) -> io::Result<()>
where
    H: Fn(&Request) -> Outcome,
{
    stream.set_read_timeout(Some(LOOK_FOR_THE_END))?;
    stream.set_write_timeout(Some(IDLE_MAX))?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    let mut heard = Instant::now();
    loop {
        while let Some((request, length)) = Request::parse(&buffer)? {
            buffer.drain(..length);
            let last = request.header("connection").is_some_and(|value| value == "close");
            match handler(&request) {
                Outcome::Answer(answer) => write(&mut stream, &answer, request.method == "HEAD")?,
                Outcome::Close => return Ok(()),
            }
            if last {
                return Ok(());
            }
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => buffer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if is_late(&error) => {
                if watch.is_over() || heard.elapsed() > IDLE_MAX {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        heard = Instant::now();
        if watch.is_over() {
            return Ok(());
        }
    }
}

/// Whether a time-out was over, and nothing else.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn write(stream: &mut TcpStream, answer: &Answer, head_only: bool) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
    let mut bytes = text.into_bytes();
    if !head_only {
        bytes.extend_from_slice(&answer.body);
    }
    stream.write_all(&bytes)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        412 => "Precondition Failed",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

/// A connection without a request is closed after it.
const IDLE_MAX: Duration = Duration::from_secs(60);
const LOOK_FOR_THE_END: Duration = Duration::from_millis(500);
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

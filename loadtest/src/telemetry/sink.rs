//! A collector that takes everything and keeps nothing, so that what is measured is the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

/// Takes OTLP over HTTP until the program ends.
#[derive(Debug)]
pub(super) struct Sink {
    /// Where.
    pub(super) address: SocketAddr,
    taken: Arc<AtomicU64>,
}

impl Sink {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let taken = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&taken);
        thread::Builder::new().name("collector".to_owned()).spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counted = Arc::clone(&counted);
                // One server at a time, with a few connections.
                let _ = thread::Builder::new().spawn(move || serve(&stream, &counted));
            }
        })?;
        Ok(Self { address, taken })
    }

    /// Bytes of spans so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: &TcpStream, taken: &AtomicU64) -> Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut is_spans) = (0, false);
        loop {
            let mut line = String::new();
            if reader.by_ref().take(LINE_MAX).read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            is_spans |= line.starts_with("post /v1/traces ");
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let read = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        if read < length {
            bail!("a request ends early");
        }
        if is_spans {
            taken.fetch_add(read, Ordering::Relaxed);
        }
        stream.write_all(ANSWER)?;
    }
}

/// An empty message of Protobuf says that all was taken.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

/// A line of a head.
const LINE_MAX: u64 = 8192;

/// Metrics come once in a minute.
const SILENCE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_taken_and_counted() {
        let sink = Sink::start().unwrap();
        let mut stream = TcpStream::connect(sink.address).unwrap();
        for path in ["traces", "metrics", "traces"] {
            write!(stream, "POST /v1/{path} HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345").unwrap();
            let mut answer = vec![0; ANSWER.len()];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, ANSWER);
        }
        assert_eq!(sink.taken(), 10);
    }
}

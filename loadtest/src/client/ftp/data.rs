//! The data connection: what comes is dropped, what goes is made of one block again and again.

use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustix::fs::sendfile;
use rustix::net::{RecvFlags, recv};
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use super::tls;
use crate::client::payload::{BLOCK_BYTES, Payload};
use crate::client::{Error, Moved};

/// A session's receive buffer, made when it is first needed: an idle session has none.
#[derive(Debug, Default)]
pub(crate) struct Sink(Vec<u8>);

impl Sink {
    fn buffer(&mut self) -> &mut [u8] {
        if self.0.is_empty() {
            self.0 = vec![0; SINK_BYTES];
        }
        &mut self.0
    }
}

/// Reads to the end of the stream. Without line counting the kernel drops the bytes in place
/// (`MSG_TRUNC`, tcp(7)).
pub(crate) fn drain(stream: &TcpStream, sink: &mut Sink, lines: bool) -> Result<Moved, Error> {
    let buffer = sink.buffer();
    let flags = if lines { RecvFlags::empty() } else { RecvFlags::TRUNC };
    let mut moved = Moved::default();
    loop {
        match recv(stream, &mut *buffer, flags) {
            Ok((_, 0)) => return Ok(moved),
            Ok((_, count)) => {
                moved.bytes += count as u64;
                if lines {
                    moved.entries += count_lines(buffer.get(..count).unwrap_or_default());
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("data")(error.into())),
        }
    }
}

/// Waits until there is something to read, or the end.
pub(crate) fn wait(stream: &TcpStream) -> Result<(), Error> {
    stream.peek(&mut [0]).map(drop).map_err(Error::io("data"))
}

/// The same as [`drain`] through TLS, up to the close alert.
pub(crate) fn drain_tls(
    stream: &TcpStream,
    config: &Arc<ClientConfig>,
    sink: &mut Sink,
    lines: bool,
) -> Result<Moved, Error> {
    let mut connection = tls::connection(config)?;
    let mut wire = Wire::new(stream, sink);
    handshake(&mut connection, &mut wire)?;
    let mut moved = Moved { resumed: resumed(&connection), ..Moved::default() };
    loop {
        match connection.reader().fill_buf() {
            Ok([]) => break,
            Ok(plain) => {
                moved.bytes += plain.len() as u64;
                if lines {
                    moved.entries += count_lines(plain);
                }
                let count = plain.len();
                connection.reader().consume(count);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                moved.truncated = true;
                break;
            }
            Err(error) => return Err(Error::io("data")(error)),
        }
        feed(&mut connection, &mut wire)?;
    }
    connection.send_close_notify();
    // The server may be gone already; its bytes are complete and its close alert was seen.
    let _ = connection.write_tls(&mut wire);
    Ok(moved)
}

/// Sends `size` bytes and the end of the stream.
pub(crate) fn fill(stream: &TcpStream, payload: &Payload, size: u64) -> Result<Moved, Error> {
    let mut left = size;
    while left > 0 {
        let piece = payload.piece(left, BLOCK_BYTES);
        // Below that size the pages cost more than the copy.
        let sent = if piece.len() <= COPY_BYTES {
            (&*stream).write(piece).map_err(Error::io("data"))?
        } else {
            let mut offset = 0;
            sendfile(stream, payload.file(), Some(&mut offset), piece.len())
                .map_err(|error| Error::io("data")(error.into()))?
        };
        left -= sent as u64;
    }
    Ok(Moved { bytes: size, ..Moved::default() })
}

/// The same through TLS; waits for the server's end, because its tickets come before it.
pub(crate) fn fill_tls(
    stream: &TcpStream,
    config: &Arc<ClientConfig>,
    sink: &mut Sink,
    payload: &Payload,
    size: u64,
) -> Result<Moved, Error> {
    let mut connection = tls::connection(config)?;
    let mut wire = Wire::new(stream, sink);
    handshake(&mut connection, &mut wire)?;
    let mut moved = Moved { bytes: size, resumed: resumed(&connection), ..Moved::default() };
    let mut left = size;
    while left > 0 {
        let piece = payload.piece(left, TLS_BYTES);
        let taken = connection.writer().write(piece).map_err(Error::io("data"))?;
        left -= taken as u64;
        flush(&mut connection, &mut wire)?;
    }
    connection.send_close_notify();
    flush(&mut connection, &mut wire)?;
    stream.shutdown(Shutdown::Write).map_err(Error::io("data"))?;
    moved.truncated = !closes_cleanly(&mut connection, &mut wire);
    Ok(moved)
}

/// Reads to the server's end of an upload. Whether the bytes arrived is for the 226 to say, so an
/// abrupt end is noted and no error.
fn closes_cleanly(connection: &mut ClientConnection, wire: &mut Wire<'_>) -> bool {
    loop {
        match connection.reader().fill_buf() {
            Ok([]) => return true,
            Ok(plain) => {
                let count = plain.len();
                connection.reader().consume(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if feed(connection, wire).is_err() {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
}

fn handshake(connection: &mut ClientConnection, wire: &mut Wire<'_>) -> Result<(), Error> {
    while connection.is_handshaking() {
        let (read, written) = connection.complete_io(wire).map_err(Error::io("data TLS"))?;
        if read == 0 && written == 0 {
            return Err(Error::Closed("data TLS"));
        }
    }
    flush(connection, wire)
}

fn resumed(connection: &ClientConnection) -> bool {
    connection.handshake_kind() == Some(HandshakeKind::Resumed)
}

fn feed(connection: &mut ClientConnection, wire: &mut Wire<'_>) -> Result<(), Error> {
    connection.read_tls(wire).map_err(Error::io("data"))?;
    connection.process_new_packets().map_err(|error| Error::Tls("data", error))?;
    Ok(())
}

fn flush(connection: &mut ClientConnection, wire: &mut Wire<'_>) -> Result<(), Error> {
    while connection.wants_write() {
        connection.write_tls(wire).map_err(Error::io("data"))?;
    }
    Ok(())
}

/// The socket with a large read buffer: the TLS library asks for one record at a time, the
/// kernel is asked for many.
struct Wire<'a> {
    stream: &'a TcpStream,
    buffer: &'a mut [u8],
    start: usize,
    end: usize,
}

impl<'a> Wire<'a> {
    fn new(stream: &'a TcpStream, sink: &'a mut Sink) -> Self {
        let buffer = sink.buffer();
        let length = buffer.len().min(TLS_READ_BYTES);
        let (buffer, _) = buffer.split_at_mut(length);
        Self { stream, buffer, start: 0, end: 0 }
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.start = 0;
            self.end = self.stream.read(self.buffer)?;
        }
        let mut ready = self.buffer.get(self.start..self.end).unwrap_or_default();
        let count = ready.read(into)?;
        self.start += count;
        Ok(count)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// One receive: as much as the kernel's largest default receive window holds, and more.
const SINK_BYTES: usize = 1024 * 1024;

/// One receive of TLS records: 16 of them, which stay in the cache.
const TLS_READ_BYTES: usize = 256 * 1024;

/// One write of TLS records: 16 of them.
const TLS_BYTES: usize = 256 * 1024;

/// Up to here an upload is written rather than sent from the memory file.
const COPY_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_their_ends() {
        assert_eq!(count_lines(b"a\r\nb\r\n"), 2);
        assert_eq!(count_lines(b"a"), 0);
    }
}

//! The control connection: commands out, replies in.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::tls;
use crate::client::{Error, connect_from};

/// A control connection and the bytes that it has received ahead.
#[derive(Debug)]
pub(crate) struct Control {
    wire: Wire,
    peer: SocketAddr,
    /// Bytes received; the reply handed out last comes first.
    buffer: Vec<u8>,
    /// How many bytes of `buffer` the last reply takes.
    taken: usize,
}

/// The stream in clear or in TLS; TLS 1.3 state is large and most sessions have none.
#[derive(Debug)]
enum Wire {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// Between the two, and after a failed handshake.
    Gone,
}

impl Control {
    /// Connects, from the address `source` where there is one, and waits for the greeting.
    pub(crate) fn connect(address: SocketAddr, source: Option<IpAddr>) -> Result<Self, Error> {
        let stream = connect_from(source, address, true)?;
        let mut control =
            Self { wire: Wire::Clear(stream), peer: address, buffer: Vec::new(), taken: 0 };
        control.reply("greeting", &[220])?;
        Ok(control)
    }

    /// The address that was dialled.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Performs the TLS handshake after the 234.
    pub(crate) fn upgrade(&mut self, config: &Arc<ClientConfig>) -> Result<(), Error> {
        let Wire::Clear(mut stream) = std::mem::replace(&mut self.wire, Wire::Gone) else {
            return Err(Error::Closed("AUTH"));
        };
        let mut connection = tls::connection(config)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(Error::io("AUTH"))?;
        }
        self.wire = Wire::Tls(Box::new(StreamOwned::new(connection, stream)));
        Ok(())
    }

    /// Sends a line and waits for one of the replies `wanted`.
    pub(crate) fn expect(
        &mut self,
        step: &'static str,
        line: &[u8],
        wanted: &[u16],
    ) -> Result<u16, Error> {
        self.send(step, line)?;
        self.reply(step, wanted)
    }

    /// Sends a line; the reply is not waited for.
    pub(crate) fn send(&mut self, step: &'static str, line: &[u8]) -> Result<(), Error> {
        self.wire.write_all(line).and_then(|()| self.wire.flush()).map_err(Error::io(step))
    }

    /// Waits for one of the replies `wanted` and says which came.
    pub(crate) fn reply(&mut self, step: &'static str, wanted: &[u16]) -> Result<u16, Error> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let (code, length) = loop {
            match parse(&self.buffer) {
                Parsed::Reply { code, length } => break (code, length),
                Parsed::Garbage => return Err(Error::Protocol(step)),
                Parsed::More => self.fill(step)?,
            }
        };
        self.taken = length;
        if wanted.contains(&code) {
            return Ok(code);
        }
        Err(Error::reply(step, u32::from(code), &self.text()))
    }

    /// The text of the last reply's last line.
    pub(crate) fn text(&self) -> String {
        let reply = self.buffer.get(..self.taken).unwrap_or_default();
        let reply = reply.trim_ascii_end();
        let last = reply.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(last.get(4..).unwrap_or_default()).into_owned()
    }

    /// PASV; the address in the reply is ignored, as careful clients do.
    pub(crate) fn passive(&mut self) -> Result<u16, Error> {
        self.expect("PASV", b"PASV\r\n", &[227])?;
        parse_passive(&self.text()).ok_or(Error::Protocol("PASV"))
    }

    /// EPSV (RFC 2428).
    pub(crate) fn extended_passive(&mut self) -> Result<u16, Error> {
        self.expect("EPSV", b"EPSV\r\n", &[229])?;
        parse_extended_passive(&self.text()).ok_or(Error::Protocol("EPSV"))
    }

    fn fill(&mut self, step: &'static str) -> Result<(), Error> {
        if self.buffer.len() > REPLY_MAX {
            return Err(Error::Protocol(step));
        }
        let mut chunk = [0; 2048];
        let count = self.wire.read(&mut chunk).map_err(Error::io(step))?;
        if count == 0 {
            return Err(Error::Closed(step));
        }
        self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Gone => Ok(0),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(_) | Self::Gone => Ok(()),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    More,
    Garbage,
    Reply { code: u16, length: usize },
}

/// Finds the first whole reply (RFC 959, 4.2): one line, or lines up to the one that repeats the
/// code followed by a space.
fn parse(buffer: &[u8]) -> Parsed {
    let mut first = None;
    let mut start = 0;
    while let Some(rest) = buffer.get(start..) {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return Parsed::More;
        };
        let line = rest.get(..end).unwrap_or_default();
        start += end + 1;
        let code = code_of(line);
        let last = line.get(3).is_none_or(|byte| *byte != b'-');
        match (first, code) {
            (None, None) => return Parsed::Garbage,
            (None, Some(code)) if last => return Parsed::Reply { code, length: start },
            (None, Some(code)) => first = Some(code),
            (Some(opened), Some(code)) if opened == code && line.get(3) == Some(&b' ') => {
                return Parsed::Reply { code, length: start };
            }
            (Some(_), _) => {}
        }
    }
    Parsed::More
}

fn code_of(line: &[u8]) -> Option<u16> {
    let digits = line.first_chunk::<3>()?;
    digits.iter().try_fold(0, |code, digit| {
        digit.is_ascii_digit().then(|| code * 10 + u16::from(digit - b'0'))
    })
}

/// The port in `(h1,h2,h3,h4,p1,p2)`, with or without the parentheses.
fn parse_passive(text: &str) -> Option<u16> {
    let numbers: Vec<u8> = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [.., high, low] = numbers.as_slice() else { return None };
    (numbers.len() == 6).then_some(u16::from(*high) << 8 | u16::from(*low))
}

/// The port in `(|||port|)`.
fn parse_extended_passive(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once('(')?;
    let delimiter = rest.chars().next()?;
    rest.split(delimiter).nth(3)?.parse().ok()
}

/// The longest reply that is read: a HELP of any server fits, an endless one does not.
const REPLY_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_line_or_ends_at_its_own_code() {
        assert_eq!(parse(b"220 hello\r\n"), Parsed::Reply { code: 220, length: 11 });
        assert_eq!(parse(b"220 hel"), Parsed::More);
        assert_eq!(parse(b""), Parsed::More);
        let many = b"211-a\r\n 200 b\r\n212 c\r\n211-d\r\n211 End\r\n226 next\r\n";
        assert_eq!(parse(many), Parsed::Reply { code: 211, length: many.len() - 10 });
        assert_eq!(parse(b"SSH-2.0-x\r\n"), Parsed::Garbage);
    }

    #[test]
    fn passive_ports_are_read_in_both_forms() {
        let port = parse_passive("Entering Passive Mode (127,0,0,1,200,13).");
        assert_eq!(port, Some(200 * 256 + 13));
        assert_eq!(parse_passive("=127,0,0,1,1,2"), Some(258));
        assert_eq!(parse_passive("(127,0,0,1,300,2)"), None);
        assert_eq!(parse_extended_passive("Entering (|||61000|)"), Some(61000));
        assert_eq!(parse_extended_passive("(|||99999|)"), None);
    }
}

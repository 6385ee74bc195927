//! A client of raw bytes: it sends what a test says, judges nothing, and reads replies.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::data::{Data, dial};
use crate::tls::Stream;
use crate::{DEADLINE, PASSWORD, TlsClient};

/// A control connection.
#[derive(Debug)]
pub struct Wire {
    stream: Option<Stream>,
    peer: SocketAddr,
    /// The chosen address of this end, which data connections have as well.
    source: Option<IpAddr>,
    /// Received and not yet taken.
    pending: Vec<u8>,
    transcript: Vec<String>,
    /// What data connections shake hands with, once PROT P was granted.
    protection: Option<TlsClient>,
    tls: Option<TlsClient>,
}

/// A whole reply, of one line or many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The lines without CR LF, the first and last with their code.
    pub lines: Vec<Vec<u8>>,
}

impl Reply {
    /// The lines as text, joined by LF.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.join(&b'\n')).into_owned()
    }

    /// The lines between the first and the last, with the leading space that they must have taken
    /// away.
    pub fn middle(&self) -> Vec<String> {
        let inner = self.lines.get(1..self.lines.len().saturating_sub(1)).unwrap_or_default();
        inner
            .iter()
            .map(|line| {
                String::from_utf8_lossy(line.strip_prefix(b" ").unwrap_or(line)).into_owned()
            })
            .collect()
    }

    /// What follows the code on the last line.
    pub fn rest(&self) -> String {
        let last = self.lines.last().map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(last.get(4..).unwrap_or_default()).into_owned()
    }
}

impl Wire {
    /// Connects; the greeting is not read.
    ///
    /// # Panics
    /// Here and below: if the network fails or the server is silent for longer than the deadline.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(None, address).expect("the server takes connections")
    }

    /// Connects from a chosen address.
    #[track_caller]
    pub fn connect_from(source: impl Into<IpAddr>, address: SocketAddr) -> Self {
        Self::try_connect(Some(source.into()), address).expect("the server takes connections")
    }

    /// Connects, or says why not.
    ///
    /// # Errors
    /// As the socket's.
    pub fn try_connect(source: Option<IpAddr>, address: SocketAddr) -> io::Result<Self> {
        let tcp = dial(source, address)?;
        Ok(Self {
            stream: Some(Stream::Clear(tcp)),
            peer: address,
            source,
            pending: Vec::new(),
            transcript: Vec::new(),
            protection: None,
            tls: None,
        })
    }

    /// Connects to an implicit TLS port.
    #[track_caller]
    pub fn connect_tls(address: SocketAddr, tls: &TlsClient) -> Self {
        let mut wire = Self::connect(address);
        wire.secure(tls).expect("the handshake succeeds");
        wire
    }

    /// The stream below.
    pub fn stream(&mut self) -> &mut Stream {
        self.stream.as_mut().expect("the control connection is open")
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.try_send_raw(bytes.as_ref());
        assert!(sent.is_ok(), "can not send: {sent:?}{self}");
    }

    /// Sends bytes as they are, or says why not.
    ///
    /// # Errors
    /// As the socket's.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let shown = bytes.get(..200).unwrap_or(bytes).escape_ascii();
        self.transcript.push(format!("> {shown}"));
        let stream = self.stream();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Sends a line.
    #[track_caller]
    pub fn send(&mut self, line: impl AsRef<[u8]>) {
        self.send_raw([line.as_ref(), b"\r\n"].concat());
    }

    /// The next reply.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        let reply = self.try_reply();
        match reply {
            Ok(reply) => reply,
            Err(error) => panic!("no reply: {error}{self}"),
        }
    }

    /// The next reply, or why there is none.
    ///
    /// # Errors
    /// The end of the stream, a time-out, or a line that is no reply.
    pub fn try_reply(&mut self) -> io::Result<Reply> {
        let first = self.read_line()?;
        let code = code_of(&first).ok_or_else(|| io::Error::other("a line is no reply"))?;
        let mut lines = vec![first];
        if lines.first().and_then(|line| line.get(3)) == Some(&b'-') {
            loop {
                let line = self.read_line()?;
                let last = code_of(&line) == Some(code) && line.get(3) == Some(&b' ');
                lines.push(line);
                if last {
                    break;
                }
            }
        }
        Ok(Reply { code, lines })
    }

    /// The next reply, which must have this code.
    #[track_caller]
    pub fn expect(&mut self, code: u16) -> Reply {
        let reply = self.reply();
        assert!(reply.code == code, "expected {code}{self}");
        reply
    }

    /// The next reply, which must have one of these codes.
    #[track_caller]
    pub fn expect_any(&mut self, codes: &[u16]) -> Reply {
        let reply = self.reply();
        assert!(codes.contains(&reply.code), "expected one of {codes:?}{self}");
        reply
    }

    /// Sends a line and reads its reply, which must have this code.
    #[track_caller]
    pub fn ask(&mut self, line: impl AsRef<[u8]>, code: u16) -> Reply {
        self.send(line);
        self.expect(code)
    }

    /// Sends a line and reads its reply, which must have one of these codes.
    #[track_caller]
    pub fn ask_any(&mut self, line: impl AsRef<[u8]>, codes: &[u16]) -> Reply {
        self.send(line);
        self.expect_any(codes)
    }

    /// USER, PASS and TYPE I.
    #[track_caller]
    pub fn login(&mut self, user: &str) -> &mut Self {
        self.ask(format!("USER {user}"), 331);
        self.ask(format!("PASS {PASSWORD}"), 230);
        self.ask("TYPE I", 200);
        self
    }

    /// AUTH TLS and the handshake.
    #[track_caller]
    pub fn auth_tls(&mut self, tls: &TlsClient) -> &mut Self {
        self.ask("AUTH TLS", 234);
        if let Err(error) = self.secure(tls) {
            panic!("handshake: {error}{self}");
        }
        self
    }

    /// PBSZ 0 and PROT P: the data connections below shake hands as the control connection did.
    #[track_caller]
    pub fn protect(&mut self) -> &mut Self {
        self.ask("PBSZ 0", 200);
        self.ask("PROT P", 200);
        self.protection = self.tls.clone();
        self
    }

    /// Data connections shake hands by this from now on, or stay clear.
    pub fn protect_with(&mut self, tls: Option<TlsClient>) -> &mut Self {
        self.protection = tls;
        self
    }

    /// Shakes hands on the control connection, whatever was said before.
    ///
    /// # Errors
    /// As [`TlsClient::connect`]; the connection is gone then.
    pub fn secure(&mut self, tls: &TlsClient) -> io::Result<()> {
        if !self.pending.is_empty() {
            return Err(io::Error::other("the server sent more before the handshake"));
        }
        let Some(Stream::Clear(tcp)) = self.stream.take() else {
            return Err(io::Error::other("the connection is not a clear one"));
        };
        self.stream = Some(tls.connect(tcp)?);
        self.tls = Some(tls.clone());
        self.transcript.push("- handshake".to_owned());
        Ok(())
    }

    /// PASV: where to connect to.
    #[track_caller]
    pub fn pasv(&mut self) -> SocketAddr {
        let reply = self.ask("PASV", 227);
        let Some(address) = parse_227(&reply.text()) else { panic!("no address in 227{self}") };
        address
    }

    /// EPSV: where to connect to.
    #[track_caller]
    pub fn epsv(&mut self) -> SocketAddr {
        let reply = self.ask("EPSV", 229);
        let Some(port) = parse_229(&reply.text()) else { panic!("no port in 229{self}") };
        SocketAddr::new(self.peer.ip(), port)
    }

    /// EPSV and a clear connection to it.
    #[track_caller]
    pub fn open(&mut self) -> Data {
        let address = self.epsv();
        let data = match self.source {
            Some(source) => Data::connect_from(source, address),
            None => Data::connect(address),
        };
        match data {
            Ok(data) => data,
            Err(error) => panic!("data connection to {address}: {error}{self}"),
        }
    }

    /// Begins a transfer: the data connection stands, 150 came, and the handshake is over where the
    /// connection is protected.
    #[track_caller]
    pub fn begin(&mut self, command: impl AsRef<[u8]>) -> Data {
        let data = self.open();
        self.send(command);
        self.expect_any(&[150, 125]);
        match &self.protection {
            None => data,
            Some(tls) => match data.secure(tls) {
                Ok(data) => data,
                Err(error) => panic!("data handshake: {error}{self}"),
            },
        }
    }

    /// A whole transfer to the client: RETR, LIST, NLST, MLSD.
    #[track_caller]
    pub fn receive(&mut self, command: impl AsRef<[u8]>) -> Vec<u8> {
        let data = self.begin(command);
        let bytes = data.read_all();
        self.expect(226);
        match bytes {
            Ok(bytes) => bytes,
            Err(error) => panic!("data connection: {error}{self}"),
        }
    }

    /// A whole transfer to the server: STOR, APPE.
    #[track_caller]
    pub fn transmit(&mut self, command: impl AsRef<[u8]>, bytes: &[u8]) -> Reply {
        let data = self.begin(command);
        if let Err(error) = data.finish(bytes) {
            panic!("data connection: {error}{self}");
        }
        self.expect(226)
    }

    /// The file's bytes.
    #[track_caller]
    pub fn fetch(&mut self, path: &str) -> Vec<u8> {
        self.receive(format!("RETR {path}"))
    }

    /// Puts a file.
    #[track_caller]
    pub fn store(&mut self, path: &str, bytes: &[u8]) {
        self.transmit(format!("STOR {path}"), bytes);
    }

    /// A listing's lines.
    #[track_caller]
    pub fn list(&mut self, command: &str) -> Vec<String> {
        let text = self.receive(command);
        assert!(text.is_empty() || text.ends_with(b"\r\n"), "listing ends in mid-line{self}");
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// SIZE.
    #[track_caller]
    pub fn size(&mut self, path: &str) -> u64 {
        let reply = self.ask(format!("SIZE {path}"), 213);
        reply.rest().trim().parse().expect("213 holds a number")
    }

    /// The server must close the connection without another word.
    #[track_caller]
    pub fn expect_end(&mut self) {
        match self.read_line() {
            Ok(_) => panic!("expected the end{self}"),
            Err(error) => {
                assert!(
                    !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
                    "expected the end, but the connection stays open{self}"
                );
            }
        }
    }

    /// The server must say nothing, and not close either, for so long.
    #[track_caller]
    pub fn expect_silence(&mut self, length: Duration) {
        self.stream().tcp().set_read_timeout(Some(length)).expect("a socket has time-outs");
        let heard = self.read_line();
        self.stream().tcp().set_read_timeout(Some(DEADLINE)).expect("a socket has time-outs");
        match heard {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            heard => panic!("expected silence for {length:?}, got {heard:?}{self}"),
        }
    }

    /// Everything that still comes until the connection ends, replies or not.
    pub fn drain(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.pending);
        let _ = self.stream().read_to_end(&mut bytes);
        bytes
    }

    /// Breaks the connection.
    pub fn reset(mut self) {
        if let Some(stream) = self.stream.take() {
            stream.reset();
        }
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut from = 0;
        loop {
            let found = self.pending.iter().skip(from).position(|&byte| byte == b'\n');
            if let Some(index) = found {
                let mut line: Vec<u8> = self.pending.drain(..=from + index).collect();
                line.pop();
                if line.pop() != Some(b'\r') {
                    return Err(io::Error::other("a line ends without CR"));
                }
                self.transcript.push(format!("< {}", line.escape_ascii()));
                return Ok(line);
            }
            from = self.pending.len();
            let mut chunk = [0; 4096];
            let count = self.stream().read(&mut chunk)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.pending.extend_from_slice(&chunk[..count]);
        }
    }
}

impl fmt::Display for Wire {
    /// What was said so far, for the message of a failed assertion.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.transcript.len().saturating_sub(40);
        writeln!(f, "; conversation:")?;
        self.transcript.iter().skip(start).try_for_each(|line| writeln!(f, "  {line}"))
    }
}

fn code_of(line: &[u8]) -> Option<u16> {
    let code: u16 = std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()?;
    let separator = line.get(3)?;
    ((100..600).contains(&code) && matches!(separator, b' ' | b'-')).then_some(code)
}

/// The address of a 227 reply.
pub fn parse_227(text: &str) -> Option<SocketAddr> {
    let inner = text.split_once('(')?.1.split_once(')')?.0;
    let numbers: Option<Vec<u8>> = inner.split(',').map(|part| part.parse().ok()).collect();
    match numbers?.as_slice() {
        &[a, b, c, d, high, low] => {
            Some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
        }
        _ => None,
    }
}

/// The port of a 229 reply.
pub fn parse_229(text: &str) -> Option<u16> {
    text.split_once("(|||")?.1.split_once("|)")?.0.parse().ok()
}

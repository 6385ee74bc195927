//! A small FTP and FTPS client over blocking sockets: one thread drives one session.
//!
//! It shares two cores with the server that it measures, so it spends as little as it can: one
//! write per command, no poll, downloads dropped inside the kernel, uploads sent out of it.

pub(crate) mod control;
pub(crate) mod data;
pub(crate) mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use rustls::ClientConfig;

use control::Control;
use data::{Payload, Sink};

/// Whom to load and as whom.
#[derive(Clone)]
pub(crate) struct Target {
    /// The control port.
    pub(crate) address: SocketAddr,
    /// USER.
    pub(crate) user: String,
    /// PASS.
    pub(crate) password: String,
    /// AUTH TLS with this configuration; each session gets its own ticket store.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{} (tls: {})", self.user, self.address, self.tls.is_some())
    }
}

/// Why an operation failed; its display form is the kind under which the report counts it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A step of the operation got another reply than the one it needs.
    #[error("{step}: {code} {text}")]
    Reply { step: &'static str, code: u16, text: String },
    /// The server said something that is not FTP.
    #[error("{0}: not an FTP reply")]
    Protocol(&'static str),
    /// The server closed the control connection.
    #[error("{0}: connection closed")]
    Closed(&'static str),
    /// The TLS library refused what the server sent.
    #[error("{0}: TLS: {1}")]
    Tls(&'static str, rustls::Error),
    /// The socket failed.
    #[error("{0}: {kind}", kind = .1.kind())]
    Io(&'static str, io::Error),
}

impl Error {
    /// Binds an I/O error to the step in which it happened.
    pub(crate) fn io(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| match error.downcast::<rustls::Error>() {
            Ok(tls) => Self::Tls(step, tls),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Self::Io(step, io::ErrorKind::TimedOut.into())
            }
            Err(error) => Self::Io(step, error),
        }
    }
}

/// What one transfer moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Payload bytes.
    pub(crate) bytes: u64,
    /// Lines, counted in listings only.
    pub(crate) lines: u64,
    /// The data connection resumed a TLS session.
    pub(crate) resumed: bool,
    /// The server ended the TLS stream without its close alert.
    pub(crate) truncated: bool,
}

/// A session that is logged in.
#[derive(Debug)]
pub(crate) struct Session {
    control: Control,
    tls: Option<Arc<ClientConfig>>,
    sink: Sink,
}

impl Session {
    /// Connects, changes to TLS if the target says so, and logs in.
    pub(crate) fn open(target: &Target) -> Result<Self, Error> {
        let mut control = Control::connect(target.address)?;
        let tls = target.tls.as_deref().map(tls::with_own_tickets);
        if let Some(config) = &tls {
            control.expect("AUTH", b"AUTH TLS\r\n", &[234])?;
            control.upgrade(config)?;
        }
        let user = format!("USER {}\r\n", target.user);
        if control.expect("USER", user.as_bytes(), &[331, 230])? == 331 {
            let password = format!("PASS {}\r\n", target.password);
            control.expect("PASS", password.as_bytes(), &[230])?;
        }
        Ok(Self { control, tls, sink: Sink::default() })
    }

    /// Sets the session up for transfers: binary type and, with TLS, protected data connections.
    pub(crate) fn prepare(&mut self) -> Result<(), Error> {
        self.control.expect("TYPE", b"TYPE I\r\n", &[200])?;
        if self.tls.is_some() {
            self.control.expect("PBSZ", b"PBSZ 0\r\n", &[200])?;
            self.control.expect("PROT", b"PROT P\r\n", &[200])?;
        }
        Ok(())
    }

    /// One round trip.
    pub(crate) fn noop(&mut self) -> Result<(), Error> {
        self.control.expect("NOOP", b"NOOP\r\n", &[200]).map(drop)
    }

    /// One round trip with a path in the reply.
    pub(crate) fn pwd(&mut self) -> Result<(), Error> {
        self.control.expect("PWD", b"PWD\r\n", &[257]).map(drop)
    }

    /// Says goodbye and closes.
    pub(crate) fn quit(mut self) -> Result<(), Error> {
        self.control.expect("QUIT", b"QUIT\r\n", &[221]).map(drop)
    }

    /// The size of a file, `None` if there is none.
    pub(crate) fn size(&mut self, path: &str) -> Result<Option<u64>, Error> {
        let line = format!("SIZE {path}\r\n");
        let code = self.control.expect("SIZE", line.as_bytes(), &[213, 450, 550])?;
        let text = self.control.text();
        Ok(if code == 213 { text.trim().parse().ok() } else { None })
    }

    /// Retrieves a file and drops its bytes.
    pub(crate) fn download(&mut self, path: &str) -> Result<Moved, Error> {
        self.receive("RETR", path, false)
    }

    /// Lists a directory by `LIST` or `MLSD` and counts the lines.
    pub(crate) fn list(&mut self, verb: &'static str, path: &str) -> Result<Moved, Error> {
        self.receive(verb, path, true)
    }

    fn receive(&mut self, verb: &'static str, path: &str, lines: bool) -> Result<Moved, Error> {
        let (line, stream) = self.start(verb, path)?;
        self.control.expect(verb, line.as_bytes(), &[150, 125])?;
        let moved = match &self.tls {
            None => data::drain(&stream, &mut self.sink, lines),
            Some(config) => data::drain_tls(&stream, config, &mut self.sink, lines),
        }?;
        drop(stream);
        self.control.reply(verb, &[226, 250])?;
        Ok(moved)
    }

    /// Stores `size` bytes under `path`.
    pub(crate) fn upload(
        &mut self,
        path: &str,
        payload: &Payload,
        size: u64,
    ) -> Result<Moved, Error> {
        let (line, stream) = self.start("STOR", path)?;
        self.control.expect("STOR", line.as_bytes(), &[150, 125])?;
        let moved = match &self.tls {
            None => data::fill(&stream, payload, size),
            Some(config) => data::fill_tls(&stream, config, &mut self.sink, payload, size),
        }?;
        drop(stream);
        self.control.reply("STOR", &[226, 250])?;
        Ok(moved)
    }

    /// Opens the passive data connection and prepares the command that will use it.
    fn start(&mut self, verb: &str, path: &str) -> Result<(String, std::net::TcpStream), Error> {
        let peer = self.control.peer();
        let port = match peer.ip() {
            IpAddr::V4(_) => self.control.passive()?,
            IpAddr::V6(_) => self.control.extended_passive()?,
        };
        let stream = connect(SocketAddr::new(peer.ip(), port), self.tls.is_some())?;
        Ok((format!("{verb} {path}\r\n"), stream))
    }
}

/// Connects with deadlines on every later wait; `quick` turns Nagle's algorithm off.
pub(crate) fn connect(address: SocketAddr, quick: bool) -> Result<std::net::TcpStream, Error> {
    let open = || -> io::Result<std::net::TcpStream> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        // The write deadline bounds connect as well (socket(7)).
        socket.set_write_timeout(Some(TIMEOUT))?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.connect(&address.into())?;
        if quick {
            socket.set_tcp_nodelay(true)?;
        }
        Ok(socket.into())
    };
    open().map_err(Error::io("connect"))
}

/// How long one read or write may wait: longer than any healthy server needs, so that a stall is
/// counted as an error and does not hang the run.
const TIMEOUT: Duration = Duration::from_secs(60);

//! Small clients of our own, one for FTP and FTPS and one for SFTP: one thread drives one session.
//!
//! They share two cores with the server that they measure, so they spend as little as they can.

pub(crate) mod account;
pub(crate) mod dialer;
pub(crate) mod ftp;
pub(crate) mod payload;
pub(crate) mod sftp;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use clap::ValueEnum;
use rustls::ClientConfig;
use serde::Serialize;

use account::Account;
use payload::Payload;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    /// FTP in clear.
    Ftp,
    /// Explicit FTPS, data connections protected.
    Ftps,
    /// SFTP version 3 over SSH.
    Sftp,
}

/// Whom to load and as whom.
#[derive(Clone)]
pub(crate) struct Target {
    /// The control port, or the port of SSH.
    pub(crate) address: SocketAddr,
    /// Where data connections go instead of there, to the port that the server names.
    pub(crate) data: Option<IpAddr>,
    /// Who logs in; shared by all clients of a run.
    pub(crate) account: Arc<Account>,
    /// How.
    pub(crate) wire: Wire,
}

/// What lies between the socket and the protocol.
#[derive(Clone)]
pub(crate) enum Wire {
    /// Nothing.
    Clear,
    /// AUTH TLS with this configuration; each session gets its own ticket store.
    Tls(Arc<ClientConfig>),
    /// SSH with these settings.
    Ssh(Arc<sftp::ssh::Settings>),
}

impl Target {
    /// What is spoken there.
    pub(crate) fn protocol(&self) -> Protocol {
        match &self.wire {
            Wire::Clear => Protocol::Ftp,
            Wire::Tls(_) => Protocol::Ftps,
            Wire::Ssh(_) => Protocol::Sftp,
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {:?} by {}", self.address, self.account, self.protocol().name())
    }
}

impl Protocol {
    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ftp => "FTP",
            Self::Ftps => "FTPS",
            Self::Sftp => "SFTP",
        }
    }
}

/// Why an operation failed; its display form is the kind under which the report counts it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A step of the operation got another reply than the one it needs; made by [`Error::reply`].
    #[error("{step}: {code} {text}")]
    Reply { step: &'static str, code: u32, text: String },
    /// The server said something that the protocol does not allow there.
    #[error("{0}: no valid reply")]
    Protocol(&'static str),
    /// The server closed the connection or the channel.
    #[error("{0}: connection closed")]
    Closed(&'static str),
    /// Nothing came within [`TIMEOUT`].
    #[error("{0}: timed out")]
    Late(&'static str),
    /// The TLS library refused what the server sent.
    #[error("{0}: TLS: {1}")]
    Tls(&'static str, rustls::Error),
    /// The SSH library refused what the server sent.
    #[error("{0}: SSH: {1}")]
    Ssh(&'static str, russh::Error),
    /// The server does not take the password.
    #[error("login refused")]
    Refused,
    /// The protocol has no such operation.
    #[error("{0}: not in this protocol")]
    Unsupported(&'static str),
    /// The socket failed.
    #[error("{0}: {kind}", kind = .1.kind())]
    Io(&'static str, io::Error),
}

impl Error {
    /// A reply that is not the one that is needed. Its text goes to terminals and into reports, and a
    /// server may send anything: control characters become spaces, and it is cut short.
    pub(crate) fn reply(step: &'static str, code: u32, text: &str) -> Self {
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        Self::Reply { step, code, text: text.chars().take(TEXT_MAX).map(plain).collect() }
    }

    /// Binds an I/O error to the step in which it happened.
    pub(crate) fn io(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| match error.downcast::<rustls::Error>() {
            Ok(tls) => Self::Tls(step, tls),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Late(step),
            Err(error) => Self::Io(step, error),
        }
    }
}

/// What one transfer moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Payload bytes.
    pub(crate) bytes: u64,
    /// Lines or entries, counted in listings only.
    pub(crate) entries: u64,
    /// The data connection resumed a TLS session.
    pub(crate) resumed: bool,
    /// The server ended the TLS stream without its close alert.
    pub(crate) truncated: bool,
    /// The part of the time that is of interest, where it is not all.
    pub(crate) timed: Option<Duration>,
}

/// How to ask for a passive port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passive {
    /// PASV.
    Short,
    /// EPSV (RFC 2428).
    Extended,
}

impl Passive {
    fn name(self) -> &'static str {
        match self {
            Self::Short => "PASV",
            Self::Extended => "EPSV",
        }
    }
}

/// A session that is logged in.
pub(crate) enum Session {
    /// By FTP or FTPS.
    Ftp(ftp::Session),
    /// By SFTP; an SSH session is large beside an FTP session.
    Sftp(Box<sftp::Session>),
}

impl Session {
    /// Sets the session up for transfers.
    pub(crate) fn prepare(&mut self) -> Result<(), Error> {
        match self {
            Self::Ftp(session) => session.prepare(),
            Self::Sftp(_) => Ok(()),
        }
    }

    /// One round trip: NOOP, REALPATH.
    pub(crate) fn noop(&mut self) -> Result<(), Error> {
        match self {
            Self::Ftp(session) => session.noop(),
            Self::Sftp(session) => session.realpath(),
        }
    }

    /// One round trip with facts in the reply: PWD, STAT.
    pub(crate) fn pwd(&mut self) -> Result<(), Error> {
        match self {
            Self::Ftp(session) => session.pwd(),
            Self::Sftp(session) => session.size(".").map(drop),
        }
    }

    /// Gives a file another name: RNFR and RNTO, RENAME.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        match self {
            Self::Ftp(session) => session.rename(from, to),
            Self::Sftp(session) => session.rename(from, to),
        }
    }

    /// Deletes a file: DELE, REMOVE.
    pub(crate) fn remove(&mut self, path: &str) -> Result<(), Error> {
        match self {
            Self::Ftp(session) => session.remove(path),
            Self::Sftp(session) => session.remove(path),
        }
    }

    /// The size of a file, `None` if there is none.
    pub(crate) fn size(&mut self, path: &str) -> Result<Option<u64>, Error> {
        match self {
            Self::Ftp(session) => session.size(path),
            Self::Sftp(session) => session.size(path),
        }
    }

    /// Retrieves a file of `size` bytes and drops them.
    pub(crate) fn download(&mut self, path: &str, size: u64) -> Result<Moved, Error> {
        let moved = match self {
            Self::Ftp(session) => session.download(path)?,
            Self::Sftp(session) => session.download(path, size)?,
        };
        if moved.bytes == size { Ok(moved) } else { Err(Error::Protocol("wrong length")) }
    }

    /// Stores `size` bytes under `path`.
    pub(crate) fn upload(
        &mut self,
        path: &str,
        payload: &Payload,
        size: u64,
    ) -> Result<Moved, Error> {
        match self {
            Self::Ftp(session) => session.upload(path, payload, size),
            Self::Sftp(session) => session.upload(path, payload, size),
        }
    }

    /// Lists a directory by LIST or READDIR and counts what comes.
    pub(crate) fn list(&mut self, path: &str) -> Result<Moved, Error> {
        match self {
            Self::Ftp(session) => session.list("LIST", path),
            Self::Sftp(session) => session.list(path),
        }
    }

    /// Lists a directory by MLSD and counts the lines.
    pub(crate) fn mlsd(&mut self, path: &str) -> Result<Moved, Error> {
        match self {
            Self::Ftp(session) => session.list("MLSD", path),
            Self::Sftp(_) => Err(Error::Unsupported("MLSD")),
        }
    }

    /// PASV or EPSV to its reply, which is timed; then a data connection that carries nothing.
    pub(crate) fn offer(&mut self, passive: Passive) -> Result<Moved, Error> {
        match self {
            Self::Ftp(session) => session.offer(passive),
            Self::Sftp(_) => Err(Error::Unsupported(passive.name())),
        }
    }

    /// Retrieves a file; from connecting its data connection to its first byte is timed.
    pub(crate) fn first_byte(&mut self, path: &str) -> Result<Moved, Error> {
        match self {
            Self::Ftp(session) => session.first_byte(path),
            Self::Sftp(_) => Err(Error::Unsupported("first byte")),
        }
    }

    /// Says goodbye and closes.
    pub(crate) fn quit(self) -> Result<(), Error> {
        match self {
            Self::Ftp(session) => session.quit(),
            Self::Sftp(session) => session.quit(),
        }
    }
}

/// Connects with deadlines on every later wait; `quick` turns Nagle's algorithm off.
pub(crate) fn connect(address: SocketAddr, quick: bool) -> Result<std::net::TcpStream, Error> {
    connect_from(None, address, quick)
}

/// Connects from an address of this machine, or from the one that the kernel picks.
pub(crate) fn connect_from(
    source: Option<IpAddr>,
    address: SocketAddr,
    quick: bool,
) -> Result<std::net::TcpStream, Error> {
    let open = || -> io::Result<std::net::TcpStream> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        // The write deadline bounds connect as well (socket(7)).
        socket.set_write_timeout(Some(TIMEOUT))?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        if let Some(source) = source {
            // Each address has some 28,000 ports; those of many connections need several addresses.
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
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

/// How much of an unexpected reply the report shows, in characters.
const TEXT_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_can_not_command_a_terminal() {
        let error = Error::reply("RETR", 550, "\u{1b}[2Jno\nfile\u{9b}1m");
        assert_eq!(error.to_string(), "RETR: 550  [2Jno file 1m");
        let long = Error::reply("RETR", 550, &"x".repeat(1000)).to_string();
        assert_eq!(long.len(), "RETR: 550 ".len() + TEXT_MAX);
    }
}

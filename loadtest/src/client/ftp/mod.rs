//! FTP and FTPS over blocking sockets: one write per command, no poll, downloads dropped inside
//! the kernel, uploads sent out of it.

pub(crate) mod control;
pub(crate) mod data;
pub(crate) mod tls;

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;

use super::payload::Payload;
use super::{Error, Moved, Passive, Target, connect_from};
use control::Control;
use data::Sink;

/// A session that is logged in.
#[derive(Debug)]
pub(crate) struct Session {
    control: Control,
    /// Where data connections go.
    data: IpAddr,
    /// The address of this machine that connections come from; `None`: the kernel picks.
    source: Option<IpAddr>,
    tls: Option<Arc<ClientConfig>>,
    sink: Sink,
}

impl Session {
    /// Connects, changes to TLS if there is a configuration for it, and logs in.
    pub(crate) fn open(
        target: &Target,
        tls: Option<&Arc<ClientConfig>>,
        source: Option<IpAddr>,
    ) -> Result<Self, Error> {
        let mut control = Control::connect(target.address, source)?;
        let tls = tls.map(|config| tls::with_own_tickets(config));
        if let Some(config) = &tls {
            control.expect("AUTH", b"AUTH TLS\r\n", &[234])?;
            control.upgrade(config)?;
        }
        let user = format!("USER {}\r\n", target.account.user());
        if control.expect("USER", user.as_bytes(), &[331, 230])? == 331 {
            let password = format!("PASS {}\r\n", target.account.password());
            control.expect("PASS", password.as_bytes(), &[230])?;
        }
        let data = target.data.unwrap_or(target.address.ip());
        Ok(Self { control, data, source, tls, sink: Sink::default() })
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

    /// Gives a file another name.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        self.control.expect("RNFR", format!("RNFR {from}\r\n").as_bytes(), &[350])?;
        self.control.expect("RNTO", format!("RNTO {to}\r\n").as_bytes(), &[250]).map(drop)
    }

    /// Deletes a file.
    pub(crate) fn remove(&mut self, path: &str) -> Result<(), Error> {
        self.control.expect("DELE", format!("DELE {path}\r\n").as_bytes(), &[250]).map(drop)
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

    /// Asks for a passive port, which is timed, and connects to it, so that the server has it again.
    pub(crate) fn offer(&mut self, passive: Passive) -> Result<Moved, Error> {
        let begun = Instant::now();
        let port = match passive {
            Passive::Short => self.control.passive()?,
            Passive::Extended => self.control.extended_passive()?,
        };
        let timed = Some(begun.elapsed());
        drop(self.connect(port, false)?);
        Ok(Moved { timed, ..Moved::default() })
    }

    /// Retrieves a file, in clear; from connecting the data connection to the first byte is timed.
    pub(crate) fn first_byte(&mut self, path: &str) -> Result<Moved, Error> {
        let port = self.control.passive()?;
        let line = format!("RETR {path}\r\n");
        let begun = Instant::now();
        let stream = self.connect(port, false)?;
        self.control.send("RETR", line.as_bytes())?;
        data::wait(&stream)?;
        let timed = Some(begun.elapsed());
        self.control.reply("RETR", &[150, 125])?;
        let moved = data::drain(&stream, &mut self.sink, false)?;
        drop(stream);
        self.control.reply("RETR", &[226, 250])?;
        Ok(Moved { timed, ..moved })
    }

    fn connect(&self, port: u16, quick: bool) -> Result<TcpStream, Error> {
        connect_from(self.source, SocketAddr::new(self.data, port), quick)
    }

    /// Opens the passive data connection and prepares the command that will use it.
    fn start(&mut self, verb: &str, path: &str) -> Result<(String, TcpStream), Error> {
        let port = match self.control.peer().ip() {
            IpAddr::V4(_) => self.control.passive()?,
            IpAddr::V6(_) => self.control.extended_passive()?,
        };
        let stream = self.connect(port, self.tls.is_some())?;
        Ok((format!("{verb} {path}\r\n"), stream))
    }
}

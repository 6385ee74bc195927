//! The control connection of a visitor, and its listings.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use zeroize::Zeroizing;

use super::door::{Door, Manner};
use super::shield::{Shield, is_stranger};
use super::wire::{Timed, Wire};
use super::{Trouble, Visitor, passive};

/// A control connection that is logged in.
pub(super) struct Guest {
    reader: BufReader<Wire>,
    peer: SocketAddr,
    shield: Option<Shield>,
    /// All must be over by then.
    until: Instant,
}

impl Guest {
    /// Comes in by this door.
    pub(super) fn enter(
        door: &Door,
        shield: Option<Shield>,
        visitor: &Visitor,
        until: Instant,
    ) -> Result<Self, Trouble> {
        let peer = door.address;
        let firewall =
            "nothing comes through: look at the security groups and firewalls on the way";
        let stream = Timed::connect(peer, until)
            .map_err(|error| Trouble::new(format!("{peer}: {error}"), firewall))?;
        let wire = match (&shield, door.manner) {
            (Some(shield), Manner::Implicit) => protect(shield, stream, "control")?,
            _ => Wire::Clear(stream),
        };
        let mut guest = Self { reader: BufReader::new(wire), peer, shield, until };
        let late = "a balancer with a late PROXY header needs ingress.proxy_protocol = \"late\"; of \
                    implicit TLS --address ftps://HOST:PORT tells";
        let (code, text) = guest
            .reply()
            .map_err(|error| Trouble::new(format!("no greeting from {peer}: {error}"), late))?;
        if code != 220 {
            return Err(Trouble::new(
                format!("{peer} answers {code} {text}"),
                "wait, or see its log",
            ));
        }
        if door.manner == Manner::Asked {
            guest = guest.secure()?;
        }
        guest.log_in(visitor)?;
        if guest.shield.is_some() {
            guest.say("PBSZ", b"0", &[200], LOG)?;
            guest.say("PROT", b"P", &[200], LOG)?;
        }
        Ok(guest)
    }

    /// From here on under TLS.
    fn secure(mut self) -> Result<Self, Trouble> {
        self.say("AUTH", b"TLS", &[234], "ftp.tls says that this node has TLS: see its log")?;
        // What came in clear behind the answer was nobody's to say: it goes with the buffer.
        let (Some(shield), Wire::Clear(stream)) = (&self.shield, self.reader.into_inner()) else {
            return Err(Trouble::new("the connection has TLS already", LOG));
        };
        let reader = BufReader::new(protect(shield, stream, "control")?);
        Ok(Self { reader, peer: self.peer, shield: self.shield, until: self.until })
    }

    fn log_in(&mut self, visitor: &Visitor) -> Result<(), Trouble> {
        let fix = "check the user and its password: flotilla user ls";
        match self.say("USER", visitor.user.as_bytes(), &[331, 230, 232], fix)? {
            331 => self.say("PASS", visitor.password.expose(), &[230, 202], fix).map(drop),
            _ => Ok(()),
        }
    }

    /// One listing over a passive connection: what was seen.
    pub(super) fn list(&mut self, verb: &'static str) -> Result<String, Trouble> {
        let broken = |error: io::Error| Trouble::new(format!("{verb}: {error}"), LOG);
        let (code, text) = self.ask(verb, b"").map_err(broken)?;
        match (code, verb) {
            (227 | 229, _) => {}
            (522, "EPSV") => return Ok(format!("refused, as in mode \"balanced\": {text}")),
            (500..=599, "PASV") if self.peer.is_ipv6() => {
                return Ok("refused, as over IPv6".to_owned());
            }
            _ => {
                let fix = "425 means that no passive port is free: flotilla ports";
                return Err(Trouble::new(format!("{verb} is answered with {code} {text}"), fix));
            }
        }
        let odd = || Trouble::new(format!("{verb}: \"{text}\" can not be read"), LOG);
        let data = passive::address(verb, &text, self.peer).ok_or_else(odd)?;
        let connected = Timed::connect(data, self.until)
            .map_err(|error| Trouble::new(format!("{verb} says {data}: {error}"), UNREACHABLE))?;
        let (code, text) = self.ask("NLST", b"").map_err(broken)?;
        if !matches!(code, 125 | 150) {
            return Err(Trouble::new(format!("NLST is answered with {code} {text}"), LOG));
        }
        let count = self.take(connected, data)?;
        let (code, text) = self.reply().map_err(broken)?;
        match code {
            226 | 250 => Ok(format!("{data}: a listing of {count} bytes")),
            // That was our doing.
            426 | 451 if count >= LISTING_BYTES_MAX => {
                Ok(format!("{data}: {count} bytes and more"))
            }
            _ => Err(Trouble::new(format!("the listing ends with {code} {text}"), LOG)),
        }
    }

    /// How many bytes come over a connection for data.
    fn take(&self, connected: Timed, data: SocketAddr) -> Result<u64, Trouble> {
        let connected = match &self.shield {
            Some(shield) => protect(shield, connected, "data")?,
            None => Wire::Clear(connected),
        };
        io::copy(&mut connected.take(LISTING_BYTES_MAX), &mut io::sink())
            .map_err(|error| Trouble::new(format!("no data from {data}: {error}"), UNREACHABLE))
    }

    /// A command that must have one of these answers.
    fn say(
        &mut self,
        verb: &str,
        argument: &[u8],
        codes: &[u16],
        fix: &str,
    ) -> Result<u16, Trouble> {
        let asked = self.ask(verb, argument);
        let (code, text) = asked.map_err(|error| Trouble::new(format!("{verb}: {error}"), LOG))?;
        match codes.contains(&code) {
            true => Ok(code),
            false => Err(Trouble::new(format!("{verb} is answered with {code} {text}"), fix)),
        }
    }

    fn ask(&mut self, verb: &str, argument: &[u8]) -> io::Result<(u16, String)> {
        if argument.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a line break in it"));
        }
        let gap: &[u8] = if argument.is_empty() { b"" } else { b" " };
        let line = Zeroizing::new([verb.as_bytes(), gap, argument, b"\r\n"].concat());
        self.reader.get_mut().write_all(&line)?;
        self.reply()
    }

    /// The last line of a reply, of however many.
    fn reply(&mut self) -> io::Result<(u16, String)> {
        for _ in 0..LINES_MAX {
            let mut line = Vec::new();
            let read =
                Read::by_ref(&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&line);
            let code = line.get(..3).and_then(|code| code.parse().ok());
            if let (Some(code), Some(" ")) = (code, line.get(3..4)) {
                return Ok((code, line.get(4..).unwrap_or_default().trim().to_owned()));
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "a reply without an end"))
    }
}

fn protect(shield: &Shield, stream: Timed, what: &str) -> Result<Wire, Trouble> {
    let refused = |error: io::Error| match is_stranger(&error) {
        true => Trouble::new(
            format!("the {what} connection shows a certificate that is not in this configuration"),
            "give all nodes the same tls.certificate, and reload them (SIGHUP)",
        ),
        false => Trouble::new(format!("no TLS on the {what} connection: {error}"), LOG),
    };
    shield.protect(stream).map_err(refused)
}

/// What helps if the node answers oddly.
const LOG: &str = "see the node's log";
const UNREACHABLE: &str = "the address or port can not be reached from here: ftp.passive.address, \
                           ingress.addresses, and the passive range in security groups and listeners";
const LINE_BYTES_MAX: u64 = 4096;
const LINES_MAX: usize = 1000;
/// A folder with more is known to work by then.
const LISTING_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;

//! A client like any other: logs in by the name that clients use, and lists its folder over PASV and over EPSV.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::{Finding, Patient};
use crate::auth::Secret;
use crate::config::TlsMode;

/// Who logs in, and where.
pub(crate) struct Visitor {
    /// A user of the users file.
    pub(crate) user: String,
    /// Its password.
    pub(crate) password: Secret,
    /// `ftp.example.org:21`; `None`: `aws.dns_name`, or the node itself.
    pub(crate) address: Option<String>,
}

/// The visit.
pub(super) fn visit(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "visit";
    let Some(visitor) = &patient.visitor else {
        let fix = "try it with --user NAME --password-file FILE";
        return vec![Finding::skipped(CHECK, "nobody was told to log in", fix)];
    };
    if patient.config.ftp.tls == TlsMode::Required {
        let fix = "try curl --ssl-reqd ftp://NAME@HOST/";
        return vec![Finding::skipped(
            CHECK,
            "ftp.tls is required: this visitor speaks clear FTP",
            fix,
        )];
    }
    let address = match find(patient, visitor) {
        Ok(address) => address,
        Err(reason) => {
            return vec![Finding::bad(CHECK, reason, "see the check of the name above")];
        }
    };
    let mut guest = match Guest::enter(address, visitor) {
        Ok(guest) => guest,
        Err(Trouble { saw, fix }) => return vec![Finding::bad(CHECK, saw, fix)],
    };
    let mut findings = vec![Finding::fine(CHECK, format!("{} logs in at {address}", visitor.user))];
    findings.push(guest.list("PASV", passive_address));
    findings.push(guest.list("EPSV", |text, peer| {
        let port = text.rsplit('|').nth(1)?.parse().ok()?;
        Some(SocketAddr::new(peer.ip(), port))
    }));
    findings
}

fn find(patient: &Patient<'_>, visitor: &Visitor) -> Result<SocketAddr, String> {
    let config = patient.config;
    let own = config.ftp.listen.iter().find(|address| address.port() != 0);
    let port = own.map_or(21, SocketAddr::port);
    let place = match (&visitor.address, &config.aws.dns_name, own) {
        (Some(address), ..) => address.clone(),
        (None, Some(name), _) => format!("{name}:{port}"),
        (None, None, Some(own)) => crate::cli::ping::reachable(*own).to_string(),
        (None, None, None) => return Err("ftp.listen is empty or has no fixed port".to_owned()),
    };
    let found = place.to_socket_addrs().map_err(|error| format!("{place}: {error}"))?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.into_iter().next().ok_or_else(|| format!("{place} leads nowhere"))
}

struct Trouble {
    saw: String,
    fix: String,
}

impl Trouble {
    fn new(saw: impl Into<String>, fix: &str) -> Self {
        Self { saw: saw.into(), fix: fix.to_owned() }
    }
}

/// A control connection that is logged in.
struct Guest {
    reader: BufReader<TcpStream>,
    peer: SocketAddr,
}

impl Guest {
    fn enter(address: SocketAddr, visitor: &Visitor) -> Result<Self, Trouble> {
        let firewall =
            "nothing comes through: look at the security groups and firewalls on the way";
        let silent = |error: io::Error| Trouble::new(format!("{address}: {error}"), firewall);
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(silent)?;
        let bounded = |stream: &TcpStream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))
        };
        bounded(&stream).map_err(silent)?;
        let mut guest = Self { reader: BufReader::new(stream), peer: address };
        let late = "a balancer with a late PROXY header needs ingress.proxy_protocol = \"late\"";
        let (code, text) = guest
            .reply()
            .map_err(|error| Trouble::new(format!("no greeting from {address}: {error}"), late))?;
        if code != 220 {
            return Err(Trouble::new(
                format!("{address} answers {code} {text}"),
                "wait, or see its log",
            ));
        }
        let steps = [
            ("USER", visitor.user.as_str(), [331, 230]),
            ("PASS", str::from_utf8(visitor.password.expose()).unwrap_or_default(), [230, 202]),
        ];
        for (verb, argument, codes) in steps {
            let (code, text) = guest.ask(&format!("{verb} {argument}")).map_err(silent)?;
            if !codes.contains(&code) {
                let saw = format!("{verb} is answered with {code} {text}");
                return Err(Trouble::new(saw, "check the user and its password: flotilla user ls"));
            }
        }
        Ok(guest)
    }

    /// One listing over a passive connection.
    fn list(
        &mut self,
        verb: &'static str,
        place: fn(&str, SocketAddr) -> Option<SocketAddr>,
    ) -> Finding {
        let check = if verb == "PASV" { "visit by PASV" } else { "visit by EPSV" };
        match self.try_list(verb, place) {
            Ok(saw) => Finding::fine(check, saw),
            Err(Trouble { saw, fix }) => Finding::bad(check, saw, fix),
        }
    }

    fn try_list(
        &mut self,
        verb: &'static str,
        place: fn(&str, SocketAddr) -> Option<SocketAddr>,
    ) -> Result<String, Trouble> {
        let broken =
            |error: io::Error| Trouble::new(format!("{verb}: {error}"), "see the node's log");
        let (code, text) = self.ask(verb).map_err(broken)?;
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
        let odd =
            || Trouble::new(format!("{verb}: \"{text}\" can not be read"), "see the node's log");
        let data = place(&text, self.peer).ok_or_else(odd)?;
        let unreachable = "the address or port can not be reached from here: ftp.passive.address, \
                           ingress.addresses, and the passive range in security groups and listeners";
        let connected = TcpStream::connect_timeout(&data, PATIENCE);
        let mut connected = connected
            .map_err(|error| Trouble::new(format!("{verb} says {data}: {error}"), unreachable))?;
        connected.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
        let (code, text) = self.ask("NLST").map_err(broken)?;
        if !matches!(code, 125 | 150) {
            return Err(Trouble::new(
                format!("NLST is answered with {code} {text}"),
                "see the node's log",
            ));
        }
        let mut listing = Vec::new();
        let read = Read::by_ref(&mut connected).take(LISTING_BYTES_MAX).read_to_end(&mut listing);
        read.map_err(|error| Trouble::new(format!("no data from {data}: {error}"), unreachable))?;
        drop(connected);
        let (code, text) = self.reply().map_err(broken)?;
        match code {
            226 | 250 => Ok(format!("{data}: a listing of {} bytes", listing.len())),
            _ => Err(Trouble::new(
                format!("the listing ends with {code} {text}"),
                "see the node's log",
            )),
        }
    }

    fn ask(&mut self, line: &str) -> io::Result<(u16, String)> {
        if line.contains(['\r', '\n']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a line break in it"));
        }
        self.reader.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
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

/// RFC 959, 4.2: `227 =h1,h2,h3,h4,p1,p2`, wherever it stands in the text.
fn passive_address(text: &str, _: SocketAddr) -> Option<SocketAddr> {
    let digits = |c: char| c.is_ascii_digit() || c == ',';
    let numbers = text.split(|c| !digits(c)).find(|part| part.matches(',').count() == 5)?;
    let numbers: Vec<u8> = numbers.split(',').filter_map(|number| number.parse().ok()).collect();
    let [a, b, c, d, high, low] = numbers.try_into().ok()?;
    Some(SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))))
}

/// For each step.
const PATIENCE: Duration = Duration::from_secs(5);
const LINE_BYTES_MAX: u64 = 4096;
const LINES_MAX: usize = 1000;
/// A folder with more is known to work by then.
const LISTING_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passive_replies_are_read() {
        let peer = SocketAddr::from(([127, 0, 0, 1], 21));
        let read = |text: &str| passive_address(text, peer).map(|address| address.to_string());
        let usual = "Entering Passive Mode (192,0,2,7,238,1).";
        assert_eq!(read(usual).as_deref(), Some("192.0.2.7:60929"));
        assert_eq!(read("=192,0,2,7,238,1").as_deref(), Some("192.0.2.7:60929"));
        assert_eq!(read("Entering Passive Mode (192,0,2,700,238,1)."), None);
        assert_eq!(read("no"), None);
    }
}

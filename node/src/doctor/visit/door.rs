//! Where a visitor goes, and how it is protected there.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use rustls::pki_types::ServerName;

use super::Trouble;
use super::shield::Shield;
use crate::cli::ping;
use crate::config::{Config, TlsMode};

/// Where the visitor goes.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// By which it was found, for the handshake.
    host: String,
    pub(super) manner: Manner,
}

/// How a visitor protects what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Clear,
    /// By AUTH TLS (RFC 4217).
    Asked,
    /// From the first byte.
    Implicit,
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear => "in clear",
            Self::Asked => "under TLS",
            Self::Implicit => "under implicit TLS",
        })
    }
}

impl Door {
    /// The address that was given, the name in DNS, or the node itself.
    pub(super) fn find(config: &Config, given: Option<&str>) -> Result<Self, String> {
        let ftp = &config.ftp;
        let implicit = (&ftp.implicit_tls, Manner::Implicit);
        let (listen, manner) = match ftp.tls {
            _ if ftp.listen.is_empty() => implicit,
            TlsMode::Off if !ftp.implicit_tls.is_empty() => implicit,
            TlsMode::Off => (&ftp.listen, Manner::Clear),
            TlsMode::Optional | TlsMode::Required => (&ftp.listen, Manner::Asked),
        };
        let own = listen.iter().find(|address| address.port() != 0);
        let port = own.map_or(21, SocketAddr::port);
        let place = match (given, &config.aws.dns_name, own) {
            (Some(given), ..) => given.to_owned(),
            (None, Some(name), _) => format!("{name}:{port}"),
            (None, None, Some(own)) => ping::reachable(*own).to_string(),
            (None, None, None) => {
                return Err("ftp.listen and ftp.implicit_tls have no fixed port".to_owned());
            }
        };
        let (place, manner) = match (place.strip_prefix(IMPLICIT), given) {
            (Some(place), _) => (place.to_owned(), Manner::Implicit),
            // Whoever names a place and not how to go there means a server of FTP, unless there is none.
            (None, Some(_)) if manner == Manner::Implicit && !ftp.listen.is_empty() => {
                (place, Manner::Clear)
            }
            (None, _) => (place, manner),
        };
        let found = place.to_socket_addrs().map_err(|error| format!("{place}: {error}"))?;
        let address = found.min_by_key(SocketAddr::is_ipv6);
        let address = address.ok_or_else(|| format!("{place} leads nowhere"))?;
        let host = place.rsplit_once(':').map_or(place.as_str(), |(host, _)| host);
        Ok(Self { address, host: host.trim_matches(['[', ']']).to_owned(), manner })
    }

    /// There, and so.
    #[cfg(test)]
    pub(super) fn to(address: SocketAddr, manner: Manner) -> Self {
        Self { address, host: address.ip().to_string(), manner }
    }

    /// What the visitor needs to be protected so; `None` in clear.
    pub(super) fn shield(&self, config: &Config) -> Result<Option<Shield>, Trouble> {
        if self.manner == Manner::Clear {
            return Ok(None);
        }
        let name = ServerName::try_from(self.host.clone());
        let name = name.unwrap_or_else(|_| ServerName::from(self.address.ip()));
        Shield::new(config, name).map(Some)
    }
}

/// In front of an address where TLS begins with the first byte.
const IMPLICIT: &str = "ftps://";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    type Flag = (&'static str, &'static str);

    #[track_caller]
    fn assert_leads(flags: &[Flag], given: Option<&str>, address: &str, manner: Manner) {
        let (config, _) = load_flags(flags).unwrap();
        let door = Door::find(&config, given).unwrap();
        assert_eq!((door.address.to_string().as_str(), door.manner), (address, manner));
    }

    const FTP: Flag = ("ftp.listen", "127.0.0.1:21");
    const FTPS: Flag = ("ftp.implicit_tls", "127.0.0.1:990");
    const OFF: Flag = ("ftp.tls", "off");

    #[test]
    fn a_password_goes_in_clear_only_where_there_is_no_tls() {
        assert_leads(&[FTP, FTPS], None, FTP.1, Manner::Asked);
        assert_leads(&[FTP, FTPS, OFF], None, FTPS.1, Manner::Implicit);
        assert_leads(&[FTP, ("ftp.implicit_tls", ""), OFF], None, FTP.1, Manner::Clear);
        let alone = [("ftp.listen", ""), FTPS];
        assert_leads(&alone, None, FTPS.1, Manner::Implicit);
        assert_leads(&alone, Some("127.0.0.2:2990"), "127.0.0.2:2990", Manner::Implicit);
    }

    #[test]
    fn an_address_says_how_to_go_there() {
        assert_leads(&[FTP], Some("127.0.0.2:2121"), "127.0.0.2:2121", Manner::Asked);
        assert_leads(&[FTP], Some("ftps://127.0.0.2:2990"), "127.0.0.2:2990", Manner::Implicit);
        assert_leads(&[FTP], Some("ftps://[::1]:2990"), "[::1]:2990", Manner::Implicit);
        let (config, _) = load_flags(&[FTP]).unwrap();
        assert!(Door::find(&config, Some("127.0.0.2")).is_err());
    }
}

//! Where Redis is: `pool.store` of the configuration.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// One Redis, or a group of them, and who asks there. Never holds a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether everything goes over TLS, the Sentinels included.
    pub(super) tls: bool,
    /// The ACL user; `None`: the default one.
    pub(super) user: Option<String>,
    pub(super) place: Place,
}

/// How the Redis that answers is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is this one.
    Single { host: Host, database: u16 },
    /// Sentinels know it by this name.
    Sentinel { sentinels: Vec<Host>, master: String },
    /// It is one of a cluster, of which some are known.
    Cluster { seeds: Vec<Host> },
}

/// Where a process listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// A name or an IP address, without brackets.
    pub(super) name: String,
    pub(super) port: u16,
}

/// Why a text is no address of Redis. The text itself is not in it: a password may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct AddressError(String);

impl AddressError {
    /// What was expected in its place.
    pub fn wanted(&self) -> &str {
        &self.0
    }
}

impl Address {
    /// Whether it is reached over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Where it is asked first, each as `host:port`.
    pub fn hosts(&self) -> Vec<String> {
        match &self.place {
            Place::Single { host, .. } => vec![host.to_string()],
            Place::Sentinel { sentinels, .. } => sentinels.iter().map(Host::to_string).collect(),
            Place::Cluster { seeds } => seeds.iter().map(Host::to_string).collect(),
        }
    }

    /// For the operator: `redis 10.0.0.7:6379`, `redis sentinel main at a:26379, b:26379`.
    pub fn describe(&self) -> String {
        let list = |hosts: &[Host]| {
            let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
            hosts.join(", ")
        };
        match &self.place {
            Place::Single { host, .. } => format!("redis {host}"),
            Place::Sentinel { sentinels, master } => {
                format!("redis sentinel {master} at {}", list(sentinels))
            }
            Place::Cluster { seeds } => format!("redis cluster {}", list(seeds)),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(any_scheme)?;
        let (plain, tls) = match scheme.strip_prefix("rediss") {
            Some(rest) => (format!("redis{rest}"), true),
            None => (scheme.to_owned(), false),
        };
        // A password may hold any character, so the last one of these ends it.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user_name(user)?), rest),
            None => (None, rest),
        };
        if rest.contains(['?', '#']) {
            return Err(AddressError("an address without options behind ? or #".to_owned()));
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let place = match plain.as_str() {
            "redis" => single(hosts, path)?,
            "redis+sentinel" => sentinel(hosts, path)?,
            "redis+cluster" => cluster(hosts, path)?,
            _ => return Err(any_scheme()),
        };
        Ok(Self { tls, user, place })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, hosts, path) = match &self.place {
            Place::Single { host, database: 0 } => ("", std::slice::from_ref(host), String::new()),
            Place::Single { host, database } => {
                ("", std::slice::from_ref(host), format!("/{database}"))
            }
            Place::Sentinel { sentinels, master } => {
                ("+sentinel", sentinels.as_slice(), format!("/{master}"))
            }
            Place::Cluster { seeds } => ("+cluster", seeds.as_slice(), String::new()),
        };
        write!(f, "{}{kind}://", if self.tls { "rediss" } else { "redis" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        for (index, host) in hosts.iter().enumerate() {
            write!(f, "{}{host}", if index > 0 { "," } else { "" })?;
        }
        f.write_str(&path)
    }
}

impl Host {
    /// Reads `name`, `name:port`, `[v6]` or `[v6]:port`.
    fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, port)) => (name.parse::<Ipv6Addr>().ok().map(|_| name)?, port),
            None => {
                let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                (Some(name).filter(|name| !name.is_empty() && name.chars().all(fits))?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None if port.is_empty() => default_port,
            None => return None,
        };
        Some(Self { name: name.to_owned(), port })
    }

    /// As Redis writes it: an IPv6 address without brackets. A name that is missing is that of whoever
    /// said it.
    pub(super) fn redirected(text: &str, from: &Self) -> Option<Self> {
        let (name, port) = text.rsplit_once(':')?;
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = if matches!(name, "" | "?") { &from.name } else { name };
        Some(Self { name: name.to_owned(), port: port.parse().ok().filter(|port| *port > 0)? })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

fn user_name(text: &str) -> Result<String, AddressError> {
    if text.contains(':') {
        let wanted = "an address without a password, which belongs into pool.store_password_file";
        return Err(AddressError(wanted.to_owned()));
    }
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '%' | '/' | '@');
    if text.is_empty() || !text.chars().all(fits) {
        return Err(AddressError("a user of letters, digits and signs before @".to_owned()));
    }
    Ok(text.to_owned())
}

fn single(hosts: &str, path: &str) -> Result<Place, AddressError> {
    let wanted = || AddressError("redis://host:port, with /database if it is not 0".to_owned());
    let host = Host::parse(hosts, REDIS_PORT).ok_or_else(wanted)?;
    let database = if path.is_empty() { 0 } else { path.parse().map_err(|_| wanted())? };
    Ok(Place::Single { host, database })
}

fn sentinel(hosts: &str, path: &str) -> Result<Place, AddressError> {
    let wanted = || {
        let wanted = "redis+sentinel://host:port,host:port/NAME, the name of the master";
        AddressError(wanted.to_owned())
    };
    let sentinels = list(hosts, SENTINEL_PORT).ok_or_else(wanted)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if path.is_empty() || !path.chars().all(fits) {
        return Err(wanted());
    }
    Ok(Place::Sentinel { sentinels, master: path.to_owned() })
}

fn cluster(hosts: &str, path: &str) -> Result<Place, AddressError> {
    let wanted = || {
        AddressError("redis+cluster://host:port,host:port; a cluster has no databases".to_owned())
    };
    let seeds = list(hosts, REDIS_PORT).ok_or_else(wanted)?;
    if path.is_empty() { Ok(Place::Cluster { seeds }) } else { Err(wanted()) }
}

fn list(hosts: &str, default_port: u16) -> Option<Vec<Host>> {
    hosts.split(',').map(|host| Host::parse(host, default_port)).collect()
}

fn any_scheme() -> AddressError {
    let wanted = "an address that begins with redis://, redis+sentinel:// or redis+cluster://, or \
                  with rediss in place of redis for TLS";
    AddressError(wanted.to_owned())
}

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for (text, shown, described) in [
            ("redis://a", "redis://a:6379", "redis a:6379"),
            ("redis://10.0.0.7:7000/0", "redis://10.0.0.7:7000", "redis 10.0.0.7:7000"),
            ("rediss://me@[::1]/3", "rediss://me@[::1]:6379/3", "redis [::1]:6379"),
            (
                "redis+sentinel://a,b:7/main",
                "redis+sentinel://a:26379,b:7/main",
                "redis sentinel main at a:26379, b:7",
            ),
            (
                "rediss+cluster://x-y@a,[fe80::1]:7",
                "rediss+cluster://x-y@a:6379,[fe80::1]:7",
                "redis cluster a:6379, [fe80::1]:7",
            ),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.describe(), described);
            assert_eq!(shown.parse::<Address>().unwrap(), address);
            assert_eq!(address.is_tls(), text.starts_with("rediss"));
        }
    }

    #[test]
    fn passwords_are_refused_and_not_shown() {
        for text in [
            "redis://:hush@a",
            "redis://me:hush@a",
            "redis+sentinel://me:h@sh/1,@a/main",
            "rediss+cluster://me:hush?@a,b",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("pool.store_password_file"), "{error}");
            assert!(!error.contains("hush") && !error.contains("h@sh"), "{error}");
        }
    }

    #[test]
    fn slips_are_named() {
        for (text, reason) in [
            ("", "expected an address that begins with redis://"),
            ("localhost:6379", "expected an address that begins with redis://"),
            ("http://a", "expected an address that begins with redis://"),
            ("redis+sentinels://a/main", "expected an address that begins with redis://"),
            ("redis://", "expected redis://host:port"),
            ("redis://a,b", "expected redis://host:port"),
            ("redis://a:0", "expected redis://host:port"),
            ("redis://a:65536", "expected redis://host:port"),
            ("redis://a:1:2", "expected redis://host:port"),
            ("redis://[a]:1", "expected redis://host:port"),
            ("redis://[::1]1", "expected redis://host:port"),
            ("redis://a/x", "expected redis://host:port"),
            ("redis://a/1/2", "expected redis://host:port"),
            ("redis://a?protocol=resp3", "expected an address without options"),
            ("rediss://a/#insecure", "expected an address without options"),
            ("redis://@a", "expected a user"),
            ("redis://m%65@a", "expected a user"),
            ("redis+sentinel://a", "expected redis+sentinel://host:port,host:port/NAME"),
            ("redis+sentinel://a/", "expected redis+sentinel://host:port,host:port/NAME"),
            ("redis+sentinel://a/b/c", "expected redis+sentinel://host:port,host:port/NAME"),
            ("redis+cluster://a,,b", "expected redis+cluster://host:port,host:port"),
            ("redis+cluster://a/1", "expected redis+cluster://host:port,host:port"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.starts_with(reason), "{text}: {error}");
        }
    }

    #[test]
    fn redirections() {
        let from = host("10.0.0.1", 7000);
        for (text, to) in [
            ("10.0.0.2:7001", Some(host("10.0.0.2", 7001))),
            ("::1:7001", Some(host("::1", 7001))),
            ("[::1]:7001", Some(host("::1", 7001))),
            (":7001", Some(host("10.0.0.1", 7001))),
            ("?:7001", Some(host("10.0.0.1", 7001))),
            ("redis.example.org:7001", Some(host("redis.example.org", 7001))),
            ("10.0.0.2", None),
            ("10.0.0.2:0", None),
            ("10.0.0.2:x", None),
        ] {
            assert_eq!(Host::redirected(text, &from), to, "{text}");
        }
    }
}

//! Where the state of the pool lives: `pool.store`.

/// `pool.store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In this process: a pool of one node.
    Embedded,
    /// The URL of a Redis, with one of [`SCHEMES`], at least one host, and no password in it.
    Redis(String),
}

impl Store {
    /// Reads the text of the key.
    ///
    /// # Errors
    /// What is wrong, without the text: a password may be in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == EMBEDDED {
            return Ok(Self::Embedded);
        }
        let wanted = || {
            let schemes: Vec<_> = SCHEMES.iter().map(|scheme| format!("{scheme}://")).collect();
            format!("\"{EMBEDDED}\", or an address that begins with {}", schemes.join(", "))
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wanted)?;
        if !SCHEMES.contains(&scheme) {
            return Err(wanted());
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("an address without spaces".to_owned());
        }
        // A password may hold any of the characters that end it elsewhere.
        let after_user = rest.rsplit_once('@');
        if after_user.is_some_and(|(user, _)| user.contains(':')) {
            return Err("an address without a password, which belongs into \
                        pool.store_password_file"
                .to_owned());
        }
        let place = after_user.map_or(rest, |(_, place)| place);
        let end = place.find(['/', '?', '#']).unwrap_or(place.len());
        match place.get(..end).unwrap_or_default().split(',').all(is_host) {
            true => Ok(Self::Redis(text.to_owned())),
            false => Err(format!("{scheme}://host:port, several hosts with commas between them")),
        }
    }

    /// Whether it is reached over TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Redis(url) if url.starts_with("rediss"))
    }
}

/// `name`, `name:port`, `[::1]`, `[::1]:port`.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host.parse().ok().map(|_: std::net::Ipv6Addr| host), port),
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            (Some(host).filter(|host| host.chars().all(fits)), port)
        }
    };
    let port_fits = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => port.is_empty(),
    };
    host.is_some_and(|host| !host.is_empty()) && port_fits
}

/// The store in the process itself.
const EMBEDDED: &str = "embedded";
/// What the URL of a Redis may begin with; `rediss` is Redis over TLS.
pub const SCHEMES: [&str; 6] =
    ["redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(Store::parse("embedded"), Ok(Store::Embedded));
        for url in [
            "redis://127.0.0.1",
            "redis://[::1]:6379",
            "rediss://flotilla@redis.example.org:6380/1",
            "redis+sentinel://a:26379,b:26379,[2001:db8::1]/main",
            "rediss+cluster://a:6379,b:6379",
        ] {
            assert_eq!(Store::parse(url), Ok(Store::Redis(url.to_owned())));
            assert_eq!(Store::parse(url).unwrap().is_tls(), url.starts_with("rediss"));
        }
        assert!(!Store::Embedded.is_tls());
        for (text, reason) in [
            ("", "\"embedded\", or an address that begins with redis://, rediss://, "),
            ("localhost", "\"embedded\", or an address that begins"),
            ("http://a", "\"embedded\", or an address that begins"),
            ("redis://", "redis://host:port"),
            ("redis+cluster://a,,b", "redis+cluster://host:port"),
            ("redis://a:0", "redis://host:port"),
            ("redis://[a]:1", "redis://host:port"),
            ("redis://a:1:2", "redis://host:port"),
            ("redis://a b", "an address without spaces"),
            ("redis://:pass@a", "an address without a password"),
            ("redis://user:p@ss/w@a:6379", "an address without a password"),
        ] {
            let error = Store::parse(text).unwrap_err();
            assert!(error.starts_with(reason), "{text}: {error}");
            assert!(!error.contains("p@ss"), "{error}");
        }
    }
}

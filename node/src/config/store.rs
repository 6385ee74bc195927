//! Where the state of the pool lives: `pool.store`.

use flotilla_cluster::store::redis::Address;

/// `pool.store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In this process: a pool of one node.
    Embedded,
    /// A Redis, or several.
    Redis(Address),
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
        let address: Result<Address, _> = text.parse();
        address.map(Self::Redis).map_err(|error| match text.starts_with("redis") {
            true => error.wanted().to_owned(),
            false => format!("\"{EMBEDDED}\", or {}", error.wanted()),
        })
    }

    /// Whether it is reached over TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Redis(address) if address.is_tls())
    }
}

/// The store in the process itself.
const EMBEDDED: &str = "embedded";

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
            assert_eq!(Store::parse(url), Ok(Store::Redis(url.parse().unwrap())));
            assert_eq!(Store::parse(url).unwrap().is_tls(), url.starts_with("rediss"));
        }
        assert!(!Store::Embedded.is_tls());
        for (text, reason) in [
            ("", "\"embedded\", or an address that begins with redis://, "),
            ("localhost", "\"embedded\", or an address that begins"),
            ("http://a", "\"embedded\", or an address that begins"),
            ("redis://", "redis://host:port"),
            ("redis+cluster://a,,b", "redis+cluster://host:port"),
            ("redis://a:0", "redis://host:port"),
            ("redis://[a]:1", "redis://host:port"),
            ("redis://a:1:2", "redis://host:port"),
            ("redis://a b", "redis://host:port"),
            ("redis://a/x", "redis://host:port, with /database"),
            ("redis://a,b", "redis://host:port"),
            ("redis+sentinel://a", "redis+sentinel://host:port,host:port/NAME"),
            ("redis+cluster://a/1", "redis+cluster://host:port,host:port; a cluster has no"),
            ("redis+sentinels://a/main", "an address that begins with redis://, redis+sentinel://"),
            ("redis://a?db=1", "an address without options"),
            ("redis://@a", "a user of letters"),
            ("redis://:pass@a", "an address without a password"),
            ("redis://user:p@ss/w@a:6379", "an address without a password"),
        ] {
            let error = Store::parse(text).unwrap_err();
            assert!(error.starts_with(reason), "{text}: {error}");
            assert!(!error.contains("p@ss"), "{error}");
        }
    }
}

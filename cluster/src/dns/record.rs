//! Record sets as Route 53 has them (`ResourceRecordSet` of its API).

use std::fmt;
use std::net::IpAddr;

/// One record set. Several of one name and type differ in their identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSet {
    /// Small letters, no final dot.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// `SetIdentifier`; empty: a simple record, which is alone under its name and type.
    pub id: String,
    /// How it is chosen among those.
    pub routing: Routing,
    /// What it answers.
    pub target: Target,
    /// It is answered only while this health check is well; `None`: always.
    pub check: Option<String>,
}

/// What tells record sets apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: Kind,
    /// Identifier.
    pub id: String,
}

/// The type of a record set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
    /// Another one, which is never ours.
    Other(String),
}

/// How Route 53 chooses among the record sets of a name and type. It refuses to mix them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    /// There is no choice.
    Simple,
    /// By its share of the weights.
    Weighted(u8),
    /// Up to eight healthy ones at once.
    Multivalue,
    /// By the region that is nearest in time.
    Latency(String),
    /// By where the client is.
    Geolocation(Location),
    /// Another one, which is never ours.
    Other,
}

/// What a record set answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// These.
    Values {
        /// Seconds.
        ttl: u32,
        /// As they are listed.
        values: Vec<String>,
    },
    /// What another name of the zone answers.
    Alias {
        /// The zone of that name, by id.
        zone: String,
        /// Small letters, no final dot.
        name: String,
        /// It is well only while something there is.
        evaluate: bool,
    },
    /// Neither (`TrafficPolicyInstanceId`).
    Other,
}

/// A location that Route 53 tells apart (`GeoLocation`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// Whoever is nowhere else: `*`. Without it some get no answer.
    #[default]
    Default,
    /// `EU`.
    Continent(String),
    /// `DE`.
    Country(String),
    /// `US`, `CA`.
    Subdivision(String, String),
}

impl RecordSet {
    /// What tells it apart.
    pub fn key(&self) -> RecordKey {
        RecordKey { name: self.name.clone(), kind: self.kind.clone(), id: self.id.clone() }
    }

    /// Whether both are the same but for how their addresses are spelled, and for weights.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let weightless = |routing: &Routing| match routing {
            Routing::Weighted(_) => Routing::Weighted(0),
            other => other.clone(),
        };
        let one = Self { routing: weightless(&self.routing), ..self.clone() };
        let other = Self { routing: weightless(&other.routing), ..other.clone() };
        one.spelled_alike() == other.spelled_alike()
    }

    fn spelled_alike(mut self) -> Self {
        if let Target::Values { values, .. } = &mut self.target {
            for value in values {
                if let Ok(address) = value.parse::<IpAddr>() {
                    *value = address.to_string();
                }
            }
        }
        self
    }

    /// Its weight, if it has one.
    pub fn weight(&self) -> Option<u8> {
        match self.routing {
            Routing::Weighted(weight) => Some(weight),
            _ => None,
        }
    }

    /// The one address that it answers, if that is what it does.
    pub fn value(&self) -> Option<&str> {
        match &self.target {
            Target::Values { values, .. } => values.first().map(String::as_str),
            _ => None,
        }
    }

    /// How long its answer is kept, in seconds; an alias takes its target's.
    pub fn ttl(&self) -> Option<u32> {
        match &self.target {
            Target::Values { ttl, .. } => Some(*ttl),
            _ => None,
        }
    }

    /// The name that it refers to, if it is an alias.
    pub fn alias(&self) -> Option<&str> {
        match &self.target {
            Target::Alias { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl Routing {
    /// Whether Route 53 takes both under one name and type.
    pub fn mixes_with(&self, other: &Self) -> bool {
        !matches!(self, Self::Simple)
            && std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Kind {
    /// The two that this program writes.
    pub const OURS: [Self; 2] = [Self::A, Self::Aaaa];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Other(name) => name,
        })
    }
}

impl From<&str> for Kind {
    fn from(name: &str) -> Self {
        match name {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            _ => Self::Other(name.to_owned()),
        }
    }
}

impl Location {
    /// Reads it as in `aws.dns_location`; what can not be read is the default.
    pub fn read(text: &str) -> Self {
        match (text.strip_prefix("c:"), text.split_once('-')) {
            (Some(code), _) => Self::Continent(code.to_owned()),
            (None, Some((country, code))) => Self::Subdivision(country.to_owned(), code.to_owned()),
            (None, None) if text.is_empty() || text == "*" => Self::Default,
            (None, None) => Self::Country(text.to_owned()),
        }
    }
}

impl fmt::Display for Location {
    /// As in `aws.dns_location`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("*"),
            Self::Continent(code) => write!(f, "c:{code}"),
            Self::Country(code) => f.write_str(code),
            Self::Subdivision(country, code) => write!(f, "{country}-{code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read_as_they_are_written() {
        for text in ["*", "c:EU", "DE", "US-CA"] {
            assert_eq!(Location::read(text).to_string(), text);
        }
        assert_eq!(Location::read(""), Location::Default);
    }

    #[test]
    fn addresses_are_compared_and_not_their_spelling() {
        let set = |value: &str, weight| RecordSet {
            name: "ftp.example.org".to_owned(),
            kind: Kind::Aaaa,
            id: "x".to_owned(),
            routing: Routing::Weighted(weight),
            target: Target::Values { ttl: 60, values: vec![value.to_owned()] },
            check: None,
        };
        let short = set("2001:db8::1", 1);
        assert!(short.is_alike(&set("2001:0DB8:0:0:0:0:0:1", 2)));
        assert!(!short.is_alike(&set("2001:db8::2", 1)));
        assert!(!short.is_alike(&RecordSet { check: Some("c".to_owned()), ..short.clone() }));
    }

    #[test]
    fn policies_do_not_mix() {
        let weighted = Routing::Weighted(1);
        assert!(weighted.mixes_with(&Routing::Weighted(0)));
        assert!(!weighted.mixes_with(&Routing::Multivalue));
        assert!(!Routing::Simple.mixes_with(&Routing::Simple));
    }
}

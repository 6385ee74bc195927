//! Who may reach what: a protocol, ports, and where the connection comes from.

use std::fmt;

use ipnet::IpNet;

/// What one rule lets through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reach {
    /// Of what.
    pub protocol: Protocol,
    /// Where to. All of them for a protocol that has none.
    pub ports: Span,
    /// Where from; for an outbound rule, where to.
    pub source: Source,
}

/// A protocol, as AWS names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `-1`: every one, on every port.
    All,
    /// `tcp`, or `6`.
    Tcp,
    /// Any other, in its words: `udp`, `icmp`, `47`. None of ours.
    Other(String),
}

/// Ports `first..=last`. Unlike a passive range it may have port 0: so do rules for all ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    first: u16,
    last: u16,
}

/// Where connections come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A network of one family, without bits of a host: AWS stores 100.68.0.18/18 as 100.68.0.0/18.
    Network(IpNet),
    /// A prefix list, by its id: `pl-0123`.
    List(String),
    /// Whatever has this group, by its private addresses.
    Group(Place),
}

/// A group, whether it is there or yet to be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `sg-0123`
    Id(String),
    /// One that an earlier change of the same plan makes: a name is used once in a VPC.
    New {
        /// Its name.
        name: String,
        /// Where.
        vpc: String,
    },
}

impl Protocol {
    /// Reads `IpProtocol`.
    pub fn of(text: &str) -> Self {
        match text {
            "-1" | "all" => Self::All,
            "tcp" | "6" => Self::Tcp,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As `IpProtocol`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "-1",
            Self::Tcp => "tcp",
            Self::Other(other) => other,
        }
    }

    /// Whether what is open for `self` is open for TCP.
    pub fn has_tcp(&self) -> bool {
        matches!(self, Self::All | Self::Tcp)
    }
}

impl Span {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// These ports; the other way round if they are the wrong way round.
    pub const fn new(one: u16, other: u16) -> Self {
        if one < other {
            Self { first: one, last: other }
        } else {
            Self { first: other, last: one }
        }
    }

    /// The lowest.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest, included.
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many: 1 to 65 536.
    pub fn count(self) -> u32 {
        u32::from(self.last - self.first) + 1
    }

    /// Whether all of the other are in this one.
    pub fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// What both have.
    pub fn overlap(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }
}

impl Source {
    /// A network, its bits of a host cleared.
    pub fn network(network: IpNet) -> Self {
        Self::Network(network.trunc())
    }

    /// Whether it is everybody of a family: `0.0.0.0/0` or `::/0`. Connections that come in by such a rule may be
    /// untracked, and end at once when it is narrowed or removed; tracked ones live on
    /// (EC2 user guide, "Security group connection tracking").
    pub fn is_everybody(&self) -> bool {
        matches!(self, Self::Network(network) if network.prefix_len() == 0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::New { name, .. } => f.write_str(name),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::List(id) => f.write_str(id),
            Self::Group(place) => place.fmt(f),
        }
    }
}

/// `tcp 61000-61999 from 0.0.0.0/0`
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.protocol {
            Protocol::All => write!(f, "everything")?,
            Protocol::Tcp => write!(f, "tcp {}", self.ports)?,
            Protocol::Other(other) => write!(f, "{other}")?,
        }
        write!(f, " from {}", self.source)
    }
}

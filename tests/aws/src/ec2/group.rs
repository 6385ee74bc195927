//! Security groups and their rules.

use ipnet::{Ipv4Net, Ipv6Net};

use super::Tags;

/// One group.
#[derive(Clone, Debug)]
pub struct Group {
    /// As `sg-0123456789abcdef0`.
    pub id: String,
    /// Unique in its network.
    pub name: String,
    /// Any text.
    pub description: String,
    /// Id of its network.
    pub vpc: String,
    /// By key.
    pub tags: Tags,
    /// In the order in which they were made.
    pub rules: Vec<Rule>,
}

/// One rule: what may come from one source, or go to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As `sgr-0123456789abcdef0`.
    pub id: String,
    /// For what goes out.
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// First and last port, or kind and code of ICMP; none where the protocol has no ports.
    pub ports: Option<(i32, i32)>,
    /// From where, or to where.
    pub source: Source,
    /// Not a part of what makes a rule unique.
    pub description: Option<String>,
    /// By key.
    pub tags: Tags,
}

/// Where something comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Addresses, in canonical form.
    V4(Ipv4Net),
    /// Likewise.
    V6(Ipv6Net),
    /// All addresses of a managed list, by its id.
    List(String),
    /// All interfaces that have this group, by its id.
    Group(String),
}

impl Rule {
    /// Whether it is the same rule, whatever is said about it.
    pub fn is_same(&self, other: &Self) -> bool {
        self.egress == other.egress
            && self.protocol == other.protocol
            && self.ports == other.ports
            && self.source == other.source
    }
}

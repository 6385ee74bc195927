//! What must be reached.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use super::reach::Span;

/// One thing that must be reached, from one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// In which group.
    pub kind: Kind,
    /// What listens: `ftp`, `passive ports`.
    pub service: String,
    /// Where, by TCP.
    pub ports: Span,
    /// Where from.
    pub from: Origin,
    /// Why.
    pub why: String,
}

/// The groups of a pool. They are apart, as a node that serves no FTP needs no passive ports open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// FTP and FTPS: control connections and passive ports.
    Ftp,
    /// SFTP and SCP.
    Ssh,
    /// The pool's own: relays between nodes, health checks.
    Pool,
}

/// Where connections come from, before it is known what AWS calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A network.
    Network(IpNet),
    /// The other nodes: whatever has the group of kind [`Kind::Pool`].
    Nodes,
    /// The health checkers of Route 53.
    Checkers {
        /// Of IPv6.
        v6: bool,
    },
}

/// What the plan must know besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The pool's name: the value of the tag.
    pub pool: String,
    /// Groups that somebody has named (`aws.group_ftp` and the like).
    pub adopted: BTreeMap<Kind, String>,
    /// What the account may have.
    pub limits: Limits,
    /// Whether transfers run: then no rule for everybody is narrowed or removed, which would end them.
    pub busy: bool,
}

/// Quotas ("Amazon VPC quotas", security groups).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rules of a group, per direction and family. May be raised.
    pub rules_max: u32,
    /// Groups of an interface. May be raised, to 16.
    pub groups_max: u32,
    /// Rules of all groups of an interface, per direction and family. Can not be raised: rules per group times
    /// groups per interface are at most so many.
    pub interface_rules_max: u32,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ftp, Self::Ssh, Self::Pool];

    /// As in names and tags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Ssh => "ssh",
            Self::Pool => "pool",
        }
    }

    /// The name of the group that a pool makes.
    pub fn group_name(self, pool: &str) -> String {
        format!("flotilla-{pool}-{self}")
    }

    /// The configuration key that names a group to adopt.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ftp => "aws.group_ftp",
            Self::Ssh => "aws.group_ssh",
            Self::Pool => "aws.group_pool",
        }
    }

    /// What a group of it is for.
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Self::Ftp => "FTP and FTPS of the nodes",
            Self::Ssh => "SFTP and SCP of the nodes",
            Self::Pool => "relays between the nodes and their health checks",
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { rules_max: 60, groups_max: 5, interface_rules_max: 1000 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of the managed prefix list with Route 53's checkers ends so, after `com.amazonaws.` and the region.
pub fn checkers_suffix(v6: bool) -> &'static str {
    if v6 { ".ipv6.route53-healthchecks" } else { ".route53-healthchecks" }
}

//! What is known of load balancers, as read.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::Serialize;

use super::attribute::{Attributes, HealthCheck};

/// All balancers that stand in front of a node, or that were named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// Those of version 2 first.
    pub balancers: Vec<Balancer>,
    /// What could not be read, a sentence each: it is not that it is not there.
    pub unread: Vec<String>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balancer {
    /// Of which kind.
    pub kind: Kind,
    /// As its owner called it.
    pub name: String,
    /// Empty for a classic one, which has none in its API.
    pub arn: String,
    /// Under which clients find it.
    pub dns_name: String,
    /// Whether it has public addresses.
    pub public: bool,
    /// `vpc-0123`
    pub vpc: String,
    /// Where it stands.
    pub zones: Vec<Zone>,
    /// Whether what comes to one zone goes to targets of all.
    pub cross_zone: bool,
    /// Of the balancer itself; none: it lets everything in.
    pub security_groups: Vec<String>,
    /// Of a classic one: the pool whose tag ([`POOL_TAG`](crate::group::POOL_TAG)) it bears.
    pub owner: Option<String>,
    /// `ConnectionSettings.IdleTimeout` of a classic one.
    pub idle_timeout: Option<Duration>,
    /// `ConnectionDraining` of a classic one; `None`: off.
    pub draining: Option<Duration>,
    /// Ports on which it listens.
    pub listeners: Vec<Listener>,
    /// Where they lead. Those of a classic one are made up, one for each port of the instances.
    pub groups: Vec<Group>,
}

/// Kinds of load balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Passes on TCP connections, packet by packet.
    Network,
    /// Passes on bytes.
    Classic,
    /// Speaks HTTP only.
    Application,
    /// Sends packets through appliances.
    Gateway,
}

/// A zone in which it has addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Zone {
    /// `eu-west-1a`
    pub name: String,
    /// What clients on the internet dial there, as far as that stays as it is.
    pub public: Vec<Ipv4Addr>,
    /// From where it connects to targets, and what clients of its network dial.
    pub private: Vec<IpAddr>,
}

/// A port on which it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// Empty for a classic one.
    pub arn: String,
    /// Which it speaks with clients.
    pub protocol: Protocol,
    /// What clients dial.
    pub port: u16,
    /// `tcp.idle_timeout.seconds`, where it was read.
    pub idle_timeout: Option<Duration>,
    /// The pool whose tag it bears.
    pub owner: Option<String>,
    /// Where it leads: [`Group::arn`].
    pub groups: Vec<String>,
}

/// Protocols of listeners, groups and health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Also `TCP_UDP`, as far as it is TCP.
    Tcp,
    /// TLS that ends there; `SSL` of a classic one.
    Tls,
    /// In clear.
    Http,
    /// Over TLS.
    Https,
    /// No connections.
    Udp,
    /// Also others of which the same is true.
    Other,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// For a classic balancer its name and the port of the instances.
    pub arn: String,
    /// For people.
    pub name: String,
    /// The pool whose tag it bears; that of a classic balancer is on the balancer.
    pub owner: Option<String>,
    /// Between balancer and targets.
    pub protocol: Protocol,
    /// Of the targets, unless one has its own.
    pub port: u16,
    /// What its targets are.
    pub targets_are: TargetKind,
    /// What can be set.
    pub attributes: Attributes,
    /// How it finds out who can serve.
    pub health: HealthCheck,
    /// Who.
    pub targets: Vec<Target>,
}

/// What targets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// Instances of EC2.
    Instance,
    /// Addresses.
    Ip,
    /// A balancer for HTTP, a function.
    Other,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// `i-0123`, or an address.
    pub id: String,
    /// Where it is dialled.
    pub port: u16,
    /// In which zone it is, where that is known.
    pub zone: Option<String>,
    /// Whether it gets connections.
    pub health: Health,
    /// In the words of AWS.
    pub reason: String,
}

/// Whether a target gets connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Not yet known.
    Initial,
    /// It does.
    Healthy,
    /// It does not, and those it had may be cut.
    Unhealthy,
    /// It gets no new ones; those it had go on.
    UnhealthyDraining,
    /// It was deregistered; those it had go on for a while.
    Draining,
    /// No listener leads to it, or not in its zone.
    Unused,
    /// Not asked about, or a word of a later version.
    Unknown,
}

impl State {
    /// Whether nothing stands in front, as far as could be read.
    pub fn is_empty(&self) -> bool {
        self.balancers.is_empty()
    }
}

impl Balancer {
    /// One of which nothing else is known.
    pub fn named(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            arn: String::new(),
            dns_name: String::new(),
            public: false,
            vpc: String::new(),
            zones: Vec::new(),
            cross_zone: false,
            security_groups: Vec::new(),
            owner: None,
            idle_timeout: None,
            draining: None,
            listeners: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// The groups that a listener leads to.
    pub fn groups_of<'a>(&'a self, listener: &'a Listener) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter(|group| listener.groups.contains(&group.arn))
    }

    /// Whether what comes to one zone goes to targets of all, for this group.
    pub fn crosses_zones(&self, group: &Group) -> bool {
        group.attributes.cross_zone.unwrap_or(self.cross_zone)
    }

    /// How many listeners there may be. AWS raises it for nobody ("Quotas for your Network Load Balancers",
    /// "Listeners per Network Load Balancer"; the same of Classic Load Balancers).
    pub fn listeners_max(&self) -> usize {
        match self.kind {
            Kind::Classic => CLASSIC_LISTENERS_MAX,
            _ => LISTENERS_MAX,
        }
    }
}

impl Group {
    /// Whether it has this target.
    pub fn has(&self, ids: &[String]) -> bool {
        self.targets.iter().any(|target| ids.contains(&target.id))
    }
}

impl Kind {
    /// As people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network load balancer",
            Self::Classic => "classic load balancer",
            Self::Application => "application load balancer",
            Self::Gateway => "gateway load balancer",
        }
    }
}

impl fmt::Display for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

impl Protocol {
    /// Of the name that AWS gives it.
    pub fn of(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "TCP" | "TCP_UDP" | "TCP_QUIC" => Self::Tcp,
            "TLS" | "SSL" => Self::Tls,
            "HTTP" => Self::Http,
            "HTTPS" => Self::Https,
            "UDP" => Self::Udp,
            _ => Self::Other,
        }
    }

    /// As AWS calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Udp => "UDP",
            Self::Other => "another protocol",
        }
    }
}

impl Health {
    /// Of the name that AWS gives it: version 2, or version 1.
    pub fn of(name: &str) -> Self {
        match name {
            "initial" => Self::Initial,
            "healthy" | "InService" => Self::Healthy,
            "unhealthy" | "OutOfService" => Self::Unhealthy,
            "unhealthy.draining" => Self::UnhealthyDraining,
            "draining" => Self::Draining,
            "unused" => Self::Unused,
            _ => Self::Unknown,
        }
    }

    /// As AWS calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::UnhealthyDraining => "unhealthy.draining",
            Self::Draining => "draining",
            Self::Unused => "unused",
            Self::Unknown => "unknown",
        }
    }
}

/// Of a Network Load Balancer.
pub const LISTENERS_MAX: usize = 50;
/// Of a Classic Load Balancer.
pub const CLASSIC_LISTENERS_MAX: usize = 100;
/// Targets of a Network Load Balancer, all groups counted together, in each zone; with cross-zone balancing in all
/// of them ("Targets per Availability Zone per Network Load Balancer").
pub const TARGETS_MAX: usize = 500;

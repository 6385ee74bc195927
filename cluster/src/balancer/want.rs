//! What a node wants of a balancer in front of it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;

use super::attribute::Header;
use super::facts::{Balancer, Group, Listener};
use crate::keepalive;
use crate::ports::PortRange;

/// What a node wants: its configuration, without anything of FTP but ports.
#[derive(Clone, Debug)]
pub struct Want {
    /// The pool (`pool.name`): only what bears its tag is changed.
    pub pool: String,
    /// As what it is known to balancers: the id of its instance, its private addresses.
    pub ids: Vec<String>,
    /// In which zone it is.
    pub zone: Option<String>,
    /// Where it listens for FTP that begins in clear.
    pub ftp: Vec<u16>,
    /// For FTP that begins with TLS.
    pub implicit_tls: Vec<u16>,
    /// For SSH.
    pub ssh: Vec<u16>,
    /// For data connections; `None`: no passive ones.
    pub passive: Option<PortRange>,
    /// Where it says whether it is ready; the first is what is proposed.
    pub health: Vec<u16>,
    /// How clients reach it.
    pub mode: Mode,
    /// What it takes of headers on control connections and SSH.
    pub proxy: Accepts,
    /// On data connections.
    pub data_proxy: Accepts,
    /// Whose headers it takes (`ingress.balancers`).
    pub trusted: Vec<IpNet>,
    /// What is configured to stand in front (`ingress.balancer`).
    pub balancer: keepalive::Balancer,
    /// Its timer as configured (`ingress.idle_timeout`).
    pub idle_timeout: Option<Duration>,
    /// Addresses in replies as configured (`ingress.addresses`): zone, if it has one, and address.
    pub addresses: Vec<(Option<String>, Ipv4Addr)>,
    /// How long it goes on with what it has once it is told to stop (`timeouts.drain`).
    pub drain: Duration,
}

/// How clients reach a node (`ingress.mode`); of several listeners the most demanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// At its own address.
    Direct,
    /// Control connections through a balancer.
    Balanced,
    /// Everything through it.
    Shared,
}

/// Which headers a node takes (`ingress.proxy_protocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// None.
    Off,
    /// Version 1, before everything else.
    V1,
    /// Version 2, before everything else.
    V2,
    /// Either.
    Any,
    /// Version 2 with the client's first bytes.
    Late,
}

/// What comes by a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Ftp,
    ImplicitTls,
    Ssh,
    Passive,
    /// Nothing of ours.
    Other,
}

impl Want {
    /// What a listener is for: by the ports that it leads to. One that leads nowhere, or to a port where nobody of
    /// ours listens, is known by its own port.
    pub(super) fn role(&self, balancer: &Balancer, listener: &Listener) -> Role {
        self.role_by_target(balancer, listener).unwrap_or_else(|| self.role_of(listener.port))
    }

    /// The same by the ports that it leads to, and by nothing else: a listener's own port is everybody's.
    pub(super) fn role_by_target(&self, balancer: &Balancer, listener: &Listener) -> Option<Role> {
        let leads_to = balancer.groups_of(listener).flat_map(|group| self.ports_of(group));
        leads_to.map(|port| self.role_of(port)).find(|role| *role != Role::Other)
    }

    /// Where this node is dialled by the group; else where everybody is.
    fn ports_of(&self, group: &Group) -> Vec<u16> {
        let own = group.targets.iter().filter(|target| self.ids.contains(&target.id));
        let own: Vec<u16> = own.map(|target| target.port).collect();
        if own.is_empty() { vec![group.port] } else { own }
    }

    fn role_of(&self, port: u16) -> Role {
        match port {
            _ if self.ftp.contains(&port) => Role::Ftp,
            _ if self.implicit_tls.contains(&port) => Role::ImplicitTls,
            _ if self.ssh.contains(&port) => Role::Ssh,
            _ if self.passive.is_some_and(|range| range.contains(port)) => Role::Passive,
            _ => Role::Other,
        }
    }

    /// Whether a header from there would be taken.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    pub(super) fn mode_is_shared(&self) -> bool {
        self.mode == Mode::Shared
    }

    /// For how long a drain may take, as far as a balancer can wait.
    pub(super) fn drain_at_most(&self, most: Duration) -> Duration {
        self.drain.min(most)
    }
}

impl Accepts {
    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Any => "any",
            Self::Late => "late",
        }
    }

    /// What takes this header.
    pub(super) fn of(header: Header) -> Self {
        match header {
            Header::Off => Self::Off,
            Header::V1 => Self::V1,
            Header::V2 => Self::V2,
            Header::Late => Self::Late,
        }
    }
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ftp => "FTP",
            Self::ImplicitTls => "implicit FTPS",
            Self::Ssh => "SSH",
            Self::Passive => "passive",
            Self::Other => "other",
        }
    }

    /// Whether the server speaks first, as far as clients are concerned.
    pub(super) fn greets(self) -> bool {
        self == Self::Ftp
    }
}

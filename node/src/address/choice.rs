//! Which address a passive reply tells the client: a function of the path that the control connection
//! came, and of what is known about the ways to this node.
//!
//! In this order, the first that applies:
//!
//! 1. The client dialled a loopback address of this machine, or an IPv6 address: that.
//! 2. The client is of `ingress.internal` or of the node's own network: the node's private address. In
//!    mode `shared` only when it reached the node itself; through a balancer what it dialled is fine too,
//!    and what clients compare the reply with.
//! 3. By mode. `direct`: `ftp.passive.address`, the public address, what was dialled. `balanced`: the same,
//!    but at last the node's own address, as a guess, never the balancer's. `shared`: what the PROXY
//!    header says was dialled; the balancer's address in the node's zone; one for all zones;
//!    `ftp.passive.address`; what was dialled.
//!
//! Zones matter: an address of a Network Load Balancer leads to nodes of its own zone only, unless
//! cross-zone balancing is on, which it is not by default. And a balancer on the internet has its public
//! address from a translation that it knows nothing of: the destination in its PROXY header is then a
//! private address, of no use to a client that is not private itself.
//! (Elastic Load Balancing, "Network Load Balancers", "Availability Zones", "Proxy protocol".)

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use super::found::Found;
use super::reason::Reason;
use crate::config::{Config, Mode, ZoneAddress};

/// The way of one control connection, and what is known of all ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    /// The listener's mode; `Auto` is read as `Direct`.
    pub(crate) mode: Mode,
    /// The client's own address, where the arrival lets know it.
    pub(crate) client: IpAddr,
    /// This end of the connection.
    pub(crate) local: IpAddr,
    /// Who brought it.
    pub(crate) arrival: Arrival,
    /// What is known of all ways.
    pub(crate) known: Known<'a>,
}

/// Who brought a control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The client itself; or a balancer that keeps addresses, which can not be told apart.
    Plain,
    /// A balancer (`ingress.balancers`) that did not say for whom: what is taken for the client is itself.
    Hidden,
    /// A balancer, whose PROXY header told this destination.
    Proxied(IpAddr),
}

/// What is known of the ways to this node: the same for all sessions, until a reload.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known<'a> {
    /// `ftp.passive.address`.
    pub(crate) configured: Option<Ipv4Addr>,
    /// `ingress.addresses`; without them and without `configured`, what AWS says of the balancer.
    pub(crate) balancer: &'a [ZoneAddress],
    /// `node.zone`.
    pub(crate) zone: Option<&'a str>,
    /// `ingress.internal`.
    pub(crate) internal: &'a [IpNet],
    /// Networks of the node's VPC, where it is in one.
    pub(crate) vpc: &'a [IpNet],
    /// The public address of the machine, where it knows one.
    pub(crate) public: Option<Ipv4Addr>,
}

impl<'a> Known<'a> {
    /// What the configuration tells, and the machine of the end of a connection that is `local`.
    pub(crate) fn of(config: &'a Config, found: &'a Found, local: IpAddr) -> Self {
        Self {
            configured: config.ftp.passive_address,
            balancer: match config.ingress.addresses.as_slice() {
                // What is configured goes before what was found out.
                [] if config.ftp.passive_address.is_none() => &found.balancer,
                addresses => addresses,
            },
            zone: config.node.zone.as_deref(),
            internal: &config.ingress.internal,
            vpc: &found.vpc,
            public: found.public_of(local),
        }
    }
}

/// An address for a passive reply. 227 carries a literal IPv4 address, never a name (RFC 959, 4.2); 229
/// carries the port alone (RFC 2428, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) address: IpAddr,
    pub(crate) reason: Reason,
}

impl Advertised {
    /// With a granted port.
    pub(crate) fn at(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }
}

/// The address for this path.
pub(crate) fn advertised(path: &Path<'_>) -> Advertised {
    let path =
        Path { client: path.client.to_canonical(), local: path.local.to_canonical(), ..*path };
    let (address, reason) = path.fixed().unwrap_or_else(|| path.by_mode());
    Advertised { address, reason }
}

type Choice = (IpAddr, Reason);

impl Path<'_> {
    /// What no mode changes.
    fn fixed(&self) -> Option<Choice> {
        let dialled = self.dialled();
        if dialled.is_loopback() && self.arrival == Arrival::Plain {
            return Some((dialled, Reason::Loopback));
        }
        if dialled.is_ipv6() {
            return Some((dialled, Reason::Ipv6));
        }
        let reachable = match self.arrival {
            Arrival::Plain => true,
            // Nobody knows whose address it would be that lies in those networks.
            Arrival::Hidden => false,
            Arrival::Proxied(_) => self.mode != Mode::Shared,
        };
        let lies_in = |networks: &[IpNet]| networks.iter().any(|of| of.contains(&self.client));
        match self.known {
            _ if !reachable || self.local.is_ipv6() => None,
            known if lies_in(known.internal) => Some((self.local, Reason::Internal)),
            known if lies_in(known.vpc) => Some((self.local, Reason::Vpc)),
            _ => None,
        }
    }

    fn by_mode(&self) -> Choice {
        let own = self.configured().or_else(|| self.public());
        match self.mode {
            Mode::Auto | Mode::Direct => own.unwrap_or((self.dialled(), Reason::Dialled)),
            Mode::Balanced => own.unwrap_or((self.local, Reason::Own)),
            Mode::Shared => self.shared(),
        }
    }

    fn shared(&self) -> Choice {
        let told = match self.arrival {
            Arrival::Proxied(destination) => Some(destination.to_canonical()),
            Arrival::Plain | Arrival::Hidden => None,
        };
        let translated = |told: &IpAddr| is_private(*told) && !is_private(self.client);
        told.filter(|told| !translated(told))
            .map(|told| (told, Reason::Proxied))
            .or_else(|| self.balancer())
            .or_else(|| self.configured())
            .or_else(|| self.of_any(|_| true).map(|address| (address, Reason::OtherZone)))
            .or_else(|| told.map(|told| (told, Reason::Translated)))
            .unwrap_or((self.local, Reason::Own))
    }

    /// The balancer's address that leads to this node.
    fn balancer(&self) -> Option<Choice> {
        let zone = self.known.zone;
        let in_zone = zone.and_then(|zone| self.of_any(|of| of.zone.as_deref() == Some(zone)));
        in_zone.map(|address| (address, Reason::Zone)).or_else(|| {
            self.of_any(|of| of.zone.is_none()).map(|address| (address, Reason::Balancer))
        })
    }

    /// One of those of the balancer's addresses, always the same for a client while the list stands: the one
    /// that is drawn highest for it, so that a change of the list moves as few clients as can be.
    fn of_any(&self, wanted: impl Fn(&ZoneAddress) -> bool) -> Option<IpAddr> {
        let fit = self.known.balancer.iter().filter(|of| wanted(of)).map(|of| of.address);
        fit.max_by_key(|address| draw(self.client, *address)).map(IpAddr::V4)
    }

    fn configured(&self) -> Option<Choice> {
        self.known.configured.map(|address| (address.into(), Reason::Configured))
    }

    fn public(&self) -> Option<Choice> {
        self.known.public.map(|address| (address.into(), Reason::Public))
    }

    /// What the client dialled, as far as this node was told.
    fn dialled(&self) -> IpAddr {
        match self.arrival {
            Arrival::Proxied(destination) => destination.to_canonical(),
            Arrival::Plain | Arrival::Hidden => self.local,
        }
    }
}

/// Whether only a private network leads there: RFC 1918, 3927 and 6598.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || (first == 100 && second & 0b1100_0000 == 64)
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// A number that is as good as random, and the same on every node: FNV-1a, 64 bits, over both addresses, then
/// mixed, since the last bytes would decide too little.
fn draw(client: IpAddr, address: Ipv4Addr) -> u64 {
    let client = match client {
        IpAddr::V4(client) => client.to_ipv6_mapped(),
        IpAddr::V6(client) => client,
    };
    let bytes = client.octets().into_iter().chain(address.octets());
    let hash =
        bytes.fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    (hash ^ (hash >> 32)).wrapping_mul(FNV_OFFSET)
}

/// The offset of FNV-1a, an odd number.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
/// Its prime.
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests;

//! Who may connect to a granted port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use crate::config::DataPeer;

/// Who may connect, for one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerRule {
    /// This address only.
    Same(IpAddr),
    /// The /24 (v4) or /64 (v6) of this address.
    Prefix(IpAddr),
    /// This address, or any in these networks.
    Networks(IpAddr, Arc<[IpNet]>),
    /// Anybody: the TLS handshake will tell (`data_peer = "tls"`). Such a grant has its port for
    /// itself and stays pending until it is dropped.
    Any,
}

impl PeerRule {
    /// Whether `peer` (canonical) may connect.
    pub fn admits(&self, peer: IpAddr) -> bool {
        match self {
            Self::Same(client) => *client == peer,
            Self::Prefix(client) => prefix(*client) == prefix(peer),
            Self::Networks(client, networks) => {
                *client == peer || networks.iter().any(|network| network.contains(&peer))
            }
            Self::Any => true,
        }
    }

    /// Whether some address could be admitted by both. May say `true` too often, never `false`
    /// wrongly: two grants on one port must not overlap.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Same(client), rule) | (rule, Self::Same(client)) => rule.admits(*client),
            (Self::Prefix(one), Self::Prefix(two)) => prefix(*one) == prefix(*two),
            _ => true,
        }
    }

    /// The rule with IPv4-mapped addresses as plain IPv4.
    pub(super) fn canonical(self) -> Self {
        match self {
            Self::Same(client) => Self::Same(client.to_canonical()),
            Self::Prefix(client) => Self::Prefix(client.to_canonical()),
            Self::Networks(client, networks) => Self::Networks(client.to_canonical(), networks),
            Self::Any => Self::Any,
        }
    }
}

/// `ftp.passive.data_peer`, prepared once so that a rule costs no allocation.
#[derive(Clone, Debug)]
pub struct PeerPolicy {
    peer: DataPeer,
    networks: Arc<[IpNet]>,
}

impl PeerPolicy {
    /// From the configuration.
    pub fn new(peer: &DataPeer) -> Self {
        let networks = match peer {
            DataPeer::Networks(networks) => networks.iter().map(canonical_network).collect(),
            DataPeer::Same | DataPeer::Prefix | DataPeer::Tls => Arc::from([]),
        };
        Self { peer: peer.clone(), networks }
    }

    /// The rule for a session's next data connection; `protected`: it will be under TLS.
    pub fn rule(&self, client: IpAddr, protected: bool) -> PeerRule {
        match self.peer {
            DataPeer::Same => PeerRule::Same(client),
            DataPeer::Prefix => PeerRule::Prefix(client),
            DataPeer::Networks(_) => PeerRule::Networks(client, Arc::clone(&self.networks)),
            DataPeer::Tls if protected => PeerRule::Any,
            DataPeer::Tls => PeerRule::Same(client),
        }
    }
}

fn canonical_network(network: &IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(bits) = v6.prefix_len().checked_sub(V4_MAPPED_BITS)
        && let Ok(v4) = Ipv4Net::new(v4, bits)
    {
        return IpNet::V4(v4);
    }
    *network
}

/// The first address of a prefix, which stands for it.
pub(super) fn prefix(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & PREFIX_V4).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & PREFIX_V6).into(),
    }
}

/// The last address of a prefix.
pub(super) fn last_of_prefix(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() | !PREFIX_V4).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() | !PREFIX_V6).into(),
    }
}

/// A /24: what a carrier's NAT pool commonly spans.
const PREFIX_V4: u32 = u32::MAX << 8;
/// A /64: one IPv6 link, whose hosts change their addresses at will.
const PREFIX_V6: u128 = u128::MAX << 64;
/// Length of `::ffff:0:0`, the prefix of IPv4-mapped addresses, in bits.
const V4_MAPPED_BITS: u8 = 96;

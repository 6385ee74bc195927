//! Why a passive reply tells this address.

use std::fmt;

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client is on this machine and reached a loopback address.
    Loopback,
    /// The client dialled an IPv6 address, which 227 can not tell and EPSV does not have to.
    Ipv6,
    /// The client's network is one of `ingress.internal`.
    Internal,
    /// The client is in the network (VPC) of the node.
    Vpc,
    /// The balancer told, in its PROXY header, what the client dialled.
    Proxied,
    /// The balancer's address for the node's zone (`ingress.addresses`, or AWS).
    Zone,
    /// Its address for all zones, or the client's of several.
    Balancer,
    /// `ftp.passive.address`.
    Configured,
    /// The public address of the machine.
    Public,
    /// The client dialled it.
    Dialled,
    /// Its address for another zone.
    OtherZone,
    /// Behind a balancer, the node's own address, although the client may not reach it.
    Own,
    /// What the PROXY header told, although it is private and the client is not.
    Translated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "the client is on this machine",
            Self::Ipv6 => "the client dialled it by IPv6",
            Self::Internal => "the client's network is in ingress.internal",
            Self::Vpc => "the client is in the network of the node",
            Self::Proxied => "the PROXY header says that the client dialled it",
            Self::Zone => "the balancer's address in node.zone",
            Self::Balancer => "the balancer's address",
            Self::Configured => "ftp.passive.address",
            Self::Public => "the public address of the node",
            Self::Dialled => "the client dialled it",
            Self::OtherZone => {
                "a guess: the balancer has no address of node.zone, nor one for all zones"
            }
            Self::Own => {
                "a guess: the node's own address, as neither ftp.passive.address nor \
                 ingress.addresses tells another"
            }
            Self::Translated => {
                "a guess: the PROXY header says that the client dialled it, but it is private and \
                 the client is not; set ingress.addresses"
            }
        })
    }
}

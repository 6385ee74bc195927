//! Network interfaces.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Tags;

/// One interface (ENI).
#[derive(Clone, Debug)]
pub struct Interface {
    /// As `eni-0123456789abcdef0`.
    pub id: String,
    /// As `0a:01:02:03:04:05`.
    pub mac: String,
    /// Id of its part of the network.
    pub subnet: String,
    /// Id of its network.
    pub vpc: String,
    /// Id of the instance that has it.
    pub instance: Option<String>,
    /// Of that instance; the primary one is 0.
    pub device: u32,
    /// The first one is the primary one.
    pub private: Vec<Ipv4Addr>,
    /// By private address.
    pub public: BTreeMap<Ipv4Addr, Ipv4Addr>,
    /// Often none.
    pub ipv6: Vec<Ipv6Addr>,
    /// Ids of security groups.
    pub groups: Vec<String>,
    /// Seconds after which an idle flow is forgotten, where it was set.
    pub tcp_established_timeout: Option<u32>,
    /// What made it: a text of balancers and the like.
    pub description: String,
    /// By key.
    pub tags: Tags,
}

impl Interface {
    /// All addresses, the public ones too.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let v4 = self.private.iter().chain(self.public.values()).copied().map(IpAddr::V4);
        v4.chain(self.ipv6.iter().copied().map(IpAddr::V6)).collect()
    }
}

/// The public name of an address.
pub(crate) fn public_name(address: Ipv4Addr, region: &str) -> String {
    let dashes = address.to_string().replace('.', "-");
    format!("ec2-{dashes}.{}", domain(region, "compute"))
}

/// The private name of an address.
pub(crate) fn private_name(address: Ipv4Addr, region: &str) -> String {
    let dashes = address.to_string().replace('.', "-");
    format!("ip-{dashes}.{region}.compute.internal")
}

fn domain(region: &str, part: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("{region}.{part}.amazonaws.com{china}")
}

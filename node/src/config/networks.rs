//! Networks of an operator, and whether an address lies in one.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

/// Networks; a clone is the same ones. IPv4 networks that are written as IPv6 (`::ffff:10.0.0.0/104`) are plain IPv4
/// here, as the addresses are that are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

impl Networks {
    /// Whether the address, IPv4-mapped or not, lies in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self(networks.into_iter().map(canonical).collect())
    }
}

impl Deref for Networks {
    type Target = [IpNet];

    fn deref(&self) -> &[IpNet] {
        &self.0
    }
}

fn canonical(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(bits) = v6.prefix_len().checked_sub(V4_MAPPED_BITS)
        && let Ok(v4) = Ipv4Net::new(v4, bits)
    {
        return IpNet::V4(v4);
    }
    network
}

/// Length of `::ffff:0:0`, the prefix of IPv4-mapped addresses, in bits.
const V4_MAPPED_BITS: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_and_networks_are_plain() {
        let texts = ["::ffff:10.0.0.0/104", "192.0.2.0/24", "2001:db8::/32", "::/90"];
        let networks: Networks = texts.iter().map(|text| text.parse().unwrap()).collect();
        let contains = |text: &str| networks.contains(text.parse().unwrap());
        assert!(contains("10.0.0.9") && contains("::ffff:10.9.0.9") && contains("192.0.2.1"));
        assert!(contains("2001:db8::1") && contains("::1"));
        assert!(!contains("11.0.0.9") && !contains("2001:db9::1"));
    }
}

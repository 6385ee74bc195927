//! Addresses of balancers: what clients are told in replies.

use std::net::{IpAddr, Ipv4Addr};

use super::facts::{Balancer, Kind};

/// The IPv4 addresses that clients dial, with the zone whose nodes each leads to; without one where each leads to all
/// nodes. Those on the internet if there are any, else the private ones. A classic balancer has none that stay.
pub fn addresses(balancer: &Balancer) -> Vec<(Option<String>, Ipv4Addr)> {
    if balancer.kind != Kind::Network {
        return Vec::new();
    }
    let crosses = balancer.groups.iter().all(|group| balancer.crosses_zones(group));
    let mut found = Vec::new();
    for zone in &balancer.zones {
        let private = zone.private.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        let dialled: Vec<_> = if balancer.public { zone.public.clone() } else { private.collect() };
        let zone = Some(zone.name.clone()).filter(|name| !crosses && !name.is_empty());
        found.extend(dialled.into_iter().map(|address| (zone.clone(), address)));
    }
    found
}

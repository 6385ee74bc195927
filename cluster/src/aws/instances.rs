//! Which machines EC2 still has: a witness for nodes that are silent; and what a task is not told of its interface.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName, NetworkInterface};

use super::Trouble;
use super::failure::Judged;
use super::span::Spans;

/// The client.
#[derive(Clone, Debug)]
pub struct Instances {
    client: Client,
}

/// What there is, of what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Ids of instances that are neither terminated nor about to be.
    pub ids: BTreeSet<String>,
    /// Public addresses that lead to an interface.
    pub addresses: BTreeSet<IpAddr>,
}

impl Instances {
    /// Of the region and with the credentials of the session.
    pub fn new(session: &SdkConfig) -> Self {
        let config = aws_sdk_ec2::config::Builder::from(session).interceptor(Spans);
        Self { client: Client::from_conf(config.build()) }
    }

    /// Which of these instances are there, and which of these addresses lead to one: two calls for two hundred of
    /// each. What is asked by a filter and is not there is missing in the answer, and no error.
    ///
    /// # Errors
    /// One of the calls failed.
    pub async fn present(
        &self,
        ids: &BTreeSet<String>,
        addresses: &BTreeSet<IpAddr>,
    ) -> Result<Present, Trouble> {
        let mut present = Present::default();
        let ids: Vec<String> = ids.iter().cloned().collect();
        for instance in self.find("instance-id", &ids).await? {
            present.ids.extend(instance.instance_id);
        }
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) =
            addresses.iter().partition(|address| address.is_ipv4());
        for (filter, wanted) in [(PUBLIC, v4), (PUBLIC_V6, v6)] {
            let texts: Vec<String> = wanted.iter().map(IpAddr::to_string).collect();
            for interface in self.interfaces(filter, &texts).await? {
                let own = addresses_of(&interface);
                present.addresses.extend(wanted.iter().filter(|wanted| own.contains(wanted)));
            }
        }
        Ok(present)
    }

    /// The public addresses of the interface with this hardware address, each with the private one that it leads to;
    /// `None`: there is no such interface.
    ///
    /// # Errors
    /// The call failed.
    pub async fn public_of(&self, mac: &str) -> Result<Option<Vec<(Ipv4Addr, Ipv4Addr)>>, Trouble> {
        let found = self.interfaces("mac-address", &[mac.to_owned()]).await?;
        Ok(found.first().map(|interface| associations(interface).collect()))
    }

    async fn interfaces(
        &self,
        filter: &str,
        values: &[String],
    ) -> Result<Vec<NetworkInterface>, Trouble> {
        let mut found = Vec::new();
        for values in values.chunks(VALUES_MAX) {
            let filter = Filter::builder().name(filter).set_values(Some(values.to_vec())).build();
            let call = self.client.describe_network_interfaces().filters(filter);
            let answer = call.send().await.judged(INTERFACES)?;
            found.extend(answer.network_interfaces.unwrap_or_default());
        }
        Ok(found)
    }

    async fn find(&self, filter: &str, values: &[String]) -> Result<Vec<Instance>, Trouble> {
        let mut found = Vec::new();
        for values in values.chunks(VALUES_MAX) {
            let filter = Filter::builder().name(filter).set_values(Some(values.to_vec())).build();
            let mut next = None;
            for _ in 0..PAGES_MAX {
                let call = self.client.describe_instances().filters(filter.clone());
                let answer = call.set_next_token(next).send().await;
                let answer = answer.judged(ACTION)?;
                let all = answer.reservations.unwrap_or_default();
                let all = all.into_iter().flat_map(|of| of.instances.unwrap_or_default());
                found.extend(all.filter(is_there));
                next = answer.next_token.filter(|token| !token.is_empty());
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// A terminated instance is listed for about an hour.
fn is_there(instance: &Instance) -> bool {
    let state = instance.state().and_then(|state| state.name());
    !matches!(state, Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown))
}

fn addresses_of(interface: &NetworkInterface) -> BTreeSet<IpAddr> {
    let v6 = interface.ipv6_addresses().iter().filter_map(|of| of.ipv6_address()?.parse().ok());
    associations(interface).map(|(public, _)| public.into()).chain(v6).collect()
}

/// Public addresses, each with the private one that it leads to.
fn associations(interface: &NetworkInterface) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> + '_ {
    interface.private_ip_addresses().iter().filter_map(|address| {
        let public = address.association()?.public_ip()?.parse().ok()?;
        Some((public, address.private_ip_address()?.parse().ok()?))
    })
}

const ACTION: &str = "ec2:DescribeInstances";
const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
/// Filters of `DescribeNetworkInterfaces`, which also finds those of tasks.
const PUBLIC: &str = "addresses.association.public-ip";
const PUBLIC_V6: &str = "ipv6-addresses.ipv6-address";
/// Values of one filter.
const VALUES_MAX: usize = 200;
/// A filter of that many values finds as many instances.
const PAGES_MAX: usize = 4;

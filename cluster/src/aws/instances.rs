//! Which machines EC2 still has: a witness for nodes that are silent.

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance, InstanceStateName};

use super::Trouble;
use super::failure::trouble;

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
    /// Public addresses of such instances.
    pub addresses: BTreeSet<IpAddr>,
}

impl Instances {
    /// Of the region and with the credentials of the session.
    pub fn new(session: &SdkConfig) -> Self {
        Self { client: Client::new(session) }
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
            for instance in self.find(filter, &texts).await? {
                let own = addresses_of(&instance);
                present.addresses.extend(wanted.iter().filter(|wanted| own.contains(wanted)));
            }
        }
        Ok(present)
    }

    async fn find(&self, filter: &str, values: &[String]) -> Result<Vec<Instance>, Trouble> {
        let mut found = Vec::new();
        for values in values.chunks(VALUES_MAX) {
            let filter = Filter::builder().name(filter).set_values(Some(values.to_vec())).build();
            let mut next = None;
            for _ in 0..PAGES_MAX {
                let call = self.client.describe_instances().filters(filter.clone());
                let answer = call.set_next_token(next).send().await;
                let answer = answer.map_err(|error| trouble(ACTION, &error))?;
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

fn addresses_of(instance: &Instance) -> BTreeSet<IpAddr> {
    let interfaces = || instance.network_interfaces().iter();
    let addresses = interfaces().flat_map(|of| of.private_ip_addresses());
    let v4 = addresses.filter_map(|address| address.association()?.public_ip());
    let v6 = interfaces().flat_map(|of| of.ipv6_addresses()).filter_map(|of| of.ipv6_address());
    let texts = v4.chain(v6).chain(instance.public_ip_address());
    texts.filter_map(|text| text.parse().ok()).collect()
}

const ACTION: &str = "ec2:DescribeInstances";
/// Filters of `DescribeInstances`. The one of all interfaces also finds a second address.
const PUBLIC: &str = "network-interface.addresses.association.public-ip";
const PUBLIC_V6: &str = "network-interface.ipv6-addresses.ipv6-address";
/// Values of one filter.
const VALUES_MAX: usize = 200;
/// A filter of that many values finds as many instances.
const PAGES_MAX: usize = 4;

//! Network ACLs of subnets, as [`crate::group::barred`] looks at them.

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, NetworkAclEntry, RuleAction};
use ipnet::IpNet;

use super::Trouble;
use super::failure::Judged;
use super::span::Spans;
use crate::group::{AclRule, Span};

/// The client.
#[derive(Clone, Debug)]
pub struct Acls {
    client: Client,
}

impl Acls {
    /// Of the region and with the credentials of the session.
    pub fn new(session: &SdkConfig) -> Self {
        let config = aws_sdk_ec2::config::Builder::from(session).interceptor(Spans);
        Self { client: Client::from_conf(config.build()) }
    }

    /// The rules of a subnet that are about TCP, in any order. A subnet has one ACL.
    ///
    /// # Errors
    /// The call failed; [`Trouble::Missing`]: there is no such subnet.
    pub async fn of_subnet(&self, subnet: &str) -> Result<Vec<AclRule>, Trouble> {
        let filter = Filter::builder().name("association.subnet-id").values(subnet).build();
        let answer = self.client.describe_network_acls().filters(filter).send().await;
        let answer = answer.judged("ec2:DescribeNetworkAcls")?;
        let acl = answer.network_acls().first();
        let acl = acl.ok_or_else(|| Trouble::Missing(format!("network ACL of {subnet}")))?;
        Ok(acl.entries().iter().filter_map(rule).collect())
    }
}

fn rule(entry: &NetworkAclEntry) -> Option<AclRule> {
    let network = entry.cidr_block().or(entry.ipv6_cidr_block())?;
    let network: IpNet = network.parse().ok()?;
    let ports = match entry.protocol()? {
        "-1" => Span::ALL,
        TCP => {
            let range = entry.port_range();
            let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
            let first = port(range.and_then(|range| range.from())).unwrap_or(0);
            Span::new(first, port(range.and_then(|range| range.to())).unwrap_or(u16::MAX))
        }
        _ => return None,
    };
    Some(AclRule {
        number: u32::try_from(entry.rule_number()?).ok()?,
        outbound: entry.egress()?,
        allows: entry.rule_action() == Some(&RuleAction::Allow),
        ports,
        network,
    })
}

/// By its number (IANA).
const TCP: &str = "6";

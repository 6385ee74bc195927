//! A classic balancer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ec2::{Cloud, Tags};
use crate::xml::Element;

/// One balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Classic {
    /// Unique in the region.
    pub name: String,
    /// Its public name.
    pub dns: String,
    /// Where clients connect.
    pub ports: Vec<Port>,
    /// Names of policies by port of the instances.
    pub backends: BTreeMap<u16, Vec<String>>,
    /// Type and attributes of each policy.
    pub policies: BTreeMap<String, (String, Tags)>,
    /// Ids.
    pub instances: Vec<String>,
    /// As `TCP:21`.
    pub check: String,
    /// Seconds without payload after which a connection is closed.
    pub idle_timeout: u32,
    /// Seconds for which connections of an instance that goes may last, if they may.
    pub draining: Option<u32>,
    /// Whether each zone sends to all instances.
    pub cross_zone: bool,
    /// By key.
    pub tags: Tags,
}

/// One port of a balancer and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// `TCP`, `SSL`, `HTTP`, `HTTPS`.
    pub protocol: String,
    /// Where clients connect.
    pub port: u16,
    /// Likewise, towards the instances.
    pub instance_protocol: String,
    /// Of the instances.
    pub instance_port: u16,
}

impl Default for Classic {
    fn default() -> Self {
        Self {
            name: String::new(),
            dns: String::new(),
            ports: Vec::new(),
            backends: BTreeMap::new(),
            policies: BTreeMap::new(),
            instances: Vec::new(),
            check: "TCP:21".to_owned(),
            idle_timeout: 60,
            draining: None,
            cross_zone: false,
            tags: Tags::new(),
        }
    }
}

impl Classic {
    /// For aliases.
    pub const ZONE_ID: &str = "Z215JYRZR1TBD5";

    pub(super) fn element(&self, cloud: &Cloud) -> Element {
        let ports = self.ports.iter().map(|port| {
            let listener = Element::new("Listener")
                .text("Protocol", &port.protocol)
                .text("LoadBalancerPort", port.port)
                .text("InstanceProtocol", &port.instance_protocol)
                .text("InstancePort", port.instance_port);
            Element::new("member").child(listener).list("PolicyNames", [])
        });
        let backends = self.backends.iter().map(|(port, names)| {
            Element::new("member").text("InstancePort", port).texts("PolicyNames", "member", names)
        });
        let check = Element::new("HealthCheck")
            .text("Target", &self.check)
            .text("Interval", 30)
            .text("Timeout", 5)
            .text("UnhealthyThreshold", 2)
            .text("HealthyThreshold", 10);
        let policies = Element::new("Policies")
            .list("AppCookieStickinessPolicies", [])
            .list("LBCookieStickinessPolicies", [])
            .texts("OtherPolicies", "member", self.policies.keys());
        Element::new("member")
            .text("LoadBalancerName", &self.name)
            .text("DNSName", &self.dns)
            .text("CanonicalHostedZoneName", &self.dns)
            .text("CanonicalHostedZoneNameID", Self::ZONE_ID)
            .list("ListenerDescriptions", ports)
            .child(policies)
            .list("BackendServerDescriptions", backends)
            .list("Instances", self.instances.iter().map(|id| instance(id)))
            .child(check)
            .texts("AvailabilityZones", "member", cloud.subnets.values().map(|it| &it.zone))
            .texts("Subnets", "member", cloud.subnets.keys())
            .maybe("VPCId", cloud.vpcs.keys().next())
            .text("Scheme", "internet-facing")
    }
}

pub(super) fn instance(id: &str) -> Element {
    Element::new("member").text("InstanceId", id)
}

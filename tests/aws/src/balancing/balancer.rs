//! A network balancer.

use std::net::IpAddr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::attributes::{BALANCER, defaults};
use crate::clock;
use crate::ec2::Tags;
use crate::world::World;
use crate::xml::Element;

/// One balancer.
#[derive(Clone, Debug)]
pub struct Balancer {
    /// Its long name.
    pub arn: String,
    /// Unique in the region.
    pub name: String,
    /// Its public or private name.
    pub dns: String,
    /// For aliases.
    pub zone_id: String,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    /// Id of its network.
    pub vpc: String,
    /// Where it is.
    pub places: Vec<Place>,
    /// Ids of security groups; only if it was made with some.
    pub groups: Vec<String>,
    /// By key.
    pub attributes: Tags,
    /// By key.
    pub tags: Tags,
    /// When it was made.
    pub created: SystemTime,
}

/// A zone of a balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// As `eu-central-1a`.
    pub zone: String,
    /// Id of the part of the network.
    #[serde(default)]
    pub subnet: String,
    /// The one address that it has there.
    pub address: IpAddr,
}

/// What a balancer is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewBalancer {
    /// Unique in the region.
    pub name: String,
    /// Not for the Internet.
    pub internal: bool,
    /// Letter of each zone, and its address there.
    pub places: Vec<(String, Option<IpAddr>)>,
    /// Ids of security groups.
    pub groups: Vec<String>,
    /// By key.
    pub tags: Tags,
}

impl Balancer {
    /// As descriptions show it; addresses only where they were chosen by the user.
    pub(super) fn element(&self) -> Element {
        let places = self.places.iter().map(|place| {
            let member = Element::new("member");
            let address = match place.address {
                IpAddr::V6(address) => member.text("IPv6Address", address),
                IpAddr::V4(address) if self.scheme == "internal" => {
                    member.text("PrivateIPv4Address", address)
                }
                IpAddr::V4(address) => member
                    .text("IpAddress", address)
                    .text("AllocationId", format_args!("eipalloc-{:017x}", u32::from(address))),
            };
            Element::new("member")
                .text("ZoneName", &place.zone)
                .text("SubnetId", &place.subnet)
                .list("LoadBalancerAddresses", [address])
        });
        Element::new("member")
            .text("LoadBalancerArn", &self.arn)
            .text("DNSName", &self.dns)
            .text("CanonicalHostedZoneId", &self.zone_id)
            .text("CreatedTime", clock::stamp(self.created))
            .text("LoadBalancerName", &self.name)
            .text("Scheme", &self.scheme)
            .text("VpcId", &self.vpc)
            .child(Element::new("State").text("Code", "active"))
            .text("Type", "network")
            .list("AvailabilityZones", places)
            .texts("SecurityGroups", "member", &self.groups)
            .text("IpAddressType", "ipv4")
    }
}

impl World {
    /// One more network balancer; its long name.
    pub fn add_balancer(&mut self, wanted: NewBalancer) -> String {
        let (region, account) = (&self.settings.region, &self.settings.account);
        let (name, id) = (&wanted.name, self.chance.hex(16));
        let start = format!("arn:aws:elasticloadbalancing:{region}:{account}");
        let places = wanted.places.iter().map(|(letter, address)| {
            let zone = format!("{region}{letter}");
            let subnet = self.cloud.subnets.values().find(|subnet| subnet.zone == zone);
            let own = subnet.and_then(|subnet| subnet.cidr.hosts().nth(200)).map(IpAddr::V4);
            let address = address.or(own).unwrap_or(IpAddr::from([0, 0, 0, 0]));
            Place { zone, subnet: subnet.map(|it| it.id.clone()).unwrap_or_default(), address }
        });
        let balancer = Balancer {
            arn: format!("{start}:loadbalancer/net/{name}/{id}"),
            name: name.clone(),
            dns: format!("{name}-{id}.elb.{region}.amazonaws.com"),
            zone_id: "Z3F0SRJ5LGBH90".to_owned(),
            scheme: if wanted.internal { "internal" } else { "internet-facing" }.to_owned(),
            vpc: self.cloud.vpcs.keys().next().cloned().unwrap_or_default(),
            places: places.collect(),
            groups: wanted.groups,
            attributes: defaults(&BALANCER),
            tags: wanted.tags,
            created: SystemTime::now(),
        };
        let arn = balancer.arn.clone();
        self.balancers.balancers.insert(arn.clone(), balancer);
        arn
    }
}

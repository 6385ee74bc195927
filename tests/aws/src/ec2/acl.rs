//! Network ACLs, as far as they are looked at: nobody here changes them by the API.

use ipnet::IpNet;

use super::select::{Id, Shown, select};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// A network ACL.
#[derive(Clone, Debug)]
pub struct Acl {
    /// As `acl-0123456789abcdef0`.
    pub id: String,
    /// Id of its network.
    pub vpc: String,
    /// Ids of the parts that it is of.
    pub subnets: Vec<String>,
    /// In any order.
    pub entries: Vec<AclEntry>,
}

/// A rule of one.
#[derive(Clone, Debug)]
pub struct AclEntry {
    /// The lowest is the first; 32767 is the last, which denies everything.
    pub number: u32,
    /// Of what leaves.
    pub egress: bool,
    /// Whether it lets through.
    pub allow: bool,
    /// None for all protocols and ports, otherwise of TCP.
    pub ports: Option<(u16, u16)>,
    /// Of clients.
    pub network: IpNet,
}

impl Acl {
    /// The one that a network has from the start, which lets everything through.
    pub(super) fn usual(id: String, vpc: String, subnets: Vec<String>) -> Self {
        let all = |number, egress, allow| AclEntry {
            number,
            egress,
            allow,
            ports: None,
            network: IpNet::default(),
        };
        let sides = [false, true].into_iter();
        let entries = sides.flat_map(|egress| [all(100, egress, true), all(32767, egress, false)]);
        Self { id, vpc, subnets, entries: entries.collect() }
    }
}

/// DescribeNetworkAcls.
pub(super) fn describe(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let (page, next) = select(call, world.cloud.acls.values(), (5, 1000))?;
    let mut answer = vec![Element::new("networkAclSet").children(page.into_iter().map(shown))];
    answer.extend(next.map(|next| Element::of("nextToken", next)));
    Ok(answer)
}

fn shown(acl: &Acl) -> Element {
    let subnets = acl.subnets.iter().map(|subnet| {
        Element::new("item")
            .text("networkAclAssociationId", subnet.replacen("subnet-", "aclassoc-", 1))
            .text("networkAclId", &acl.id)
            .text("subnetId", subnet)
    });
    let entries = acl.entries.iter().map(|entry| {
        let (name, range) = match entry.network {
            IpNet::V4(network) => ("cidrBlock", network.to_string()),
            IpNet::V6(network) => ("ipv6CidrBlock", network.to_string()),
        };
        let element = Element::new("item")
            .text("ruleNumber", entry.number)
            .text("protocol", if entry.ports.is_some() { "6" } else { "-1" })
            .text("ruleAction", if entry.allow { "allow" } else { "deny" })
            .text("egress", entry.egress)
            .text(name, range);
        match entry.ports {
            Some((first, last)) => {
                element.child(Element::new("portRange").text("from", first).text("to", last))
            }
            None => element,
        }
    });
    Element::new("item")
        .text("networkAclId", &acl.id)
        .text("vpcId", &acl.vpc)
        .list("associationSet", subnets)
        .list("entrySet", entries)
}

impl Shown for &Acl {
    const ID: Id = Id {
        parameter: "NetworkAclId",
        filter: "network-acl-id",
        unknown: "InvalidNetworkAclID.NotFound",
    };

    fn field(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "network-acl-id" => Some(vec![self.id.clone()]),
            "vpc-id" => Some(vec![self.vpc.clone()]),
            "association.subnet-id" => Some(self.subnets.clone()),
            _ => None,
        }
    }
}

//! The descriptions.

use super::select::{Id, Shown, select};
use super::{Cloud, Group, Instance, Interface, Rule, Subnet, Tags, Vpc, show};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// DescribeInstances.
pub(super) fn instances(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    call.parameters.text("IncludeManagedResources");
    let cloud = &world.cloud;
    let all = cloud.instances.values().map(|instance| InCloud(instance, cloud));
    let (page, next) = select(call, all, (5, 1000))?;
    let items = page.iter().map(|InCloud(instance, _)| show::instance(world, instance));
    Ok(answer("reservationSet", items, next))
}

/// DescribeNetworkInterfaces.
pub(super) fn interfaces(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    call.parameters.text("IncludeManagedResources");
    let (page, next) = select(call, world.cloud.interfaces.values(), (5, 1000))?;
    let items = page.iter().map(|interface| show::interface(world, interface));
    Ok(answer("networkInterfaceSet", items, next))
}

/// DescribeSecurityGroups.
pub(super) fn groups(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    for id in call.parameters.list("GroupId") {
        super::group::find(&world.cloud, &id)?;
    }
    let (page, next) = select(call, world.cloud.groups.values(), (5, 1000))?;
    let items = page.iter().map(|group| show::group(world, group));
    Ok(answer("securityGroupInfo", items, next))
}

/// DescribeSecurityGroupRules.
pub(super) fn rules(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let groups = world.cloud.groups.values();
    let all =
        groups.flat_map(|group| group.rules.iter().map(|rule| Owned { rule, group: &group.id }));
    let (page, next) = select(call, all, (5, 1000))?;
    let items = page.iter().map(|owned| show::rule(world, owned.group, owned.rule));
    Ok(answer("securityGroupRuleSet", items, next))
}

/// DescribeVpcs.
pub(super) fn vpcs(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let (page, next) = select(call, world.cloud.vpcs.values(), (5, 1000))?;
    let items = page.iter().map(|vpc| show::vpc(world, vpc));
    Ok(answer("vpcSet", items, next))
}

/// DescribeSubnets.
pub(super) fn subnets(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let (page, next) = select(call, world.cloud.subnets.values(), (5, 1000))?;
    let items = page.iter().map(|subnet| show::subnet(world, subnet));
    Ok(answer("subnetSet", items, next))
}

fn answer(name: &str, items: impl Iterator<Item = Element>, next: Option<String>) -> Vec<Element> {
    let mut answer = vec![Element::new(name).children(items)];
    answer.extend(next.map(|next| Element::of("nextToken", next)));
    answer
}

/// An instance with what its filters look at.
struct InCloud<'a>(&'a Instance, &'a Cloud);

/// A rule with its group.
struct Owned<'a> {
    rule: &'a Rule,
    group: &'a str,
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Option<Vec<String>> {
    Some(items.into_iter().map(|item| item.to_string()).collect())
}

impl Shown for InCloud<'_> {
    const ID: Id = Id {
        parameter: "InstanceId",
        filter: "instance-id",
        unknown: "InvalidInstanceID.NotFound",
    };

    fn tags(&self) -> &Tags {
        &self.0.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        let Self(instance, cloud) = self;
        let interfaces = || cloud.interfaces_of(&instance.id);
        match name {
            "instance-id" => texts([&instance.id]),
            "instance-state-name" => texts([instance.state.code().1]),
            "instance-state-code" => texts([instance.state.code().0]),
            "instance-type" => texts([&instance.kind]),
            "instance-lifecycle" => texts(instance.spot.then_some("spot")),
            "availability-zone" => texts([&instance.zone]),
            "vpc-id" => texts(interfaces().first().map(|it| &it.vpc)),
            "subnet-id" => texts(interfaces().first().map(|it| &it.subnet)),
            "private-ip-address" => texts(interfaces().first().and_then(|it| it.private.first())),
            "ip-address" => texts(interfaces().first().and_then(|it| it.public.values().next())),
            "instance.group-id" => texts(interfaces().iter().flat_map(|it| &it.groups)),
            _ => None,
        }
    }
}

impl Shown for &Interface {
    const ID: Id = Id {
        parameter: "NetworkInterfaceId",
        filter: "network-interface-id",
        unknown: "InvalidNetworkInterfaceID.NotFound",
    };

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "network-interface-id" => texts([&self.id]),
            "attachment.instance-id" => texts(&self.instance),
            "vpc-id" => texts([&self.vpc]),
            "subnet-id" => texts([&self.subnet]),
            "group-id" => texts(&self.groups),
            "description" => texts([&self.description]),
            "private-ip-address" | "addresses.private-ip-address" => texts(&self.private),
            "association.public-ip" | "addresses.association.public-ip" => {
                texts(self.public.values())
            }
            "ipv6-addresses.ipv6-address" => texts(&self.ipv6),
            "mac-address" => texts([&self.mac]),
            _ => None,
        }
    }
}

impl Shown for &Group {
    const ID: Id =
        Id { parameter: "GroupId", filter: "group-id", unknown: "InvalidGroup.NotFound" };

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "group-id" => texts([&self.id]),
            "group-name" => texts([&self.name]),
            "description" => texts([&self.description]),
            "vpc-id" => texts([&self.vpc]),
            "ip-permission.group-id" => Some(self.named(false)),
            "egress.ip-permission.group-id" => Some(self.named(true)),
            _ => None,
        }
    }
}

impl Shown for Owned<'_> {
    const ID: Id = Id {
        parameter: "SecurityGroupRuleId",
        filter: "security-group-rule-id",
        unknown: "InvalidSecurityGroupRuleId.NotFound",
    };

    fn tags(&self) -> &Tags {
        &self.rule.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "group-id" => texts([self.group]),
            "security-group-rule-id" => texts([&self.rule.id]),
            _ => None,
        }
    }
}

impl Shown for &Vpc {
    const ID: Id = Id { parameter: "VpcId", filter: "vpc-id", unknown: "InvalidVpcID.NotFound" };

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "vpc-id" => texts([&self.id]),
            "is-default" => texts([self.default]),
            "cidr" | "cidr-block-association.cidr-block" => texts(&self.cidrs),
            _ => None,
        }
    }
}

impl Shown for &Subnet {
    const ID: Id =
        Id { parameter: "SubnetId", filter: "subnet-id", unknown: "InvalidSubnetID.NotFound" };

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn field(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "subnet-id" => texts([&self.id]),
            "vpc-id" => texts([&self.vpc]),
            "availability-zone" => texts([&self.zone]),
            "cidr-block" => texts([&self.cidr]),
            _ => None,
        }
    }
}

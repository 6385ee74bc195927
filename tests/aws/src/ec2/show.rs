//! How resources are shown.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::tags::set;
use super::{
    Group, Instance, Interface, Rule, Source, Subnet, Vpc, kind, private_name, public_name, zone_id,
};
use crate::clock;
use crate::world::World;
use crate::xml::Element;

/// A source in one word.
pub(super) fn source(source: &Source) -> String {
    match source {
        Source::V4(range) => range.to_string(),
        Source::V6(range) => range.to_string(),
        Source::List(id) | Source::Group(id) => id.clone(),
    }
}

/// A rule as DescribeSecurityGroupRules shows it.
pub(super) fn rule(world: &World, group: &str, rule: &Rule) -> Element {
    let element = plain(group, rule).text("groupOwnerId", &world.settings.account);
    let element = match &rule.source {
        Source::Group(id) => element.child(
            Element::new("referencedGroupInfo")
                .text("groupId", id)
                .text("userId", &world.settings.account),
        ),
        _ => element,
    };
    let region = &world.settings.region;
    let account = &world.settings.account;
    let arn = format!("arn:aws:ec2:{region}:{account}:security-group-rule/{}", rule.id);
    element.text("securityGroupRuleArn", arn).child(set(&rule.tags))
}

/// A rule that is gone.
pub(super) fn revoked(group: &str, rule: &Rule) -> Element {
    let element = plain(group, rule);
    match &rule.source {
        Source::Group(id) => element.text("referencedGroupId", id),
        _ => element,
    }
}

fn plain(group: &str, rule: &Rule) -> Element {
    let (from, to) = rule.ports.unwrap_or((-1, -1));
    let element = Element::new("item")
        .text("securityGroupRuleId", &rule.id)
        .text("groupId", group)
        .text("isEgress", rule.egress)
        .text("ipProtocol", &rule.protocol)
        .text("fromPort", from)
        .text("toPort", to)
        .maybe("description", rule.description.as_ref());
    match &rule.source {
        Source::V4(range) => element.text("cidrIpv4", range),
        Source::V6(range) => element.text("cidrIpv6", range),
        Source::List(id) => element.text("prefixListId", id),
        Source::Group(_) => element,
    }
}

/// Rules by protocol and ports, as DescribeSecurityGroups shows them.
pub(super) fn permissions(world: &World, rules: &[Rule]) -> Vec<Element> {
    let mut merged: BTreeMap<_, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        merged.entry((&rule.protocol, rule.ports)).or_default().push(rule);
    }
    let item = |name, text: &dyn std::fmt::Display, rule: &Rule| {
        Element::new("item").text(name, text).maybe("description", rule.description.as_ref())
    };
    let mut shown = Vec::new();
    for ((protocol, ports), rules) in merged {
        let (mut v4, mut v6, mut lists, mut groups) = (vec![], vec![], vec![], vec![]);
        for rule in rules {
            match &rule.source {
                Source::V4(range) => v4.push(item("cidrIp", range, rule)),
                Source::V6(range) => v6.push(item("cidrIpv6", range, rule)),
                Source::List(id) => lists.push(item("prefixListId", id, rule)),
                Source::Group(id) => {
                    groups.push(item("groupId", id, rule).text("userId", &world.settings.account));
                }
            }
        }
        let element = Element::new("item")
            .text("ipProtocol", protocol)
            .maybe("fromPort", ports.map(|(from, _)| from))
            .maybe("toPort", ports.map(|(_, to)| to))
            .list("groups", groups)
            .list("ipRanges", v4)
            .list("ipv6Ranges", v6)
            .list("prefixListIds", lists);
        shown.push(element);
    }
    shown
}

/// A security group.
pub(super) fn group(world: &World, group: &Group) -> Element {
    let of = |egress| {
        let rules = group.rules.iter().filter(|rule| rule.egress == egress);
        permissions(world, &rules.cloned().collect::<Vec<_>>())
    };
    Element::new("item")
        .text("groupId", &group.id)
        .text("groupName", &group.name)
        .text("groupDescription", &group.description)
        .text("vpcId", &group.vpc)
        .text("ownerId", &world.settings.account)
        .text("securityGroupArn", world.group_arn(&group.id))
        .list("ipPermissions", of(false))
        .list("ipPermissionsEgress", of(true))
        .child(set(&group.tags))
}

/// An instance, in a reservation of its own.
pub(super) fn instance(world: &World, instance: &Instance) -> Element {
    let (code, name) = instance.state.code();
    let interfaces = world.cloud.interfaces_of(&instance.id);
    let primary = interfaces.first().copied();
    let private = primary.and_then(|interface| interface.private.first().copied());
    let public = primary.and_then(|interface| interface.public.get(&private?).copied());
    let region = &world.settings.region;
    let placement = Element::new("placement")
        .text("availabilityZone", &instance.zone)
        .text("availabilityZoneId", zone_id(&instance.zone))
        .text("tenancy", "default");
    let state = Element::new("instanceState").text("code", code).text("name", name);
    let shown = interfaces.iter().map(|interface| self::interface(world, interface));
    let mut element = Element::new("item")
        .text("instanceId", &instance.id)
        .text("imageId", "ami-0123456789abcdef0")
        .child(state)
        .maybe("privateDnsName", private.map(|address| private_name(address, region)))
        .maybe("dnsName", public.map(|address| public_name(address, region)))
        .text("instanceType", &instance.kind)
        .text("launchTime", clock::stamp(instance.launched))
        .child(placement)
        .maybe("subnetId", primary.map(|interface| &interface.subnet))
        .maybe("vpcId", primary.map(|interface| &interface.vpc))
        .maybe("privateIpAddress", private)
        .maybe("ipAddress", public)
        .list("groupSet", primary.map(|interface| groups(world, interface)).unwrap_or_default())
        .list("networkInterfaceSet", shown)
        .child(set(&instance.tags));
    if instance.spot {
        element = element.text("instanceLifecycle", "spot");
    }
    Element::new("item")
        .text("reservationId", instance.id.replacen("i-", "r-", 1))
        .text("ownerId", &world.settings.account)
        .list("instancesSet", [element])
}

fn groups(world: &World, interface: &Interface) -> Vec<Element> {
    let found = interface.groups.iter().filter_map(|id| world.cloud.groups.get(id));
    let item = |group: &Group| {
        Element::new("item").text("groupId", &group.id).text("groupName", &group.name)
    };
    found.map(item).collect()
}

/// A network interface.
pub(super) fn interface(world: &World, interface: &Interface) -> Element {
    let subnet = world.cloud.subnets.get(&interface.subnet);
    let owner = &world.settings.account;
    let primary = interface.private.first();
    let instance = interface.instance.as_ref().and_then(|id| world.cloud.instances.get(id));
    let addresses = interface.private.iter().map(|private| {
        Element::new("item")
            .text("privateIpAddress", private)
            .text("primary", Some(private) == primary)
            .children(association(world, interface, *private))
    });
    let ipv6 = interface.ipv6.iter().map(|it| Element::new("item").text("ipv6Address", it));
    let mut element = Element::new("item")
        .text("networkInterfaceId", &interface.id)
        .text("subnetId", &interface.subnet)
        .text("vpcId", &interface.vpc)
        .maybe("availabilityZone", subnet.map(|subnet| &subnet.zone))
        .text("description", &interface.description)
        .text("ownerId", owner)
        .text("status", if instance.is_some() { "in-use" } else { "available" })
        .text("macAddress", &interface.mac)
        .maybe("privateIpAddress", primary)
        .text("sourceDestCheck", true)
        .text("interfaceType", "interface")
        .list("groupSet", groups(world, interface))
        .children(primary.and_then(|primary| association(world, interface, *primary)))
        .list("privateIpAddressesSet", addresses)
        .list("ipv6AddressesSet", ipv6)
        .child(set(&interface.tags));
    if let Some(instance) = instance {
        let attachment = Element::new("attachment")
            .text("attachmentId", interface.id.replacen("eni", "eni-attach", 1))
            .text("deviceIndex", interface.device)
            .text("instanceId", &instance.id)
            .text("instanceOwnerId", owner)
            .text("status", "attached");
        element = element.child(attachment);
    }
    let default = instance.map(|instance| kind::established(&instance.kind));
    if let Some(timeout) = interface.tcp_established_timeout.or(default) {
        let tracking = Element::new("connectionTrackingConfiguration");
        element = element.child(tracking.text("tcpEstablishedTimeout", timeout));
    }
    element
}

fn association(world: &World, interface: &Interface, private: Ipv4Addr) -> Option<Element> {
    let public = interface.public.get(&private)?;
    let element = Element::new("association")
        .text("publicIp", public)
        .text("publicDnsName", public_name(*public, &world.settings.region))
        .text("ipOwnerId", &world.settings.account);
    Some(element)
}

/// A network.
pub(super) fn vpc(world: &World, vpc: &Vpc) -> Element {
    let block = |name: &str, state: &str, cidr: &dyn std::fmt::Display| {
        let active = Element::new(state).text("state", "associated");
        Element::new("item").text(name, cidr).child(active)
    };
    let v4 = vpc.cidrs.iter().map(|cidr| block("cidrBlock", "cidrBlockState", cidr));
    let v6 = vpc.ipv6_cidrs.iter().map(|cidr| block("ipv6CidrBlock", "ipv6CidrBlockState", cidr));
    Element::new("item")
        .text("vpcId", &vpc.id)
        .text("state", "available")
        .maybe("cidrBlock", vpc.cidrs.first())
        .text("isDefault", vpc.default)
        .text("ownerId", &world.settings.account)
        .list("cidrBlockAssociationSet", v4)
        .list("ipv6CidrBlockAssociationSet", v6)
        .child(set(&vpc.tags))
}

/// A part of a network.
pub(super) fn subnet(world: &World, subnet: &Subnet) -> Element {
    Element::new("item")
        .text("subnetId", &subnet.id)
        .text("vpcId", &subnet.vpc)
        .text("state", "available")
        .text("cidrBlock", subnet.cidr)
        .text("availabilityZone", &subnet.zone)
        .text("availabilityZoneId", zone_id(&subnet.zone))
        .text("ownerId", &world.settings.account)
        .child(set(&subnet.tags))
}

//! What the client answers, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aws_sdk_ec2::types::{
    ManagedPrefixList, NetworkInterface, SecurityGroup, SecurityGroupRule, Tag,
};
use ipnet::IpNet;

use crate::group::{Group, Interface, Kind, List, Place, Protocol, Reach, Rule, Source, Span};

pub(super) fn interface(interface: &NetworkInterface, serves: BTreeSet<Kind>) -> Interface {
    let groups = interface.groups().iter().filter_map(|group| group.group_id());
    Interface {
        id: text(interface.network_interface_id()),
        vpc: text(interface.vpc_id()),
        serves,
        managed: interface.requester_managed().unwrap_or(false),
        groups: groups.map(ToOwned::to_owned).collect(),
    }
}

/// The private addresses.
pub(super) fn addresses(interface: &NetworkInterface) -> Vec<IpAddr> {
    let v4 = interface.private_ip_addresses().iter().filter_map(|own| own.private_ip_address());
    let v6 = interface.ipv6_addresses().iter().filter_map(|own| own.ipv6_address());
    let all = v4.chain(v6).chain(interface.private_ip_address());
    all.filter_map(|address| address.parse().ok()).collect()
}

pub(super) fn group(group: &SecurityGroup) -> Group {
    Group {
        id: text(group.group_id()),
        name: text(group.group_name()),
        vpc: text(group.vpc_id()),
        tags: tags(group.tags()),
        named_by: Vec::new(),
    }
}

/// The groups that its inbound rules name.
pub(super) fn named(group: &SecurityGroup) -> BTreeSet<String> {
    let pairs =
        group.ip_permissions().iter().flat_map(|permission| permission.user_id_group_pairs());
    pairs.filter_map(|pair| pair.group_id()).map(ToOwned::to_owned).collect()
}

/// A rule; `None`: it has no source that we know of, so that nothing can be said of it.
pub(super) fn rule(rule: &SecurityGroupRule) -> Option<Rule> {
    let network = rule.cidr_ipv4().or(rule.cidr_ipv6()).map(str::parse::<IpNet>);
    let list = rule.prefix_list_id().map(|id| Source::List(id.to_owned()));
    let group = rule.referenced_group_info().and_then(|group| group.group_id());
    let group = group.map(|id| Source::Group(Place::Id(id.to_owned())));
    let source = network.and_then(Result::ok).map(Source::network).or(list).or(group)?;
    let protocol = Protocol::of(rule.ip_protocol().unwrap_or("-1"));
    let ports = match protocol {
        Protocol::Tcp => ports(rule.from_port(), rule.to_port()),
        _ => Span::ALL,
    };
    Some(Rule {
        id: text(rule.security_group_rule_id()),
        group: text(rule.group_id()),
        outbound: rule.is_egress().unwrap_or(false),
        reach: Reach { protocol, ports, source },
        description: text(rule.description()),
        tags: tags(rule.tags()),
    })
}

/// -1 is every port.
fn ports(first: Option<i32>, last: Option<i32>) -> Span {
    match (first.map(u16::try_from), last.map(u16::try_from)) {
        (Some(Ok(first)), Some(Ok(last))) => Span::new(first, last),
        _ => Span::ALL,
    }
}

pub(super) fn list(list: &ManagedPrefixList) -> Option<List> {
    let id = list.prefix_list_id()?.to_owned();
    let name = text(list.prefix_list_name());
    let most = list.max_entries().and_then(|entries| u32::try_from(entries).ok());
    let weight = List::weight_of(&name, most);
    Some(List { id, name, v6: list.address_family() == Some("IPv6"), weight, networks: None })
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), text(tag.value())));
    tags.iter().filter_map(pair).collect()
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{ReferencedSecurityGroup, builders::SecurityGroupRuleBuilder};

    use super::*;
    use crate::group::POOL_TAG;

    fn tcp(first: i32, last: i32) -> SecurityGroupRuleBuilder {
        let rule = SecurityGroupRule::builder().security_group_rule_id("sgr-1").group_id("sg-1");
        rule.is_egress(false).ip_protocol("tcp").from_port(first).to_port(last)
    }

    fn read(builder: SecurityGroupRuleBuilder) -> String {
        rule(&builder.build()).unwrap().reach.to_string()
    }

    #[test]
    fn rules_of_every_source() {
        assert_eq!(read(tcp(21, 21).cidr_ipv4("100.68.0.18/18")), "tcp 21 from 100.68.0.0/18");
        assert_eq!(read(tcp(60_000, 65_535).cidr_ipv6("::/0")), "tcp 60000-65535 from ::/0");
        assert_eq!(read(tcp(0, 0).prefix_list_id("pl-1")), "tcp 0 from pl-1");
        let group = ReferencedSecurityGroup::builder().group_id("sg-2").build();
        assert_eq!(read(tcp(-1, -1).referenced_group_info(group)), "tcp 0-65535 from sg-2");
        let all = tcp(-1, -1).ip_protocol("-1").cidr_ipv4("0.0.0.0/0");
        assert_eq!(read(all), "everything from 0.0.0.0/0");
        let ping = tcp(8, -1).ip_protocol("icmp").cidr_ipv4("0.0.0.0/0");
        assert_eq!(read(ping), "icmp from 0.0.0.0/0");
        assert_eq!(rule(&tcp(1, 1).build()), None);
        assert_eq!(rule(&tcp(1, 1).cidr_ipv4("nonsense").build()), None);
    }

    #[test]
    fn owners_are_told_by_the_tag() {
        let tag = Tag::builder().key(POOL_TAG).value("main").build();
        let read = rule(&tcp(21, 21).cidr_ipv4("0.0.0.0/0").is_egress(true).tags(tag).build());
        let read = read.unwrap();
        assert_eq!((read.pool(), read.outbound), (Some("main"), true));
    }

    #[test]
    fn lists_have_a_weight() {
        let of =
            |name: &str| ManagedPrefixList::builder().prefix_list_id("pl-1").prefix_list_name(name);
        let checkers = of("com.amazonaws.eu-west-1.ipv6.route53-healthchecks");
        let read = list(&checkers.address_family("IPv6").build()).unwrap();
        assert_eq!((read.weight, read.v6), (25, true));
        assert_eq!(list(&of("offices").max_entries(7).build()).unwrap().weight, 7);
    }
}

//! Security groups: of the nodes, the balancer, the store and the file system.
//!
//! What lets clients in is kept by the nodes themselves (`aws.security_groups`), in groups of the pool. Where they are
//! not to do so it is in the nodes' group here, from the same plan.

use flotilla_cluster::group::{Origin, Span, Want};
use serde_json::{Value, json};

use super::document::{Document, attribute, reference};
use super::{Fleet, balancer};
use crate::firewall::{Plan, wants};

/// Adds them.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    group(document, "NodeGroup", "Nodes of the pool", Vec::new());
    group(document, "StoreGroup", "Store of the pool", vec![from_nodes(STORE_PORT)]);
    group(document, "FilesGroup", "Files of the pool", vec![from_nodes(NFS_PORT)]);
    let behind = behind_balancer(fleet);
    if !behind.is_empty() {
        let rules = behind.iter().filter(|(_, why)| *why == CLIENTS);
        let rules = rules.map(|(ports, why)| rule(*ports, ("CidrIp", json!("0.0.0.0/0")), why));
        group(document, "BalancerGroup", "Balancer of the pool", rules.collect());
    }
    for (ports, why) in &behind {
        let source = ("SourceSecurityGroupId", attribute("BalancerGroup", "GroupId"));
        let name = format!("NodeFromBalancer{}", ports.first());
        apart(document, &name, rule(*ports, source, why));
    }
    if !fleet.config.aws.security_groups {
        let (wants, _) = wants::of(&Plan::of(&fleet.config), &fleet.config.aws);
        for (number, want) in wants.iter().enumerate() {
            open(document, &format!("NodeRule{}", number + 1), want, &behind);
        }
    }
}

/// What the nodes serve to the balancer: in front of it are all clients, who are known by its group.
fn behind_balancer(fleet: &Fleet) -> Vec<(Span, &'static str)> {
    let rows = balancer::listeners(fleet);
    let mut spans = Vec::<(Span, &str)>::new();
    for row in &rows {
        match spans.last_mut() {
            Some((last, _)) if row.passive && last.last().checked_add(1) == Some(row.port) => {
                *last = Span::new(last.first(), row.port);
            }
            _ => spans.push((Span::new(row.port, row.port), CLIENTS)),
        }
    }
    if !rows.is_empty() {
        spans.push((Span::new(fleet.health, fleet.health), "health checks of the balancer"));
    }
    spans
}

/// What the plan wants, unless it comes through the balancer.
fn open(document: &mut Document, name: &str, want: &Want, behind: &[(Span, &str)]) {
    let source = match &want.from {
        Origin::Network(network) if network.prefix_len() == 0 && covers(behind, want.ports) => {
            return;
        }
        Origin::Network(network) if network.addr().is_ipv6() => {
            ("CidrIpv6", json!(network.trunc().to_string()))
        }
        Origin::Network(network) => ("CidrIp", json!(network.trunc().to_string())),
        Origin::Nodes => ("SourceSecurityGroupId", attribute("NodeGroup", "GroupId")),
        Origin::Checkers { v6 } => ("SourcePrefixListId", checkers(document, *v6)),
    };
    apart(document, name, rule(want.ports, source, &format!("{}: {}", want.service, want.why)));
}

fn covers(behind: &[(Span, &str)], ports: Span) -> bool {
    behind.iter().any(|(span, _)| span.contains(ports))
}

/// The prefix list that AWS keeps of the addresses from which Route 53 checks: its id differs by region.
fn checkers(document: &mut Document, v6: bool) -> Value {
    let (name, list) = if v6 {
        ("CheckersV6", "com.amazonaws.REGION.ipv6.route53-healthchecks")
    } else {
        ("Checkers", "com.amazonaws.REGION.route53-healthchecks")
    };
    let text = format!("Id of the managed prefix list {list}.");
    let limits = json!({ "AllowedPattern": "pl-[0-9a-f]+" });
    document.limited(name, "String", None, &text, limits);
    reference(name)
}

fn group(document: &mut Document, name: &str, what: &str, rules: Vec<Value>) {
    let mut properties = json!({
        "VpcId": reference("Vpc"),
        "GroupDescription": what,
        "Tags": document.tags(),
    });
    if let (Some(properties), false) = (properties.as_object_mut(), rules.is_empty()) {
        properties.insert("SecurityGroupIngress".to_owned(), rules.into());
    }
    document.resource(name, "AWS::EC2::SecurityGroup", properties);
}

/// A rule of the nodes' group, which is not in it: both could name each other.
fn apart(document: &mut Document, name: &str, mut rule: Value) {
    if let Some(rule) = rule.as_object_mut() {
        rule.insert("GroupId".to_owned(), attribute("NodeGroup", "GroupId"));
    }
    document.resource(name, "AWS::EC2::SecurityGroupIngress", rule);
}

fn from_nodes(port: u16) -> Value {
    let source = ("SourceSecurityGroupId", attribute("NodeGroup", "GroupId"));
    rule(Span::new(port, port), source, "nodes of the pool")
}

fn rule(ports: Span, (key, source): (&str, Value), why: &str) -> Value {
    json!({
        "IpProtocol": "tcp",
        "FromPort": ports.first(),
        "ToPort": ports.last(),
        key: source,
        "Description": described(why),
    })
}

/// As AWS takes it: 255 characters of a few ("IpRange", `Description`).
fn described(why: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    why.chars().map(|c| if plain(c) { c } else { '_' }).take(255).collect()
}

/// Of the store.
pub(super) const STORE_PORT: u16 = 6379;
const NFS_PORT: u16 = 2049;
const CLIENTS: &str = "clients, through the balancer";

//! Changes as people read them: in words, for the AWS CLI and for Terraform.

use std::fmt::Write as _;

use super::change::{Add, Attach, Change, Create, Modify, Remove, description};
use super::reach::{Place, Reach, Source};
use super::state::{KIND_TAG, POOL_TAG};
use crate::aws::{Sign, Step};

impl Change {
    /// The change, to be shown.
    pub fn step(&self) -> Step {
        match self {
            Self::Create(create) => create.step(),
            Self::CloseOutbound { place } => close_outbound(place),
            Self::Add(add) => add.step(),
            Self::Modify(modify) => modify.step(),
            Self::Attach(attach) => attach.step(),
            Self::Remove(remove) => remove.step(),
        }
    }
}

impl Create {
    /// What AWS wants to be told of every group.
    pub fn description(&self) -> String {
        description(&format!("Pool {} of Flotilla: {}", self.pool, self.kind.purpose()))
    }

    fn step(&self) -> Step {
        let (name, vpc, text) = (&self.name, &self.vpc, self.description());
        let tags = format!(
            "ResourceType=security-group,Tags=[{{Key={POOL_TAG},Value={}}},{{Key={KIND_TAG},Value={}}}]",
            self.pool, self.kind
        );
        let words = ["--group-name", name, "--vpc-id", vpc, "--description", &text];
        let words = words.into_iter().chain(["--tag-specifications", &tags]);
        let (pool, kind) = (&self.pool, self.kind);
        let terraform = format!(
            "resource \"aws_security_group\" \"{}\" {{\n  name        = \"{name}\"\n  \
             description = \"{text}\"\n  vpc_id      = \"{vpc}\"\n  tags = {{\n    \
             \"{POOL_TAG}\"  = \"{pool}\"\n    \"{KIND_TAG}\" = \"{kind}\"\n  }}\n}}\n",
            label(name)
        );
        Step {
            service: "ec2",
            sign: Sign::Add,
            what: format!("group {name} in {vpc}"),
            why: format!("there is none for {} yet", self.kind.purpose()),
            action: "ec2:CreateSecurityGroup",
            command: command("create-security-group", words),
            terraform: Some(terraform),
        }
    }
}

/// Terraform takes the rule out of every group that it makes, so there is nothing to write.
fn close_outbound(place: &Place) -> Step {
    let id = id(place);
    let words = ["--group-id", &id, "--ip-permissions", EVERYTHING];
    Step {
        service: "ec2",
        sign: Sign::Remove,
        what: format!("rule everything to everywhere in {place}"),
        why: "a new group would open outbound what other groups may keep closed".to_owned(),
        action: "ec2:RevokeSecurityGroupEgress",
        command: command("revoke-security-group-egress", words),
        terraform: None,
    }
}

impl Add {
    fn step(&self) -> Step {
        let id = id(&self.place);
        let permission = permission(&self.reach, &self.description);
        let tags = format!(
            "ResourceType=security-group-rule,Tags=[{{Key={POOL_TAG},Value={}}}]",
            self.pool
        );
        let words =
            ["--group-id", &id, "--ip-permissions", &permission, "--tag-specifications", &tags];
        let tags = format!("  tags = {{ \"{POOL_TAG}\" = \"{}\" }}\n", self.pool);
        Step {
            service: "ec2",
            sign: Sign::Add,
            what: format!("rule {} in {}", self.reach, self.title),
            why: self.description.clone(),
            action: "ec2:AuthorizeSecurityGroupIngress",
            command: command("authorize-security-group-ingress", words),
            terraform: Some(terraform(&self.place, &self.reach, &self.description, &tags)),
        }
    }
}

impl Modify {
    fn step(&self) -> Step {
        let (from, to) = (self.from.ports, self.to.ports);
        let source = match &self.to.source {
            Source::Network(network) if network.addr().is_ipv4() => format!("CidrIpv4={network}"),
            Source::Network(network) => format!("CidrIpv6={network}"),
            Source::List(list) => format!("PrefixListId={list}"),
            Source::Group(place) => format!("ReferencedGroupId={}", id(place)),
        };
        let rule = format!(
            "SecurityGroupRuleId={},SecurityGroupRule={{IpProtocol={},FromPort={},ToPort={},{source},\
             Description={}}}",
            self.rule,
            self.to.protocol.as_str(),
            to.first(),
            to.last(),
            self.description
        );
        let words = ["--group-id", &self.group, "--security-group-rules", &rule];
        let place = Place::Id(self.group.clone());
        Step {
            service: "ec2",
            sign: Sign::Change,
            what: format!(
                "rule {} in {}: tcp {from} becomes {to}, from {}",
                self.rule,
                self.title,
                { &self.to.source }
            ),
            why: self.description.clone(),
            action: "ec2:ModifySecurityGroupRules",
            command: command("modify-security-group-rules", words),
            terraform: Some(terraform(&place, &self.to, &self.description, "")),
        }
    }
}

impl Attach {
    fn step(&self) -> Step {
        let groups = self.groups.iter().map(id).collect::<Vec<_>>();
        let words = ["--network-interface-id", &self.interface, "--groups"];
        let words = words.into_iter().chain(groups.iter().map(String::as_str));
        let added = self.added.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut terraform = String::new();
        for place in &self.added {
            let _ = write!(
                terraform,
                "resource \"aws_network_interface_sg_attachment\" \"{}_{}\" {{\n  \
                 security_group_id    = {}\n  network_interface_id = \"{}\"\n}}\n",
                label(&self.interface),
                label(&place.to_string()),
                reference(place),
                self.interface
            );
        }
        Step {
            service: "ec2",
            sign: Sign::Change,
            what: format!("interface {} gets {added}", self.interface),
            why: "what its node serves is in their rules".to_owned(),
            action: "ec2:ModifyNetworkInterfaceAttribute",
            command: command("modify-network-interface-attribute", words),
            terraform: Some(terraform),
        }
    }
}

impl Remove {
    fn step(&self) -> Step {
        let words = ["--group-id", &self.group, "--security-group-rule-ids", &self.rule];
        Step {
            service: "ec2",
            sign: Sign::Remove,
            what: format!("rule {} ({}) in {}", self.reach, self.rule, self.title),
            why: self.why.to_owned(),
            action: "ec2:RevokeSecurityGroupIngress",
            command: command("revoke-security-group-ingress", words),
            terraform: None,
        }
    }
}

fn command<'a>(verb: &'a str, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    ["aws", "ec2", verb].into_iter().chain(words).map(ToOwned::to_owned).collect()
}

/// An id, or words in its place that say which one it is: an earlier command answers with it.
fn id(place: &Place) -> String {
    match place {
        Place::Id(id) => id.clone(),
        Place::New { name, .. } => format!("ID-OF-{name}"),
    }
}

/// In the short form of the AWS CLI. Descriptions have nothing that it takes for its own.
fn permission(reach: &Reach, description: &str) -> String {
    let source = match &reach.source {
        Source::Network(network) if network.addr().is_ipv4() => {
            format!("IpRanges=[{{CidrIp={network}")
        }
        Source::Network(network) => format!("Ipv6Ranges=[{{CidrIpv6={network}"),
        Source::List(list) => format!("PrefixListIds=[{{PrefixListId={list}"),
        Source::Group(place) => format!("UserIdGroupPairs=[{{GroupId={}", id(place)),
    };
    format!(
        "IpProtocol={},FromPort={},ToPort={},{source},Description={description}}}]",
        reach.protocol.as_str(),
        reach.ports.first(),
        reach.ports.last()
    )
}

fn terraform(place: &Place, reach: &Reach, description: &str, more: &str) -> String {
    let source = match &reach.source {
        Source::Network(network) if network.addr().is_ipv4() => {
            format!("cidr_ipv4         = \"{network}\"")
        }
        Source::Network(network) => format!("cidr_ipv6         = \"{network}\""),
        Source::List(list) => format!("prefix_list_id    = \"{list}\""),
        Source::Group(place) => format!("referenced_security_group_id = {}", reference(place)),
    };
    format!(
        "resource \"aws_vpc_security_group_ingress_rule\" \"{}\" {{\n  security_group_id = {}\n  \
         ip_protocol       = \"{}\"\n  from_port         = {}\n  to_port           = {}\n  {source}\n  \
         description       = \"{description}\"\n{more}}}\n",
        label(&format!("{place} {reach}")),
        reference(place),
        reach.protocol.as_str(),
        reach.ports.first(),
        reach.ports.last()
    )
}

/// How Terraform refers to a group.
fn reference(place: &Place) -> String {
    match place {
        Place::Id(id) => format!("\"{id}\""),
        Place::New { name, .. } => format!("aws_security_group.{}.id", label(name)),
    }
}

/// A name as Terraform takes it.
fn label(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

const EVERYTHING: &str = "IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]";

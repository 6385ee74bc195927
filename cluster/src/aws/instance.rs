//! Who and where this node is, as the machine is told by its surroundings.
//!
//! An EC2 instance asks its metadata service, which answers a tree of short texts ("Instance metadata categories" in
//! the guide of EC2); [`Instance::of_metadata`] reads them. A task of ECS asks another one, which answers JSON ("Task
//! metadata endpoint version 4"); [`Instance::of_task`] reads that. Nothing here asks anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Paths of the metadata service below [`ROOT`], with what stands there. What does not exist has no entry.
pub type Metadata = BTreeMap<String, String>;

/// Under which all paths of [`Metadata`] are.
pub const ROOT: &str = "/latest/meta-data/";
/// The folder with one folder per network card, by its hardware address.
pub const INTERFACES: &str = "network/interfaces/macs/";

/// What a machine is told of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// `i-0123456789abcdef0`, or the ARN of a task.
    pub id: String,
    /// `eu-west-1`.
    pub region: String,
    /// `eu-west-1a`; empty: not told.
    pub zone: String,
    /// `m7g.large`; empty for a task.
    pub kind: String,
    /// Whether AWS may take it back with a notice of two minutes.
    pub is_spot: bool,
    /// The primary one first.
    pub interfaces: Vec<Interface>,
    /// Tags, where the instance may read its own (`InstanceMetadataTags=enabled`).
    pub tags: BTreeMap<String, String>,
}

/// A network card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `eni-0123456789abcdef0`; empty for a task.
    pub id: String,
    /// 0 for the primary one.
    pub number: u16,
    /// Its hardware address; empty: not told.
    pub mac: String,
    /// IPv4 addresses that it has.
    pub private: Vec<Ipv4Addr>,
    /// Public addresses that lead to them: public, private.
    pub public: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// IPv6 addresses, which are public as they are.
    pub v6: Vec<Ipv6Addr>,
    /// Its security groups.
    pub groups: Vec<String>,
    /// `subnet-0123`.
    pub subnet: String,
    /// `vpc-0123`.
    pub vpc: String,
    /// The networks of that VPC; for a task those of its subnet.
    pub networks: Vec<IpNet>,
}

/// Why a machine is not known by what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    /// A text is missing that every instance has.
    #[error("the metadata has no {0}")]
    Missing(&'static str),
    /// It is no JSON, or lacks what every task has.
    #[error("the metadata of the task can not be read: {0}")]
    Task(String),
}

impl Instance {
    /// An EC2 instance. What can not be read is left out, for AWS adds things and a single odd text must not take
    /// the rest away; without an id and a region it is none.
    ///
    /// # Errors
    /// One of those is missing.
    pub fn of_metadata(texts: &Metadata) -> Result<Self, InstanceError> {
        let text = |path: &'static str| texts.get(path).filter(|text| !text.is_empty()).cloned();
        let macs: BTreeSet<&str> = texts
            .keys()
            .filter_map(|path| path.strip_prefix(INTERFACES)?.split('/').next())
            .filter(|mac| !mac.is_empty())
            .collect();
        let mut interfaces: Vec<_> = macs.iter().map(|mac| Interface::of(texts, mac)).collect();
        interfaces.sort_by_key(|interface| interface.number);
        let tags = texts.iter().filter_map(|(path, value)| {
            Some((path.strip_prefix(TAGS).filter(|key| !key.is_empty())?.to_owned(), value.clone()))
        });
        Ok(Self {
            id: text("instance-id").ok_or(InstanceError::Missing("instance-id"))?,
            region: text("placement/region").ok_or(InstanceError::Missing("placement/region"))?,
            zone: text("placement/availability-zone").unwrap_or_default(),
            kind: text("instance-type").unwrap_or_default(),
            is_spot: text("instance-life-cycle").as_deref() == Some("spot"),
            interfaces,
            tags: tags.collect(),
        })
    }

    /// A task of ECS or Fargate, of the answer to `${ECS_CONTAINER_METADATA_URI_V4}/task`. It is not told its
    /// public address, which EC2 knows by the hardware address of its interface.
    ///
    /// # Errors
    /// It is none.
    pub fn of_task(json: &str) -> Result<Self, InstanceError> {
        let task: Task =
            serde_json::from_str(json).map_err(|error| InstanceError::Task(error.to_string()))?;
        // arn:aws:ecs:REGION:ACCOUNT:task/...
        let region = task.arn.split(':').nth(3).filter(|region| !region.is_empty());
        let region =
            region.ok_or_else(|| InstanceError::Task("TaskARN has no region".to_owned()))?;
        let networks = task.containers.iter().flat_map(|container| &container.networks);
        let mut seen = BTreeSet::new();
        let interfaces = networks
            .filter(|network| network.mode == "awsvpc")
            .filter(|network| seen.insert(network.v4.clone()))
            .map(|network| Interface {
                mac: network.mac.to_ascii_lowercase(),
                private: network.v4.iter().filter_map(|text| text.parse().ok()).collect(),
                v6: network.v6.iter().filter_map(|text| text.parse().ok()).collect(),
                networks: network.subnet.parse().into_iter().collect(),
                ..Interface::default()
            })
            .collect();
        Ok(Self {
            region: region.to_owned(),
            zone: task.zone,
            id: task.arn,
            interfaces,
            ..Self::default()
        })
    }

    /// All public IPv4 addresses with the private ones that they lead to, of the primary interface first.
    pub fn public(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> + '_ {
        self.interfaces.iter().flat_map(|interface| interface.public.iter().copied())
    }

    /// The public address that leads to this private one, or else the first that there is.
    pub fn public_of(&self, private: IpAddr) -> Option<Ipv4Addr> {
        let of = self.public().find(|(_, leads_to)| IpAddr::V4(*leads_to) == private);
        of.or_else(|| self.public().next()).map(|(public, _)| public)
    }

    /// All networks of the VPC, each once.
    pub fn networks(&self) -> Vec<IpNet> {
        let mut networks: Vec<_> =
            self.interfaces.iter().flat_map(|interface| interface.networks.clone()).collect();
        networks.sort();
        networks.dedup();
        networks
    }

    /// All security groups, each once.
    pub fn groups(&self) -> Vec<String> {
        let groups = self.interfaces.iter().flat_map(|interface| interface.groups.iter().cloned());
        groups.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Interface {
    fn of(texts: &Metadata, mac: &str) -> Self {
        let text =
            |name: &str| texts.get(&format!("{INTERFACES}{mac}/{name}")).map_or("", String::as_str);
        let associations = format!("{INTERFACES}{mac}/{ASSOCIATIONS}");
        let associations = texts.iter().filter_map(|(path, private)| {
            let public = path.strip_prefix(&associations)?.parse().ok()?;
            Some((public, private.lines().next()?.trim().parse().ok()?))
        });
        let mut public: Vec<(Ipv4Addr, Ipv4Addr)> = associations.collect();
        let private: Vec<Ipv4Addr> = words(text("local-ipv4s"));
        // Some answers have the addresses and not what they lead to.
        let first = private.first().copied();
        let lone = words(text("public-ipv4s"))
            .into_iter()
            .filter(|of| public.iter().all(|(known, _)| known != of));
        let lone: Vec<_> = lone.collect();
        public.extend(lone.into_iter().filter_map(|of| Some((of, first?))));
        public.sort_by_key(|(_, to)| private.iter().position(|of| of == to).unwrap_or(usize::MAX));
        let mut networks: Vec<IpNet> = words(text("vpc-ipv4-cidr-blocks"));
        networks.extend(words::<IpNet>(text("vpc-ipv6-cidr-blocks")));
        Self {
            mac: mac.trim_end_matches('/').to_ascii_lowercase(),
            id: text("interface-id").to_owned(),
            number: text("device-number").trim().parse().unwrap_or(u16::MAX),
            private,
            public,
            v6: words(text("ipv6s")),
            groups: words(text("security-group-ids")),
            subnet: text("subnet-id").to_owned(),
            vpc: text("vpc-id").to_owned(),
            networks,
        }
    }
}

/// One value per line.
fn words<T: std::str::FromStr>(text: &str) -> Vec<T> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Task {
    #[serde(rename = "TaskARN")]
    arn: String,
    #[serde(default, rename = "AvailabilityZone")]
    zone: String,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(default)]
    networks: Vec<Network>,
}

#[derive(Deserialize)]
struct Network {
    #[serde(default, rename = "NetworkMode")]
    mode: String,
    #[serde(default, rename = "IPv4Addresses")]
    v4: Vec<String>,
    #[serde(default, rename = "IPv6Addresses")]
    v6: Vec<String>,
    #[serde(default, rename = "IPv4SubnetCIDRBlock")]
    subnet: String,
    #[serde(default, rename = "MACAddress")]
    mac: String,
}

/// The folder of an interface with a text per public address: the private one.
pub(crate) const ASSOCIATIONS: &str = "ipv4-associations/";
/// The folder with a text per tag.
pub(crate) const TAGS: &str = "tags/instance/";

#[cfg(test)]
mod tests;

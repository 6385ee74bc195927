//! All that EC2 knows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Instant, SystemTime};

use ipnet::Ipv4Net;

use super::{
    Acl, Group, Instance, Interface, List, NewInstance, Rule, Source, State, Subnet, Tags, Vpc,
    show,
};
use crate::chance::Chance;
use crate::settings::Settings;

/// Its state; everything is found by its id.
#[derive(Clone, Debug, Default)]
pub struct Cloud {
    /// Networks.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Their parts.
    pub subnets: BTreeMap<String, Subnet>,
    /// Network interfaces.
    pub interfaces: BTreeMap<String, Interface>,
    /// Instances, those that are gone too.
    pub instances: BTreeMap<String, Instance>,
    /// Security groups.
    pub groups: BTreeMap<String, Group>,
    /// Network ACLs.
    pub acls: BTreeMap<String, Acl>,
    /// Managed lists of addresses.
    pub lists: BTreeMap<String, List>,
}

impl Cloud {
    /// One network with a part in each of three zones, and its default group.
    pub(crate) fn new(settings: &Settings, chance: &mut Chance) -> Self {
        let mut cloud = Self::default();
        cloud.add_vpc(settings, chance, settings.vpc_cidr, settings.default_vpc);
        let lists = List::managed(chance, &settings.region).into_iter();
        cloud.lists = lists.map(|list| (list.id.clone(), list)).collect();
        cloud
    }

    /// One more network; its id.
    pub(crate) fn add_vpc(
        &mut self,
        settings: &Settings,
        chance: &mut Chance,
        cidr: Ipv4Net,
        default: bool,
    ) -> String {
        let id = format!("vpc-{}", chance.hex(17));
        let vpc = Vpc {
            id: id.clone(),
            cidrs: vec![cidr],
            ipv6_cidrs: Vec::new(),
            default,
            host_names: true,
            tags: Tags::new(),
        };
        self.vpcs.insert(id.clone(), vpc);
        let length = (cidr.prefix_len() + 4).min(28).max(cidr.prefix_len());
        let parts = cidr.subnets(length).into_iter().flatten();
        for (cidr, letter) in parts.zip(["a", "b", "c"]) {
            let subnet = Subnet {
                id: format!("subnet-{}", chance.hex(17)),
                vpc: id.clone(),
                cidr,
                ipv6_cidr: None,
                zone: format!("{}{letter}", settings.region),
                tags: Tags::new(),
            };
            self.subnets.insert(subnet.id.clone(), subnet);
        }
        let own = self.subnets.values().filter(|subnet| subnet.vpc == id);
        let own = own.map(|subnet| subnet.id.clone()).collect();
        let acl = Acl::usual(format!("acl-{}", chance.hex(17)), id.clone(), own);
        self.acls.insert(acl.id.clone(), acl);
        self.add_group(chance, &id, "default", "default VPC security group");
        id
    }

    /// One more group, which lets everything out; its id.
    pub(crate) fn add_group(
        &mut self,
        chance: &mut Chance,
        vpc: &str,
        name: &str,
        description: &str,
    ) -> String {
        let id = format!("sg-{}", chance.hex(17));
        let out = Rule {
            id: format!("sgr-{}", chance.hex(17)),
            egress: true,
            protocol: "-1".to_owned(),
            ports: None,
            source: Source::V4(Ipv4Net::default()),
            description: None,
            tags: Tags::new(),
        };
        let group = Group {
            id: id.clone(),
            name: name.to_owned(),
            description: description.to_owned(),
            vpc: vpc.to_owned(),
            tags: Tags::new(),
            rules: vec![out],
        };
        self.groups.insert(id.clone(), group);
        id
    }

    /// One more instance, which runs; its id.
    pub(crate) fn add_instance(
        &mut self,
        settings: &Settings,
        chance: &mut Chance,
        wanted: NewInstance,
        launched: SystemTime,
    ) -> String {
        let id = format!("i-{}", chance.hex(17));
        let letter = if wanted.zone.is_empty() { "a" } else { &wanted.zone };
        let zone = format!("{}{letter}", settings.region);
        let private = wanted.private.unwrap_or_else(|| self.free_address(&zone));
        let all = [(private, wanted.public)].into_iter().chain(wanted.more);
        for (device, (private, public)) in (0..).zip(all) {
            let mut interface = self.add_interface(chance, &zone, private, &wanted.groups);
            interface.instance = Some(id.clone());
            interface.device = device;
            interface.public.extend(public.map(|public| (private, public)));
            if device == 0 {
                interface.ipv6.extend(wanted.ipv6);
            }
            self.interfaces.insert(interface.id.clone(), interface);
        }
        let kind = if wanted.kind.is_empty() { "c7i.large".to_owned() } else { wanted.kind };
        let instance = Instance {
            id: id.clone(),
            kind,
            spot: wanted.spot,
            zone,
            state: State::Running,
            role: (!wanted.no_role).then(|| "flotilla".to_owned()),
            access_key: None,
            tags: wanted.tags,
            metadata_tags: wanted.metadata_tags,
            launched,
            notice: None,
            rebalance: None,
            target_state: None,
        };
        self.instances.insert(id.clone(), instance);
        id
    }

    /// An interface that belongs to nobody yet.
    pub(crate) fn add_interface(
        &self,
        chance: &mut Chance,
        zone: &str,
        private: Ipv4Addr,
        groups: &[String],
    ) -> Interface {
        let subnet = self.subnets.values().find(|subnet| subnet.zone == zone);
        let vpc = subnet.map(|subnet| subnet.vpc.clone()).unwrap_or_default();
        let own = |group: &&Group| group.vpc == vpc && group.name == "default";
        let groups = if groups.is_empty() {
            self.groups.values().filter(own).map(|group| group.id.clone()).collect()
        } else {
            groups.to_vec()
        };
        let hex = chance.hex(10);
        let bytes: Vec<_> = (0..5).filter_map(|at| hex.get(at * 2..at * 2 + 2)).collect();
        Interface {
            id: format!("eni-{}", chance.hex(17)),
            mac: format!("0a:{}", bytes.join(":")),
            subnet: subnet.map(|subnet| subnet.id.clone()).unwrap_or_default(),
            vpc,
            instance: None,
            device: 0,
            private: vec![private],
            public: BTreeMap::new(),
            ipv6: Vec::new(),
            groups,
            tcp_established_timeout: None,
            description: String::new(),
            tags: Tags::new(),
        }
    }

    fn free_address(&self, zone: &str) -> Ipv4Addr {
        let subnet = self.subnets.values().find(|subnet| subnet.zone == zone);
        let used: Vec<_> =
            self.interfaces.values().flat_map(|interface| interface.private.clone()).collect();
        // The first four of a subnet are not for instances.
        let hosts = subnet.into_iter().flat_map(|subnet| subnet.cidr.hosts().skip(3));
        hosts.into_iter().find(|host| !used.contains(host)).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// Whether there is such an instance, and not only what it was.
    pub(crate) fn is_there(&self, instance: &str) -> bool {
        self.instances.get(instance).is_some_and(|it| it.state != State::Terminated)
    }

    /// The interfaces of an instance, the primary one first.
    pub fn interfaces_of(&self, instance: &str) -> Vec<&Interface> {
        let own = |interface: &&Interface| interface.instance.as_deref() == Some(instance);
        let mut found: Vec<_> = self.interfaces.values().filter(own).collect();
        found.sort_by_key(|interface| interface.device);
        found
    }

    /// Gives a public address to the primary interface of an instance, from whoever has it, or takes it away.
    pub fn move_address(&mut self, instance: &str, public: Option<Ipv4Addr>) {
        for interface in self.interfaces.values_mut() {
            interface.public.retain(|_, known| Some(*known) != public);
        }
        let primary = self.interfaces_of(instance).first().map(|interface| interface.id.clone());
        let primary = primary.and_then(|id| self.interfaces.get_mut(&id));
        let Some(interface) = primary else { return };
        let Some(private) = interface.private.first().copied() else { return };
        interface.public.remove(&private);
        interface.public.extend(public.map(|public| (private, public)));
    }

    /// Ends an instance: it is shown as terminated and has no interfaces any more.
    pub fn terminate(&mut self, instance: &str) {
        self.interfaces.retain(|_, interface| interface.instance.as_deref() != Some(instance));
        if let Some(instance) = self.instances.get_mut(instance) {
            instance.state = State::Terminated;
        }
    }

    /// What tests in other processes may see.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let instances = self.instances.values().map(|instance| {
            serde_json::json!({ "id": instance.id, "state": instance.state, "tags": instance.tags })
        });
        let groups = self.groups.values().map(|group| {
            let rules = group.rules.iter().filter(|rule| !rule.egress).map(|rule| {
                serde_json::json!({
                    "id": rule.id,
                    "protocol": rule.protocol,
                    "ports": rule.ports,
                    "source": show::source(&rule.source),
                    "tags": rule.tags,
                })
            });
            serde_json::json!({
                "id": group.id,
                "name": group.name,
                "tags": group.tags,
                "inbound": rules.collect::<Vec<_>>(),
            })
        });
        serde_json::json!({
            "instances": instances.collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
        })
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        let due = |instance: &&Instance| {
            let gone = instance.notice.as_ref().is_some_and(|notice| notice.due <= now);
            gone && instance.state == State::Running
        };
        let gone: Vec<_> = self.instances.values().filter(due).map(|it| it.id.clone()).collect();
        for instance in gone {
            self.terminate(&instance);
        }
    }
}

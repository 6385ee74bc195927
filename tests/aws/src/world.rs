//! All that the fake knows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use ipnet::Ipv4Net;

use crate::balancing::Balancers;
use crate::bucket::Buckets;
use crate::chance::Chance;
use crate::classic::{Classic, Classics};
use crate::ec2::{Cloud, NewInstance, Spot};
use crate::fault::{Fault, Faults};
use crate::identity::Identity;
use crate::log::Log;
use crate::metadata::Tokens;
use crate::problem::Problem;
use crate::route53::Names;
use crate::scaling::Groups;
use crate::settings::Settings;

/// The state of all services, which tests may look at and change.
#[derive(Debug)]
pub struct World {
    /// As at the start.
    pub settings: Settings,
    /// Who may call, by access key.
    pub identities: BTreeMap<String, Identity>,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// What was called.
    pub log: Log,
    /// How many calls are left.
    pub buckets: Buckets,
    /// Ids, and the choice of answers.
    pub chance: Chance,
    /// Route 53.
    pub names: Names,
    /// EC2.
    pub cloud: Cloud,
    /// Network balancers.
    pub balancers: Balancers,
    /// Classic balancers.
    pub classics: Classics,
    /// Auto Scaling.
    pub scaling: Groups,
    /// Of instance metadata.
    pub tokens: Tokens,
    /// What instances asked about themselves.
    pub metadata_log: Log,
    begun: Instant,
}

impl World {
    /// An empty one with one identity, [`World::administrator`].
    pub fn new(settings: Settings, now: Instant) -> Self {
        let mut chance = Chance::new(settings.seed);
        let cloud = Cloud::new(&settings, &mut chance);
        let mut world = Self {
            identities: BTreeMap::new(),
            faults: Faults::default(),
            log: Log::default(),
            buckets: Buckets::default(),
            chance,
            names: Names::default(),
            cloud,
            balancers: Balancers::default(),
            classics: Classics::new(),
            scaling: Groups::new(),
            tokens: Tokens::default(),
            metadata_log: Log::default(),
            begun: now,
            settings,
        };
        let administrator = world.administrator();
        world.identities.insert(administrator.access_key.clone(), administrator);
        world
    }

    /// An identity that is no instance, for the tools of an administrator.
    pub fn administrator(&self) -> Identity {
        Identity {
            name: "administrator".to_owned(),
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
            arn: format!("arn:aws:iam::{}:user/administrator", self.settings.account),
            expired: false,
        }
    }

    /// Changes some of the settings, of which addresses are without effect.
    ///
    /// # Errors
    /// There is no such setting, or no such value of it.
    pub fn change_settings(&mut self, some: serde_json::Value) -> Result<(), String> {
        let mut all = serde_json::to_value(&self.settings).map_err(|error| error.to_string())?;
        match (all.as_object_mut(), some) {
            (Some(all), serde_json::Value::Object(some)) => all.extend(some),
            _ => return Err("settings are an object".to_owned()),
        }
        self.settings = serde_json::from_value(all).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Milliseconds since the start.
    pub fn age_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// One more fault; its number.
    pub fn add_fault(&mut self, fault: Fault) -> u64 {
        self.faults.add(fault, Instant::now())
    }

    /// One more zone; its id.
    ///
    /// # Errors
    /// It is no name.
    pub fn add_zone(&mut self, name: &str) -> Result<String, Problem> {
        self.names.add_zone(&mut self.chance, name)
    }

    /// One more network; its id.
    pub fn add_network(&mut self, cidr: Ipv4Net, default: bool) -> String {
        self.cloud.add_vpc(&self.settings, &mut self.chance, cidr, default)
    }

    /// One more classic balancer; its name in the DNS is chosen.
    pub fn add_classic(&mut self, mut classic: Classic) {
        let Settings { region, .. } = &self.settings;
        classic.dns = format!("{}-{}.{region}.elb.amazonaws.com", classic.name, self.chance.hex(8));
        self.classics.insert(classic.name.clone(), classic);
    }

    /// One more instance with an identity of its own; its id.
    pub fn add_instance(&mut self, wanted: NewInstance) -> String {
        let now = SystemTime::now();
        let id = self.cloud.add_instance(&self.settings, &mut self.chance, wanted, now);
        self.renew_credentials(&id);
        id
    }

    /// Gives an instance new credentials of its role; those that it had are refused from now on.
    pub fn renew_credentials(&mut self, instance: &str) {
        let Some(found) = self.cloud.instances.get_mut(instance) else { return };
        let Some(role) = &found.role else { return };
        let account = &self.settings.account;
        let identity = Identity {
            name: instance.to_owned(),
            access_key: format!("ASIA{}", self.chance.capitals(16)),
            secret_key: self.chance.hex(32),
            session_token: Some(self.chance.capitals(64)),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{instance}"),
            expired: false,
        };
        let old = found.access_key.replace(identity.access_key.clone());
        if let Some(old) = old.and_then(|key| self.identities.get_mut(&key)) {
            old.expired = true;
        }
        self.identities.insert(identity.access_key.clone(), identity);
    }

    /// The identity of an instance, for a test that calls in its name.
    pub fn identity_of(&self, instance: &str) -> Option<&Identity> {
        let instance = self.cloud.instances.get(instance)?;
        self.identities.get(instance.access_key.as_ref()?)
    }

    /// What tests in other processes may see.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let scaling = self.scaling.values().map(|group| {
            let members =
                group.members.iter().map(|(id, it)| (id.clone(), it.state.clone().into()));
            (group.name.clone(), serde_json::Value::Object(members.collect()))
        });
        let target_groups = self.balancers.target_groups.values().map(|group| {
            let targets: Vec<_> = group
                .targets
                .iter()
                .map(|it| serde_json::json!({ "id": it.id, "port": it.port, "draining": it.draining_until.is_some() }))
                .collect();
            (group.name.clone(), targets.into())
        });
        serde_json::json!({
            "names": self.names.shown(),
            "cloud": self.cloud.shown(),
            "target_groups": serde_json::Value::Object(target_groups.collect()),
            "scaling": serde_json::Value::Object(scaling.collect()),
        })
    }

    /// Tells an instance that it will be taken away; at that time it is.
    pub fn take_away(&mut self, instance: &str, action: &str, within: Duration) {
        if let Some(found) = self.cloud.instances.get_mut(instance) {
            found.notice = Some(Spot {
                action: action.to_owned(),
                time: SystemTime::now() + within,
                due: Instant::now() + within,
            });
        }
    }

    /// The long name of a security group.
    pub(crate) fn group_arn(&self, id: &str) -> String {
        let Settings { region, account, .. } = &self.settings;
        format!("arn:aws:ec2:{region}:{account}:security-group/{id}")
    }

    /// The zone and the name of every balancer.
    pub(crate) fn balancer_names(&self) -> Vec<(String, String)> {
        let network = self.balancers.balancers.values();
        let network = network.map(|it| (it.zone_id.clone(), format!("{}.", it.dns)));
        let classic = self.classics.values();
        let classic = classic.map(|it| (Classic::ZONE_ID.to_owned(), format!("{}.", it.dns)));
        network.chain(classic).collect()
    }

    /// The addresses of every balancer, by name.
    pub(crate) fn balancer_addresses(&self) -> BTreeMap<String, Vec<String>> {
        let addresses = self.balancers.balancers.values().map(|balancer| {
            let places = balancer.places.iter().map(|place| place.address.to_string());
            (format!("{}.", balancer.dns), places.collect())
        });
        addresses.collect()
    }

    /// Lets happen what is due.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.names.advance(now);
        self.cloud.advance(now);
        self.balancers.advance(now);
        self.advance_scaling(now);
    }
}

//! All that the fake knows.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::bucket::Buckets;
use crate::chance::Chance;
use crate::fault::Faults;
use crate::identity::Identity;
use crate::log::Log;
use crate::route53::Names;
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
    begun: Instant,
}

impl World {
    /// An empty one with one identity, [`World::administrator`].
    pub fn new(settings: Settings, now: Instant) -> Self {
        let mut world = Self {
            identities: BTreeMap::new(),
            faults: Faults::default(),
            log: Log::default(),
            buckets: Buckets::default(),
            chance: Chance::new(settings.seed),
            names: Names::default(),
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

    /// The zone and the name of every balancer.
    pub(crate) fn balancer_names(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The addresses of every balancer, by name.
    pub(crate) fn balancer_addresses(&self) -> BTreeMap<String, Vec<String>> {
        BTreeMap::new()
    }

    /// Lets happen what is due.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.names.advance(now);
    }
}

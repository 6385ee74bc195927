//! All that Route 53 knows.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use super::check::{Check, Reference};
use super::name;
use super::resolve::Client;
use super::zone::Zone;
use crate::chance::Chance;
use crate::problem::Problem;

/// Its state.
#[derive(Debug, Default)]
pub struct Names {
    /// By id.
    pub zones: BTreeMap<String, Zone>,
    /// By id.
    pub changes: BTreeMap<String, Change>,
    /// By id.
    pub checks: BTreeMap<String, Check>,
    /// What was ever used, also by checks that are gone.
    pub references: BTreeMap<String, Reference>,
    /// By kind (`healthcheck`, `hostedzone`) and id.
    pub tags: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// Where the clients of the name servers are.
    pub client: Client,
    /// And those of some addresses.
    pub clients: BTreeMap<IpAddr, Client>,
    /// How the world reaches a public address that this machine does not have: by another one.
    pub reach: BTreeMap<IpAddr, IpAddr>,
}

/// A change of a zone.
#[derive(Clone, Debug)]
pub struct Change {
    /// PENDING until then.
    pub until: Instant,
    /// When it was taken.
    pub submitted: SystemTime,
    /// INSYNC by now.
    pub done: bool,
    /// As given.
    pub comment: Option<String>,
}

impl Names {
    /// A new zone with its two records; its id.
    ///
    /// # Errors
    /// It is no name.
    pub fn add_zone(&mut self, chance: &mut Chance, name: &str) -> Result<String, Problem> {
        let id = format!("Z{}", chance.capitals(20));
        self.zones.insert(id.clone(), Zone::new(id.clone(), name::normal(name)?));
        Ok(id)
    }

    /// The zone of that name, with or without the final dot.
    pub fn zone(&self, name: &str) -> Option<&Zone> {
        let name = name::normal(name).ok()?;
        self.zones.values().find(|zone| zone.name == name)
    }

    /// The check that a record names.
    pub fn is_healthy(&self, check: &str) -> bool {
        // "Deleting a check that a record still names leaves that record's health undefined": here it is healthy,
        // so that a test notices what depends on it.
        self.checks.get(check).is_none_or(Check::is_healthy)
    }

    /// What tests in other processes may see.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let zones = self.zones.values().map(|zone| {
            let records: Vec<_> = zone.records.values().collect();
            serde_json::json!({ "id": zone.id, "name": zone.name, "records": records })
        });
        let checks = self.checks.values().map(|check| {
            serde_json::json!({
                "id": check.id,
                "reference": check.reference,
                "address": check.settings.address,
                "port": check.settings.port,
                "version": check.version,
                "healthy": check.is_healthy(),
                "tags": self.tags.get(&("healthcheck".to_owned(), check.id.clone())),
            })
        });
        serde_json::json!({
            "zones": zones.collect::<Vec<_>>(),
            "checks": checks.collect::<Vec<_>>(),
            "pending": self.zones.values().any(|zone| zone.busy_until.is_some()),
        })
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        for zone in self.zones.values_mut() {
            if zone.busy_until.is_some_and(|until| until <= now) {
                zone.busy_until = None;
                zone.published = zone.records.clone();
            }
        }
        for change in self.changes.values_mut() {
            change.done = change.done || change.until <= now;
        }
    }
}

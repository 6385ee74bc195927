//! What the name servers answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::choice::choose;
use super::name;
use super::names::Names;
use super::record::{Alias, Record, Records};
use super::zone::Zone;
use crate::chance::Chance;

/// Where a client is, as far as answers depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// The nearest first; all others are farther away.
    pub regions: Vec<String>,
    /// As `EU`.
    pub continent: String,
    /// As `DE`.
    pub country: String,
    /// As `CA`.
    pub subdivision: String,
}

/// What there is of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Records, as name, kind, TTL and value.
    Records(Vec<(String, String, u32, String)>),
    /// The name is there, and nothing of that kind.
    Nothing {
        /// Name of the zone.
        zone: String,
    },
    /// The zone has no such name.
    NoName {
        /// Name of the zone.
        zone: String,
    },
    /// Nobody asked here for such names.
    NotHere,
}

/// All that an answer is made of.
pub(super) struct Resolution<'a> {
    pub(super) names: &'a Names,
    /// Addresses of balancers, by name.
    pub(super) balancers: &'a BTreeMap<String, Vec<String>>,
    pub(super) client: &'a Client,
    pub(super) chance: &'a mut Chance,
}

impl Resolution<'_> {
    /// The answer for a name in its normal form.
    pub(super) fn find(&mut self, asked: &str, kind: &str) -> Found {
        let zones = self.names.zones.values().filter(|zone| name::lies_in(asked, &zone.name));
        let Some(zone) = zones.max_by_key(|zone| zone.name.len()) else { return Found::NotHere };
        let mut found = Vec::new();
        let mut target = asked.to_owned();
        for _ in 0..DEPTH_MAX {
            let Some(owner) = owner(&zone.published, &target) else { break };
            let answers = self.answers(zone, &owner, kind, 0);
            if !answers.is_empty() {
                found.extend(
                    answers
                        .into_iter()
                        .map(|(ttl, value)| (target.clone(), kind.to_owned(), ttl, value)),
                );
                break;
            }
            let Some((ttl, next)) = self.answers(zone, &owner, "CNAME", 0).pop() else { break };
            let Ok(normal) = name::normal(&next) else { break };
            found.push((target, "CNAME".to_owned(), ttl, next));
            target = normal;
        }
        if !found.is_empty() {
            return Found::Records(found);
        }
        let zone_name = zone.name.clone();
        let below = |key: &str| name::lies_in(key, asked);
        if owner(&zone.published, asked).is_some()
            || zone.published.keys().any(|key| below(&key.name))
        {
            Found::Nothing { zone: zone_name }
        } else {
            Found::NoName { zone: zone_name }
        }
    }

    /// TTL and value of each record that is answered.
    fn answers(
        &mut self,
        zone: &Zone,
        owner: &str,
        kind: &str,
        depth: usize,
    ) -> Vec<(u32, String)> {
        if depth > DEPTH_MAX {
            return Vec::new();
        }
        let group = group(&zone.published, owner, kind);
        let healthy: Vec<_> =
            group.iter().map(|record| self.is_healthy(zone, record, depth)).collect();
        let mut answers = Vec::new();
        for chosen in choose(&group, &healthy, self.client, self.chance) {
            match &chosen.alias {
                Some(alias) if alias.zone == zone.id => {
                    answers.extend(self.answers(zone, &alias.name, kind, depth + 1));
                }
                Some(alias) => {
                    let addresses = self.balancers.get(&alias.name).into_iter().flatten();
                    let fitting =
                        addresses.filter(|address| address.contains(':') == (kind == "AAAA"));
                    answers.extend(fitting.map(|address| (BALANCER_TTL, address.clone())));
                }
                None => {
                    let ttl = chosen.ttl.unwrap_or_default();
                    answers.extend(chosen.values.iter().map(|value| (ttl, value.clone())));
                }
            }
        }
        answers
    }

    /// Its own check and, where it asks for that, its target; without any of them it always is.
    fn is_healthy(&self, zone: &Zone, record: &Record, depth: usize) -> bool {
        let own = record.check.as_ref().is_none_or(|check| self.names.is_healthy(check));
        own && record
            .alias
            .as_ref()
            .is_none_or(|alias| self.is_target_healthy(zone, alias, record, depth))
    }

    fn is_target_healthy(&self, zone: &Zone, alias: &Alias, record: &Record, depth: usize) -> bool {
        if !alias.evaluate || alias.zone != zone.id || depth > DEPTH_MAX {
            return true;
        }
        let targets = group(&zone.published, &alias.name, &record.kind);
        targets.iter().any(|target| self.is_healthy(zone, target, depth + 1))
    }
}

/// Aliases of aliases, and names for names.
const DEPTH_MAX: usize = 8;
/// Of an alias to a balancer.
const BALANCER_TTL: u32 = 60;

fn group<'a>(records: &'a Records, owner: &str, kind: &str) -> Vec<&'a Record> {
    records.values().filter(|record| record.name == owner && record.kind == kind).collect()
}

/// The name itself, or the star that stands for it.
fn owner(records: &Records, asked: &str) -> Option<String> {
    if records.keys().any(|key| key.name == asked) {
        return Some(asked.to_owned());
    }
    let (_, parent) = asked.split_once('.')?;
    let star = format!("\\052.{parent}");
    records.keys().any(|key| key.name == star).then_some(star)
}

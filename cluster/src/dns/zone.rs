//! A zone of Route 53 in memory, as strict as the real one where that is known: for simulations and tests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::change::{CHARACTERS_MAX, ELEMENTS_MAX, RecordChange};
use super::check::{CHECKS_MAX, Check, CheckSpec, Owner, is_candidate, is_reachable};
use super::name::is_within;
use super::record::{Kind, RecordKey, RecordSet, Routing, Target};
use super::request::{Reply, Request, TAGS_MAX};
use super::shape::RECORDS_MAX;
use crate::aws::Trouble;

/// The zone, and the health checks of its account.
#[derive(Clone, Debug)]
pub struct Zone {
    records: BTreeMap<RecordKey, RecordSet>,
    checks: BTreeMap<String, Check>,
    /// Also those of checks that were deleted.
    references: BTreeSet<String>,
    /// A change is everywhere after this time.
    delay: Duration,
    changes: Vec<Instant>,
    /// Records and checks of one page.
    page: usize,
}

impl Zone {
    /// An empty one, whose servers have a change after this time.
    pub fn new(delay: Duration) -> Self {
        Self {
            records: BTreeMap::new(),
            checks: BTreeMap::new(),
            references: BTreeSet::new(),
            delay,
            changes: Vec::new(),
            page: PAGE,
        }
    }

    /// What is there.
    pub fn records(&self) -> impl Iterator<Item = &RecordSet> {
        self.records.values()
    }

    /// What is there.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.values()
    }

    /// Puts something there, as others do.
    pub fn insert(&mut self, set: RecordSet) {
        self.records.insert(set.key(), set);
    }

    /// Likewise.
    pub fn insert_check(&mut self, check: Check) {
        self.references.insert(check.reference.clone());
        self.checks.insert(check.id.clone(), check);
    }

    /// Carries out one call.
    ///
    /// # Errors
    /// As the real one would refuse it.
    pub fn call(&mut self, request: &Request, now: Instant) -> Result<Reply, Trouble> {
        let refused = |code: &str, message: String| Trouble::of(request.action(), code, &message);
        match request {
            Request::List { name, from } => Ok(self.list(name, from.as_ref())),
            Request::Change(changes) => {
                self.change(changes).map_err(|why| refused("InvalidChangeBatch", why))?;
                self.changes.push(now + self.delay);
                self.look(self.changes.len(), now)
            }
            Request::GetChange(id) => self.look(id.parse().unwrap_or(0), now),
            Request::ListChecks { marker } => Ok(self.list_checks(marker.as_deref())),
            Request::ListTags(ids) if ids.len() > TAGS_MAX => {
                Err(refused("InvalidInput", format!("{} ids", ids.len())))
            }
            Request::ListTags(ids) => {
                let tags = ids
                    .iter()
                    .filter_map(|id| Some((id.clone(), self.checks.get(id)?.owner.clone())));
                Ok(Reply::Tags(tags.collect()))
            }
            Request::CreateCheck { reference, spec } => self
                .create(reference, *spec)
                .map_err(|code| refused(code, format!("reference {reference}"))),
            Request::UpdateCheck { id, version, spec } => {
                let check = self.checks.get_mut(id);
                let check = check.ok_or_else(|| refused("NoSuchHealthCheck", id.clone()))?;
                if check.version != *version {
                    return Err(refused("HealthCheckVersionMismatch", id.clone()));
                }
                let interval = check.spec.map_or(spec.interval, |spec| spec.interval);
                check.spec = Some(CheckSpec { interval, ..*spec });
                check.version += 1;
                Ok(Reply::Check(check.clone()))
            }
            Request::DeleteCheck(id) => match self.checks.remove(id) {
                Some(_) => Ok(Reply::Done),
                None => Err(refused("NoSuchHealthCheck", id.clone())),
            },
            Request::Tag { id, owner, .. } => match self.checks.get_mut(id) {
                Some(check) => {
                    check.owner = Owner::Pool(owner.clone());
                    Ok(Reply::Done)
                }
                None => Err(refused("NoSuchHealthCheck", id.clone())),
            },
        }
    }

    fn list(&self, name: &str, from: Option<&RecordKey>) -> Reply {
        let within = self.records.values().filter(|set| is_within(&set.name, name));
        // By labels from the right, as the real one sorts them.
        let mut sets: Vec<_> = within.collect();
        let order = |key: &RecordKey| {
            let labels: Vec<String> = key.name.rsplit('.').map(str::to_owned).collect();
            (labels, key.kind.clone(), key.id.clone())
        };
        sets.sort_by_key(|set| order(&set.key()));
        let mut rest =
            sets.into_iter().filter(|set| from.is_none_or(|from| order(&set.key()) >= order(from)));
        let sets = rest.by_ref().take(self.page).cloned().collect();
        Reply::Records { sets, next: rest.next().map(RecordSet::key) }
    }

    fn list_checks(&self, marker: Option<&str>) -> Reply {
        let mut rest = self
            .checks
            .values()
            .filter(|check| marker.is_none_or(|marker| check.id.as_str() >= marker));
        let page: Vec<_> = rest.by_ref().take(self.page).collect();
        // Tags are not in the list.
        let unread = |check: &&&Check| is_candidate(&check.reference);
        let checks = page
            .iter()
            .filter(unread)
            .map(|check| Check { owner: Owner::Unread, ..(**check).clone() });
        Reply::Checks { checks: checks.collect(), next: rest.next().map(|check| check.id.clone()) }
    }

    fn look(&self, number: usize, now: Instant) -> Result<Reply, Trouble> {
        let at = number.checked_sub(1).and_then(|index| self.changes.get(index));
        let at = at.ok_or_else(|| Trouble::of("route53:GetChange", "NoSuchChange", ""))?;
        Ok(Reply::Changed { id: number.to_string(), is_everywhere: now >= *at })
    }

    fn create(&mut self, reference: &str, spec: CheckSpec) -> Result<Reply, &'static str> {
        let same = self.checks.values().find(|check| check.reference == reference);
        if let Some(check) = same.filter(|check| check.spec == Some(spec)) {
            return Ok(Reply::Check(Check { owner: Owner::Unread, ..check.clone() }));
        }
        if self.references.contains(reference) {
            return Err("HealthCheckAlreadyExists");
        }
        let is_right = (1..=64).contains(&reference.len())
            && is_reachable(spec.address)
            && matches!(spec.interval, 10 | 30)
            && spec.port > 0;
        if !is_right {
            return Err("InvalidInput");
        }
        if self.checks.len() >= CHECKS_MAX {
            return Err("TooManyHealthChecks");
        }
        let check = Check {
            id: format!("check-{}", self.references.len()),
            reference: reference.to_owned(),
            version: 1,
            spec: Some(spec),
            is_disabled: false,
            is_inverted: false,
            owner: Owner::Nobody,
        };
        self.insert_check(check.clone());
        // Nor are they in this answer.
        Ok(Reply::Check(Check { owner: Owner::Unread, ..check }))
    }

    /// All or nothing.
    fn change(&mut self, changes: &[RecordChange]) -> Result<(), String> {
        let sizes = changes.iter().map(RecordChange::size);
        let (elements, characters) = sizes.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        if elements > ELEMENTS_MAX || characters > CHARACTERS_MAX {
            return Err(format!("{elements} elements, {characters} characters"));
        }
        let mut records = self.records.clone();
        let mut touched = BTreeSet::new();
        for change in changes {
            let set = change.set();
            touched.insert((set.name.clone(), set.kind.clone()));
            match change {
                RecordChange::Upsert { set, .. } => {
                    self.accepts(set)?;
                    records.insert(set.key(), set.clone());
                }
                RecordChange::Delete { set, .. } => {
                    if records.remove(&set.key()).as_ref() != Some(set) {
                        return Err(format!("{:?} is not there as given", set.key()));
                    }
                }
            }
        }
        for (name, kind) in touched {
            fit_together(&records, &name, &kind)?;
        }
        self.records = records;
        Ok(())
    }

    fn accepts(&self, set: &RecordSet) -> Result<(), String> {
        let key = set.key();
        if !(1..=128).contains(&set.id.len()) {
            return Err(format!("{key:?}: identifier of {} characters", set.id.len()));
        }
        if let Some(check) = &set.check
            && !self.checks.contains_key(check)
        {
            return Err(format!("{key:?}: no health check {check}"));
        }
        match &set.target {
            Target::Values { values, .. } => {
                let [value] = values.as_slice() else {
                    return Err(format!("{key:?}: not one value"));
                };
                match (value.parse(), &set.kind) {
                    (Ok(IpAddr::V4(_)), Kind::A) | (Ok(IpAddr::V6(_)), Kind::Aaaa) => Ok(()),
                    _ => Err(format!("{key:?}: wrong value {value}")),
                }
            }
            // Whether one batch may make both is not known: be strict.
            Target::Alias { name, .. } => {
                match self.records.keys().any(|other| other.name == *name && other.kind == set.kind)
                {
                    true if set.routing != Routing::Multivalue => Ok(()),
                    true => Err(format!("{key:?}: a multivalue alias")),
                    false => Err(format!("{key:?}: nothing at {name}")),
                }
            }
            Target::Other => Err(format!("{key:?}: no target")),
        }
    }
}

/// What must hold among the records of one name and type.
fn fit_together(
    records: &BTreeMap<RecordKey, RecordSet>,
    name: &str,
    kind: &Kind,
) -> Result<(), String> {
    let all: Vec<_> =
        records.values().filter(|set| set.name == name && set.kind == *kind).collect();
    if all.len() > RECORDS_MAX {
        return Err(format!("{name} {kind}: {} records", all.len()));
    }
    let mut choices = Vec::new();
    let mut ttls = BTreeSet::new();
    for set in &all {
        if all.len() > 1 && !all.iter().all(|other| set.routing.mixes_with(&other.routing)) {
            return Err(format!("{name} {kind}: policies are mixed"));
        }
        if matches!(set.routing, Routing::Latency(_) | Routing::Geolocation(_)) {
            if choices.contains(&&set.routing) {
                return Err(format!("{name} {kind}: {:?} twice", set.routing));
            }
            choices.push(&set.routing);
        }
        ttls.extend(set.ttl());
    }
    match ttls.len() > 1 {
        true => Err(format!("{name} {kind}: several TTLs: {ttls:?}")),
        false => Ok(()),
    }
}

const PAGE: usize = 100;

//! ChangeResourceRecordSets and GetChange.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::batch::{Batch, Verb};
use super::names::Change;
use super::record::{Key, Record, Records};
use super::zone::Zone;
use super::{alias, group, name, zones};
use crate::api::{Call, Service};
use crate::clock;
use crate::http::Answer;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// Makes all changes of a batch or none.
pub(super) fn change(world: &mut World, call: &Call, zone: &str) -> Result<Answer, Problem> {
    let batch = Batch::of(&call.request.body)?;
    let found = zones::find(&world.names, zone)?;
    if found.busy_until.is_some() {
        let message =
            "The request was rejected because Route 53 was still processing a prior request.";
        return Err(Problem::new("PriorRequestNotComplete", message));
    }
    let unknown =
        batch.changes.iter().filter(|(verb, _)| *verb != Verb::Delete).find_map(|(_, it)| {
            it.check.as_ref().filter(|check| !world.names.checks.contains_key(*check))
        });
    if let Some(check) = unknown {
        let message = format!("A health check with id {check} does not exist.");
        return Err(Problem::with(404, "NoSuchHealthCheck", message));
    }
    let balancers = world.balancer_names();
    let records = apply(found, &batch, &world.names.zones, &balancers)?;
    let until = call.moment.now + Duration::from_millis(world.settings.pending_ms);
    let id = format!("C{}", world.chance.capitals(20));
    if let Some(zone) = world.names.zones.get_mut(&found_id(zone)) {
        zone.records = records;
        zone.busy_until = Some(until);
    }
    let (submitted, comment) = (call.moment.wall, batch.comment);
    let change = Change { until, submitted, done: false, comment };
    let element = element(&id, &change);
    world.names.changes.insert(id, change);
    let document = Element::new("ChangeResourceRecordSetsResponse");
    Ok(reply(document.child(element)))
}

/// Whether a change has spread.
pub(super) fn read(world: &World, id: &str) -> Result<Answer, Problem> {
    let change = world.names.changes.get(id).ok_or_else(|| {
        let message = format!("Could not find resource with ID: {id}");
        Problem::with(404, "NoSuchChange", message)
    })?;
    Ok(reply(Element::new("GetChangeResponse").child(element(id, change))))
}

fn element(id: &str, change: &Change) -> Element {
    Element::new("ChangeInfo")
        .text("Id", format_args!("/change/{id}"))
        .text("Status", if change.done { "INSYNC" } else { "PENDING" })
        .text("SubmittedAt", clock::stamp(change.submitted))
        .maybe("Comment", change.comment.as_ref())
}

pub(super) fn reply(element: Element) -> Answer {
    Answer::xml(200, element.within(Service::Route53.namespace()).document())
}

fn found_id(zone: &str) -> String {
    zone.trim_start_matches("/hostedzone/").to_owned()
}

/// The records of a zone after a batch.
pub(super) fn apply(
    zone: &Zone,
    batch: &Batch,
    zones: &BTreeMap<String, Zone>,
    balancers: &[(String, String)],
) -> Result<Records, Problem> {
    let mut problems = Vec::new();
    let mut records = zone.records.clone();
    let mut verbs: BTreeMap<Key, Vec<Verb>> = BTreeMap::new();
    for (verb, record) in &batch.changes {
        let known = verbs.entry(record.key()).or_default();
        known.push(*verb);
        // One and the same set may only be deleted and made anew.
        if known.len() > 1 && known.as_slice() != [Verb::Delete, Verb::Create] {
            let (kind, name) = (&record.kind, &record.name);
            problems.push(format!(
                "The request contains an invalid set of changes for a resource record set '{kind} {name}'"
            ));
            continue;
        }
        if let Err(problem) = apply_one(zone, &mut records, *verb, record) {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        return Err(Problem::new("InvalidChangeBatch", format!("[{}]", problems.join(", "))));
    }
    if records.len() > RECORDS_MAX {
        let message = format!("[Number of records in zone limit of {RECORDS_MAX} exceeded.]");
        return Err(Problem::new("InvalidChangeBatch", message));
    }
    let touched: BTreeSet<_> =
        batch.changes.iter().map(|(_, record)| (&record.name, &record.kind)).collect();
    for (name, kind) in touched {
        group::check(&records, name, kind)?;
    }
    for (verb, record) in &batch.changes {
        if let Some(target) = record.alias.as_ref().filter(|_| *verb != Verb::Delete) {
            alias::check(record, target, &zone.id, &records, zones, balancers)?;
        }
    }
    Ok(records)
}

/// Of one zone; more cost extra and must be asked for.
const RECORDS_MAX: usize = 10_000;

fn apply_one(
    zone: &Zone,
    records: &mut Records,
    verb: Verb,
    record: &Record,
) -> Result<(), String> {
    let (title, key) = (record.title(), record.key());
    if !name::lies_in(&record.name, &zone.name) {
        return Err(format!(
            "RRSet with DNS name {} is not permitted in zone {}",
            record.name, zone.name
        ));
    }
    let apex = record.name == zone.name;
    if apex && record.kind == "CNAME" {
        return Err(format!(
            "RRSet of type CNAME with DNS name {} is not permitted at apex in zone {}",
            record.name, zone.name
        ));
    }
    match verb {
        Verb::Delete if apex && ["NS", "SOA"].contains(&record.kind.as_str()) => Err(format!(
            "A HostedZone must contain at least one NS record for the zone itself, and exactly one SOA \
             record: tried to delete {title}"
        )),
        Verb::Create if records.contains_key(&key) => {
            Err(format!("Tried to create resource record set {title} but it already exists"))
        }
        Verb::Delete => match records.get(&key) {
            None => {
                Err(format!("Tried to delete resource record set {title} but it was not found"))
            }
            Some(known) if !known.is_same(record) => Err(format!(
                "Tried to delete resource record set {title} but the values provided do not match the \
                 current values"
            )),
            Some(_) => {
                records.remove(&key);
                Ok(())
            }
        },
        Verb::Create | Verb::Upsert => {
            records.insert(key, record.clone());
            Ok(())
        }
    }
}

//! What record sets of one name must be together.

use std::collections::BTreeSet;

use super::record::{Record, Records, Routing};
use crate::problem::Problem;

/// Whether the records of a name and a kind can stand together, as the batch leaves them.
pub(super) fn check(records: &Records, name: &str, kind: &str) -> Result<(), Problem> {
    let group: Vec<_> =
        records.values().filter(|record| record.name == name && record.kind == kind).collect();
    let refuse = |message: String| Err(Problem::new("InvalidChangeBatch", format!("[{message}]")));
    let Some(first) = group.first() else { return Ok(()) };
    for record in &group {
        let identifier = record.identifier.as_deref().unwrap_or("null");
        if record.routing.kind() != first.routing.kind() {
            return refuse(format!(
                "RRSet with DNS name {name}, type {kind}, SetIdentifier {identifier} cannot be \
                 created because a {} RRSet exists with the same name and type.",
                first.routing.kind()
            ));
        }
    }
    if group.len() > GROUP_MAX {
        return refuse(format!(
            "Number of resource record sets with the same name and type limit of {GROUP_MAX} exceeded \
             by {name} {kind}."
        ));
    }
    if let Some(other) = different_ttl(&group) {
        return refuse(format!(
            "RRSet with DNS name {name}, type {kind}, SetIdentifier {}: the TTL must be the same in all \
             weighted resource record sets of one name and type.",
            other.identifier.as_deref().unwrap_or("null")
        ));
    }
    let mut places = BTreeSet::new();
    for record in &group {
        let place = match &record.routing {
            Routing::Latency(region) => region.clone(),
            Routing::Geolocation(geo) => format!("{geo:?}"),
            _ => continue,
        };
        if !places.insert(place) {
            let identifier = record.identifier.as_deref().unwrap_or("null");
            return refuse(format!(
                "RRSet with DNS name {name}, type {kind}, SetIdentifier {identifier} cannot be created \
                 because another RRSet exists with the same name, type and {}.",
                record.routing.kind()
            ));
        }
    }
    alone(records, name, kind)
}

/// Of one name and kind, whatever the routing.
const GROUP_MAX: usize = 100;

fn different_ttl<'a>(group: &[&'a Record]) -> Option<&'a Record> {
    let mut weighted = group.iter().filter(|record| matches!(record.routing, Routing::Weighted(_)));
    let first = weighted.clone().find_map(|record| record.ttl)?;
    weighted.find(|record| record.ttl.is_some_and(|ttl| ttl != first)).copied()
}

/// A CNAME stands alone.
fn alone(records: &Records, name: &str, kind: &str) -> Result<(), Problem> {
    let other = records.values().find(|record| {
        record.name == name && record.kind != kind && (record.kind == "CNAME" || kind == "CNAME")
    });
    let Some(other) = other else { return Ok(()) };
    let message = format!(
        "[RRSet of type {kind} with DNS name {name} is not permitted as it conflicts with other records \
         with the same DNS name, of type {}]",
        other.kind
    );
    Err(Problem::new("InvalidChangeBatch", message))
}

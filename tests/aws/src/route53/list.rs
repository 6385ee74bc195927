//! Lists of records and of health checks, in pages.

use super::change::reply;
use super::name;
use super::record::Key;
use super::zones::{find, items_max, page, query};
use crate::api::Call;
use crate::http::Answer;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// ListResourceRecordSets, from a name, a type and an identifier on.
pub(super) fn records(world: &World, call: &Call, zone: &str) -> Result<Answer, Problem> {
    let zone = find(&world.names, zone)?;
    let most = items_max(call, 300)?;
    let name = query(call, "name").map(|name| name::normal(&name)).transpose();
    let name = name.map_err(|problem| Problem::new("InvalidInput", problem.message))?;
    let (kind, identifier) = (query(call, "type"), query(call, "identifier"));
    if kind.is_some() && name.is_none() || identifier.is_some() && kind.is_none() {
        let message =
            "The input is not valid: a type needs a name, and an identifier needs a type.";
        return Err(Problem::new("InvalidInput", message));
    }
    let records: Vec<_> = zone.records.iter().collect();
    let start = name.map_or(0, |name| {
        let first = Key::new(&name, kind.as_deref().unwrap_or_default(), identifier.as_deref());
        records.partition_point(|(key, _)| **key < first)
    });
    let (page, next) = page(&records, start, most);
    let next = next.map(|(key, _)| key);
    let document = Element::new("ListResourceRecordSetsResponse")
        .list("ResourceRecordSets", page.iter().map(|(_, record)| record.element()))
        .text("IsTruncated", next.is_some())
        .maybe("NextRecordName", next.map(|key| &key.name))
        .maybe("NextRecordType", next.map(|key| &key.kind))
        .maybe("NextRecordIdentifier", next.and_then(|key| key.identifier.as_ref()))
        .text("MaxItems", most);
    Ok(reply(document))
}

/// ListHealthChecks, from a marker on.
pub(super) fn checks(world: &World, call: &Call) -> Result<Answer, Problem> {
    let most = items_max(call, 100)?;
    let marker = query(call, "marker");
    let checks: Vec<_> = world.names.checks.values().collect();
    let start =
        marker.as_ref().map_or(0, |marker| checks.partition_point(|check| check.id < *marker));
    let (page, next) = page(&checks, start, most);
    let document = Element::new("ListHealthChecksResponse")
        .list("HealthChecks", page.iter().map(|check| check.element()))
        .text("Marker", marker.unwrap_or_default())
        .text("IsTruncated", next.is_some())
        .maybe("NextMarker", next.map(|check| &check.id))
        .text("MaxItems", most);
    Ok(reply(document))
}

//! Reading hosted zones.

use super::change::reply;
use super::name;
use super::names::Names;
use super::zone::Zone;
use crate::api::Call;
use crate::http::Answer;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// The zone of an id.
pub(super) fn find<'a>(names: &'a Names, id: &str) -> Result<&'a Zone, Problem> {
    names.zones.get(id).ok_or_else(|| {
        Problem::with(404, "NoSuchHostedZone", format_args!("No hosted zone found with ID: {id}"))
    })
}

/// GetHostedZone.
pub(super) fn read(world: &World, id: &str) -> Result<Answer, Problem> {
    let zone = find(&world.names, id)?;
    let servers = ["ns-1.awsdns-00.com", "ns-2.awsdns-01.net"];
    let set = Element::new("DelegationSet").texts("NameServers", "NameServer", servers);
    Ok(reply(Element::new("GetHostedZoneResponse").child(zone.element()).child(set)))
}

/// ListHostedZones, from a marker on.
pub(super) fn list(world: &World, call: &Call) -> Result<Answer, Problem> {
    let (marker, most) = (query(call, "marker"), items_max(call, 100)?);
    let zones: Vec<_> = world.names.zones.values().collect();
    let start = marker.as_ref().map_or(0, |marker| {
        zones.iter().position(|zone| zone.id == *marker).unwrap_or(zones.len())
    });
    let (page, next) = page(&zones, start, most);
    let document = Element::new("ListHostedZonesResponse")
        .list("HostedZones", page.iter().map(|zone| zone.element()))
        .maybe("Marker", marker)
        .text("IsTruncated", next.is_some())
        .maybe("NextMarker", next.map(|zone| &zone.id))
        .text("MaxItems", most);
    Ok(reply(document))
}

/// ListHostedZonesByName, from a name on, in the order of names.
pub(super) fn list_by_name(world: &World, call: &Call) -> Result<Answer, Problem> {
    let most = items_max(call, 100)?;
    let (given, id) = (query(call, "dnsname"), query(call, "hostedzoneid"));
    let from = given
        .as_ref()
        .map(|name| name::normal(name))
        .transpose()
        .map_err(|problem| Problem::new("InvalidDomainName", problem.message))?;
    let mut zones: Vec<_> = world.names.zones.values().collect();
    zones.sort_by_key(|zone| (name::order(&zone.name), zone.id.clone()));
    let start = from.map_or(0, |name| {
        let first = (name::order(&name), id.clone().unwrap_or_default());
        zones.partition_point(|zone| (name::order(&zone.name), zone.id.clone()) < first)
    });
    let (page, next) = page(&zones, start, most);
    let document = Element::new("ListHostedZonesByNameResponse")
        .list("HostedZones", page.iter().map(|zone| zone.element()))
        .maybe("DNSName", given)
        .maybe("HostedZoneId", id)
        .text("IsTruncated", next.is_some())
        .maybe("NextDNSName", next.map(|zone| &zone.name))
        .maybe("NextHostedZoneId", next.map(|zone| &zone.id))
        .text("MaxItems", most);
    Ok(reply(document))
}

/// A parameter of the address.
pub(super) fn query(call: &Call, name: &str) -> Option<String> {
    let pairs = call.request.queries();
    pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// How many items a page may have: as asked for, and no more than `most`.
pub(super) fn items_max(call: &Call, most: usize) -> Result<usize, Problem> {
    let Some(text) = query(call, "maxitems") else { return Ok(most) };
    match text.parse::<usize>() {
        Ok(count) if count > 0 => Ok(count.min(most)),
        _ => Err(Problem::new("InvalidInput", format_args!("Invalid maxitems: {text}"))),
    }
}

/// Some items, and the first one after them.
pub(super) fn page<T>(items: &[T], start: usize, most: usize) -> (&[T], Option<&T>) {
    let rest = items.get(start..).unwrap_or_default();
    (rest.get(..most).unwrap_or(rest), rest.get(most))
}

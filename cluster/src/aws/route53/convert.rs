//! Between the types of the client and ours.

use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeInfo, ChangeStatus, GeoLocation, HealthCheck,
    HealthCheckType, ResourceRecord, ResourceRecordSet, ResourceRecordSetRegion, RrType,
};

use crate::dns::{
    Check, CheckSpec, Kind, Location, Owner, RecordKey, RecordSet, Reply, Routing, Target, codes,
    normal,
};

/// A record set as it is listed.
pub(super) fn record(set: &ResourceRecordSet) -> RecordSet {
    RecordSet {
        name: normal(set.name()),
        kind: Kind::from(set.r#type().as_str()),
        id: set.set_identifier().unwrap_or_default().to_owned(),
        routing: routing(set),
        target: target(set),
        check: set.health_check_id().map(str::to_owned),
    }
}

fn routing(set: &ResourceRecordSet) -> Routing {
    if set.failover().is_some()
        || set.cidr_routing_config().is_some()
        || set.geo_proximity_location().is_some()
    {
        return Routing::Other;
    }
    let weight = || set.weight().map(|weight| u8::try_from(weight).ok().map(Routing::Weighted));
    let region = || set.region().map(|region| Some(Routing::Latency(region.as_str().to_owned())));
    let place = || set.geo_location().map(|place| location(place).map(Routing::Geolocation));
    let several =
        || set.multi_value_answer().filter(|is_so| *is_so).map(|_| Some(Routing::Multivalue));
    match weight().or_else(region).or_else(place).or_else(several) {
        Some(routing) => routing.unwrap_or(Routing::Other),
        None if set.set_identifier().is_none() => Routing::Simple,
        None => Routing::Other,
    }
}

fn location(place: &GeoLocation) -> Option<Location> {
    match (place.continent_code(), place.country_code(), place.subdivision_code()) {
        (Some(code), None, None) => Some(Location::Continent(code.to_owned())),
        (None, Some("*"), None) => Some(Location::Default),
        (None, Some(code), None) => Some(Location::Country(code.to_owned())),
        (None, Some(country), Some(code)) => {
            Some(Location::Subdivision(country.to_owned(), code.to_owned()))
        }
        _ => None,
    }
}

fn target(set: &ResourceRecordSet) -> Target {
    let ttl = set.ttl().and_then(|ttl| u32::try_from(ttl).ok());
    match (set.alias_target(), ttl, set.traffic_policy_instance_id()) {
        (_, _, Some(_)) => Target::Other,
        (Some(alias), _, None) => Target::Alias {
            zone: alias.hosted_zone_id().to_owned(),
            name: normal(alias.dns_name()),
            evaluate: alias.evaluate_target_health(),
        },
        (None, Some(ttl), None) => Target::Values {
            ttl,
            values: set.resource_records().iter().map(|of| of.value().to_owned()).collect(),
        },
        (None, None, None) => Target::Other,
    }
}

/// A change of one; `None`: it is of a shape that we never write.
pub(super) fn change(verb: ChangeAction, set: &RecordSet) -> Option<Change> {
    let kind = RrType::from(set.kind.to_string().as_str());
    let id = Some(set.id.clone()).filter(|id| !id.is_empty());
    let built = ResourceRecordSet::builder().name(&set.name).r#type(kind).set_set_identifier(id);
    let built = built.set_health_check_id(set.check.clone());
    let built = match &set.routing {
        Routing::Weighted(weight) => built.weight(i64::from(*weight)),
        Routing::Multivalue => built.multi_value_answer(true),
        Routing::Latency(region) => built.region(ResourceRecordSetRegion::from(region.as_str())),
        Routing::Geolocation(location) => {
            let mut place = GeoLocation::builder();
            for (part, code) in codes(location, ["continent", "country", "subdivision"]) {
                place = match part {
                    "continent" => place.continent_code(code),
                    "country" => place.country_code(code),
                    _ => place.subdivision_code(code),
                };
            }
            built.geo_location(place.build())
        }
        Routing::Simple | Routing::Other => return None,
    };
    let built = match &set.target {
        Target::Values { ttl, values } => {
            let records = values.iter().map(|value| ResourceRecord::builder().value(value).build());
            let records = records.collect::<Result<Vec<_>, _>>().ok()?;
            built.ttl(i64::from(*ttl)).set_resource_records(Some(records))
        }
        Target::Alias { zone, name, evaluate } => {
            let alias = AliasTarget::builder().hosted_zone_id(zone).dns_name(name);
            built.alias_target(alias.evaluate_target_health(*evaluate).build().ok()?)
        }
        Target::Other => return None,
    };
    Change::builder().action(verb).resource_record_set(built.build().ok()?).build().ok()
}

/// Where the next page of records begins.
pub(super) fn next(answer: &ListResourceRecordSetsOutput) -> Option<RecordKey> {
    let name = answer.next_record_name().filter(|_| answer.is_truncated())?;
    Some(RecordKey {
        name: normal(name),
        kind: Kind::from(answer.next_record_type().map_or("", RrType::as_str)),
        id: answer.next_record_identifier().unwrap_or_default().to_owned(),
    })
}

/// What became of a change.
pub(super) fn changed(info: Option<&ChangeInfo>) -> Option<Reply> {
    let info = info?;
    let is_everywhere = *info.status() == ChangeStatus::Insync;
    Some(Reply::Changed { id: info.id().to_owned(), is_everywhere })
}

/// A health check, whose tags are not told with it.
pub(super) fn check(check: &HealthCheck) -> Check {
    let config = check.health_check_config();
    let spec = config.and_then(|config| {
        let is_ours = *config.r#type() == HealthCheckType::Tcp
            && config.fully_qualified_domain_name().is_none_or(str::is_empty);
        Some(CheckSpec {
            address: config.ip_address().filter(|_| is_ours)?.parse().ok()?,
            port: u16::try_from(config.port()?).ok()?,
            interval: u8::try_from(config.request_interval().unwrap_or(USUAL_INTERVAL)).ok()?,
        })
    });
    Check {
        id: check.id().to_owned(),
        reference: check.caller_reference().to_owned(),
        version: check.health_check_version(),
        spec,
        is_disabled: config.and_then(|config| config.disabled()).unwrap_or(false),
        is_inverted: config.and_then(|config| config.inverted()).unwrap_or(false),
        owner: Owner::Unread,
    }
}

/// Seconds, where a check does not say.
const USUAL_INTERVAL: i32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(set: &RecordSet) -> Option<RecordSet> {
        let change = change(ChangeAction::Upsert, set)?;
        change.resource_record_set().map(record)
    }

    fn set(routing: Routing) -> RecordSet {
        RecordSet {
            name: "ftp.example.org".to_owned(),
            kind: Kind::Aaaa,
            id: "flotilla/main/n1".to_owned(),
            routing,
            target: Target::Values { ttl: 60, values: vec!["2001:db8::1".to_owned()] },
            check: Some("c".to_owned()),
        }
    }

    #[test]
    fn records_go_there_and_back() {
        let geo = |location| Routing::Geolocation(location);
        for routing in [
            Routing::Weighted(0),
            Routing::Weighted(255),
            Routing::Multivalue,
            Routing::Latency("eu-west-1".to_owned()),
            geo(Location::Default),
            geo(Location::Continent("EU".to_owned())),
            geo(Location::Country("DE".to_owned())),
            geo(Location::Subdivision("US".to_owned(), "CA".to_owned())),
        ] {
            let values = set(routing);
            assert_eq!(there_and_back(&values), Some(values.clone()));
            let (zone, name) = ("Z1".to_owned(), "eu.ftp.example.org".to_owned());
            let target = Target::Alias { zone, name, evaluate: true };
            let alias = RecordSet { target, check: None, ..values };
            assert_eq!(there_and_back(&alias), Some(alias));
        }
        assert_eq!(there_and_back(&set(Routing::Other)), None);
        assert_eq!(
            there_and_back(&RecordSet { target: Target::Other, ..set(Routing::Multivalue) }),
            None
        );
    }

    #[test]
    fn what_is_listed_is_read() {
        let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
        let listed = ResourceRecordSet::builder().name("FTP.Example.org.").r#type(RrType::A);
        let simple = listed.clone().ttl(300).resource_records(value).build().unwrap();
        let simple = record(&simple);
        assert_eq!((simple.name.as_str(), simple.routing), ("ftp.example.org", Routing::Simple));
        let other = listed.clone().set_identifier("x").weight(256).build().unwrap();
        assert_eq!(record(&other).routing, Routing::Other);
        let policy = listed.traffic_policy_instance_id("p").build().unwrap();
        assert_eq!(record(&policy).target, Target::Other);
    }
}

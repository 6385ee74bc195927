//! A batch of changes as it is asked for: the schema, and what a record set must be by itself.

use super::input::{Input, document, facet, invalid};
use super::name;
use super::record::{Alias, Geo, Record, Routing};
use super::value;
use crate::problem::Problem;

/// What is to be done with a record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Delete,
    Upsert,
}

/// A batch, in its order.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) comment: Option<String>,
    pub(super) changes: Vec<(Verb, Record)>,
}

impl Batch {
    /// The batch of a request.
    ///
    /// # Errors
    /// `InvalidInput` for what the schema refuses, `InvalidChangeBatch` for values, and for more than a batch may
    /// hold.
    pub(super) fn of(body: &[u8]) -> Result<Self, Problem> {
        let document = document(body)?;
        let root = Input::root(&document, "ChangeResourceRecordSetsRequest")?;
        let batch = root.only(&["ChangeBatch"])?.need("ChangeBatch")?;
        let batch = batch.only(&["Comment", "Changes"])?;
        let changes = batch.need("Changes")?.items("Change")?;
        if changes.is_empty() {
            return Err(invalid(
                "cvc-complex-type.2.4.b: The content of element 'Changes' is not complete.",
            ));
        }
        let changes = changes.into_iter().map(change).collect::<Result<Vec<_>, _>>()?;
        let batch = Self { comment: batch.text("Comment"), changes };
        batch.within_limits()?;
        Ok(batch)
    }

    /// At most 1,000 elements and 32,000 characters, UPSERT twice (DNSLimitations in the guide). An alias, which
    /// has no elements, is counted as one.
    fn within_limits(&self) -> Result<(), Problem> {
        let (mut elements, mut characters) = (0, 0);
        for (verb, record) in &self.changes {
            let times = if *verb == Verb::Upsert { 2 } else { 1 };
            elements += times * record.values.len().max(1);
            characters += times * record.values.iter().map(String::len).sum::<usize>();
        }
        let refuse = |what: &str, limit| {
            let message = format!("[Number of {what} limit of {limit} exceeded.]");
            Err(Problem::new("InvalidChangeBatch", message))
        };
        match (elements, characters) {
            (elements, _) if elements > 1000 => refuse("records", 1000),
            (_, characters) if characters > 32_000 => refuse("characters", 32_000),
            _ => Ok(()),
        }
    }
}

fn change(input: Input<'_, '_>) -> Result<(Verb, Record), Problem> {
    let input = input.only(&["Action", "ResourceRecordSet"])?;
    let word = input.need("Action")?.own_text();
    let verb = match word.as_str() {
        "CREATE" => Verb::Create,
        "DELETE" => Verb::Delete,
        "UPSERT" => Verb::Upsert,
        _ => return Err(facet(&word, "enumeration", "[CREATE, DELETE, UPSERT]", "ChangeAction")),
    };
    Ok((verb, record(input.need("ResourceRecordSet")?, &word)?))
}

fn record(input: Input<'_, '_>, verb: &str) -> Result<Record, Problem> {
    let input = input.only(&[
        "Name",
        "Type",
        "SetIdentifier",
        "Weight",
        "Region",
        "GeoLocation",
        "MultiValueAnswer",
        "TTL",
        "ResourceRecords",
        "AliasTarget",
        "HealthCheckId",
    ])?;
    let given = input.bounded("Name", 1024)?;
    let kind = input.need("Type")?.own_text();
    if !KINDS.contains(&kind.as_str()) {
        return Err(facet(&kind, "enumeration", &KINDS.join(", "), "RRType"));
    }
    let identifier = input.child("SetIdentifier").map(|_| input.bounded("SetIdentifier", 128));
    let identifier = identifier.transpose()?;
    let shown = identifier.as_deref().unwrap_or("null");
    let place =
        format!("in Change with [Action={verb}, Name={given}, Type={kind}, SetIdentifier={shown}]");
    let routing = routing(input, identifier.is_some(), &place)?;
    let ttl = input.number("TTL", 0, i64::from(i32::MAX))?;
    let values = match input.child("ResourceRecords") {
        Some(list) => values(list)?,
        None => Vec::new(),
    };
    let alias = input.child("AliasTarget").map(alias).transpose()?;
    let record = Record {
        name: name::normal(&given)?,
        kind,
        identifier,
        routing,
        ttl: ttl.and_then(|ttl| u32::try_from(ttl).ok()),
        values,
        alias,
        check: input
            .child("HealthCheckId")
            .map(|_| input.bounded("HealthCheckId", 64))
            .transpose()?,
    };
    complete(&record, &place)?;
    value::check(&record)?;
    Ok(record)
}

/// Either values with a TTL, or an alias.
fn complete(record: &Record, place: &str) -> Result<(), Problem> {
    let refuse = |found: &str| {
        let message = format!(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and \
             ResourceRecords], or TrafficPolicyInstanceId], but found {found} {place}"
        );
        Err(Problem::new("InvalidInput", message))
    };
    match (&record.alias, record.ttl, record.values.is_empty()) {
        (None, Some(_), false) | (Some(_), None, true) => Ok(()),
        (None, _, _) => refuse("none"),
        (Some(_), _, _) => refuse("more than one"),
    }?;
    let one_only = matches!(record.routing, Routing::Weighted(_) | Routing::Latency(_));
    if one_only && record.values.len() > 1 {
        let message = format!(
            "[Invalid request: only one ResourceRecord can be specified in a {} record set {place}]",
            record.routing.kind()
        );
        return Err(Problem::new("InvalidChangeBatch", message));
    }
    if record.routing == Routing::Multivalue && record.alias.is_some() {
        let message = format!("Invalid request: multivalue answer can not be an alias {place}");
        return Err(Problem::new("InvalidInput", message));
    }
    Ok(())
}

/// How it is chosen; all kinds but the simple one need the identifier, and it needs one of them.
fn routing(input: Input<'_, '_>, identified: bool, place: &str) -> Result<Routing, Problem> {
    let mut found = Vec::new();
    if let Some(weight) = input.number("Weight", 0, 255)? {
        found.push(Routing::Weighted(u8::try_from(weight).unwrap_or(0)));
    }
    if let Some(region) = input.text("Region") {
        if !REGIONS.contains(&region.as_str()) {
            return Err(facet(
                &region,
                "enumeration",
                &REGIONS.join(", "),
                "ResourceRecordSetRegion",
            ));
        }
        found.push(Routing::Latency(region));
    }
    if let Some(geo) = input.child("GeoLocation") {
        found.push(Routing::Geolocation(geolocation(geo)?));
    }
    match input.value("MultiValueAnswer")? {
        Some(true) => found.push(Routing::Multivalue),
        Some(false) => return Err(invalid("MultiValueAnswer can only be true")),
        None => {}
    }
    let kinds = "[Weight, Region, Failover, GeoLocation, or MultiValueAnswer]";
    let refuse = |why: String| Err(Problem::new("InvalidInput", why));
    match (found.as_slice(), identified) {
        ([], false) => Ok(Routing::Simple),
        ([one], true) => Ok(one.clone()),
        ([_], false) => refuse(format!("Invalid request: Missing field 'SetIdentifier' {place}")),
        ([], true) => refuse(format!(
            "Invalid request: Expected exactly one of {kinds}, but found none {place}"
        )),
        _ => refuse(format!(
            "Invalid request: Expected exactly one of {kinds}, but found more than one {place}"
        )),
    }
}

fn geolocation(input: Input<'_, '_>) -> Result<Geo, Problem> {
    let input = input.only(&["ContinentCode", "CountryCode", "SubdivisionCode"])?;
    let geo = Geo {
        continent: input.text("ContinentCode"),
        country: input.text("CountryCode"),
        subdivision: input.text("SubdivisionCode"),
    };
    let capitals = |text: &str| text.len() == 2 && text.chars().all(|it| it.is_ascii_uppercase());
    let good = match (&geo.continent, &geo.country, &geo.subdivision) {
        (Some(continent), None, None) => CONTINENTS.contains(&continent.as_str()),
        (None, Some(country), None) => country == "*" || capitals(country),
        (None, Some(country), Some(part)) => {
            ["US", "UA"].contains(&country.as_str()) && capitals(part)
        }
        _ => false,
    };
    if good { Ok(geo) } else { Err(Problem::new("InvalidInput", "Invalid geolocation")) }
}

fn values(list: Input<'_, '_>) -> Result<Vec<String>, Problem> {
    let items = list.items("ResourceRecord")?;
    if items.is_empty() {
        return Err(invalid(
            "cvc-complex-type.2.4.b: The content of element 'ResourceRecords' is not complete.",
        ));
    }
    items.into_iter().map(|item| item.only(&["Value"])?.bounded("Value", 4000)).collect()
}

fn alias(input: Input<'_, '_>) -> Result<Alias, Problem> {
    let input = input.only(&["HostedZoneId", "DNSName", "EvaluateTargetHealth"])?;
    Ok(Alias {
        zone: input.bounded("HostedZoneId", 32)?,
        name: name::normal(&input.bounded("DNSName", 1024)?)?,
        evaluate: input
            .value("EvaluateTargetHealth")?
            .ok_or_else(|| invalid("EvaluateTargetHealth is missing"))?,
    })
}

/// Of [`Record::kind`].
const KINDS: [&str; 12] =
    ["SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA"];
const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "OC", "NA", "SA"];
/// Of the model of 2026, those of the public partition.
const REGIONS: [&str; 32] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "ca-west-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-central-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-east-1",
    "ap-east-2",
    "ap-south-1",
    "ap-south-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "sa-east-1",
    "me-south-1",
    "me-central-1",
    "af-south-1",
];

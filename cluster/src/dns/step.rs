//! Changes as people read them: a sentence, the command of the AWS CLI, the resource of Terraform.

use super::change::{Change, RecordChange};
use super::check::{CheckChange, CheckSpec, FAILURE_THRESHOLD};
use super::record::{Location, RecordSet, Routing, Target};
use super::request::NAMES_TAG;
use super::request::Request;
use super::settings::Settings;
use crate::aws::{Sign, Step};
use crate::group::POOL_TAG;

impl Change {
    /// As it is shown.
    pub fn step(&self, settings: &Settings) -> Step {
        match self {
            Self::Record(change) => record(change, settings),
            Self::Check(change) => check(change, settings),
        }
    }
}

impl CheckChange {
    /// The call that makes it.
    pub fn request(&self, settings: &Settings) -> Request {
        match self.clone() {
            Self::Create { reference, spec, .. } => Request::CreateCheck { reference, spec },
            Self::Update { id, version, spec } => Request::UpdateCheck { id, version, spec },
            Self::Tag { id, node } => {
                let (owner, pool) = (settings.owner(), settings.pool.clone());
                Request::Tag { id, owner, pool, node: name_tag(settings, &node) }
            }
            Self::Delete { id, .. } => Request::DeleteCheck(id),
        }
    }
}

fn record(change: &RecordChange, settings: &Settings) -> Step {
    let (sign, word, why) = match change {
        RecordChange::Upsert { before: None, .. } => {
            (Sign::Add, "UPSERT", "a node is reached by it".to_owned())
        }
        RecordChange::Upsert { set, before: Some(before) } => {
            (Sign::Change, "UPSERT", difference(before, set))
        }
        RecordChange::Delete { why, .. } => (Sign::Remove, "DELETE", (*why).to_owned()),
    };
    let set = change.set();
    let why = match (&set.target, sign) {
        (Target::Alias { .. }, Sign::Add) => "its nodes are reached by it".to_owned(),
        _ => why,
    };
    let batch =
        format!(r#"{{"Changes":[{{"Action":"{word}","ResourceRecordSet":{}}}]}}"#, json(set));
    let zone = settings.zone.as_str();
    Step {
        service: "route53",
        sign,
        what: format!("record {}", described(set)),
        why,
        action: "route53:ChangeResourceRecordSets",
        command: words(&[
            "change-resource-record-sets",
            "--hosted-zone-id",
            zone,
            "--change-batch",
            &batch,
        ]),
        terraform: (sign != Sign::Remove).then(|| terraform(set, zone)),
    }
}

fn difference(before: &RecordSet, set: &RecordSet) -> String {
    let mut parts = Vec::new();
    if let (Some(last), Some(weight)) = (before.weight(), set.weight())
        && last != weight
    {
        parts.push(format!("weight {last} -> {weight}"));
    }
    if before.target != set.target {
        match (before.value(), set.value()) {
            (Some(last), Some(value)) if last != value => {
                parts.push(format!("address {last} -> {value}"))
            }
            _ => parts.push("another answer or time to live".to_owned()),
        }
    }
    if before.check != set.check {
        parts.push("another health check".to_owned());
    }
    match parts.is_empty() {
        true => "another routing policy".to_owned(),
        false => parts.join(", "),
    }
}

/// `ftp.example.org A flotilla/main/n1 weight 100 -> 192.0.2.1`.
fn described(set: &RecordSet) -> String {
    let routing = match &set.routing {
        Routing::Weighted(weight) => format!("weight {weight}"),
        Routing::Multivalue => "multivalue".to_owned(),
        Routing::Latency(region) => format!("region {region}"),
        Routing::Geolocation(location) => format!("location {location}"),
        Routing::Simple => "simple".to_owned(),
        Routing::Other => "other".to_owned(),
    };
    let target = match &set.target {
        Target::Values { ttl, values } => format!("{} (ttl {ttl})", values.join(" ")),
        Target::Alias { name, .. } => name.clone(),
        Target::Other => "other".to_owned(),
    };
    let check = set.check.as_ref().map_or(String::new(), |check| format!(" while {check} is well"));
    format!("{} {} {} {routing} -> {target}{check}", set.name, set.kind, set.id)
}

/// The record set as the API takes it.
fn json(set: &RecordSet) -> String {
    let mut fields = vec![
        format!(r#""Name":{}"#, quoted(&set.name)),
        format!(r#""Type":{}"#, quoted(&set.kind.to_string())),
    ];
    if !set.id.is_empty() {
        fields.push(format!(r#""SetIdentifier":{}"#, quoted(&set.id)));
    }
    match &set.routing {
        Routing::Weighted(weight) => fields.push(format!(r#""Weight":{weight}"#)),
        Routing::Multivalue => fields.push(r#""MultiValueAnswer":true"#.to_owned()),
        Routing::Latency(region) => fields.push(format!(r#""Region":{}"#, quoted(region))),
        Routing::Geolocation(location) => {
            let codes = codes(location, ["ContinentCode", "CountryCode", "SubdivisionCode"]);
            let codes: Vec<_> = codes
                .iter()
                .map(|(name, code)| format!("{}:{}", quoted(name), quoted(code)))
                .collect();
            fields.push(format!(r#""GeoLocation":{{{}}}"#, codes.join(",")));
        }
        Routing::Simple | Routing::Other => {}
    }
    match &set.target {
        Target::Values { ttl, values } => {
            let values: Vec<_> =
                values.iter().map(|value| format!(r#"{{"Value":{}}}"#, quoted(value))).collect();
            fields.push(format!(r#""TTL":{ttl},"ResourceRecords":[{}]"#, values.join(",")));
        }
        Target::Alias { zone, name, evaluate } => fields.push(format!(
            r#""AliasTarget":{{"HostedZoneId":{},"DNSName":{},"EvaluateTargetHealth":{evaluate}}}"#,
            quoted(zone),
            quoted(name)
        )),
        Target::Other => {}
    }
    if let Some(check) = &set.check {
        fields.push(format!(r#""HealthCheckId":{}"#, quoted(check)));
    }
    format!("{{{}}}", fields.join(","))
}

/// The codes of a location under the names of its three parts: continent, country, subdivision.
pub fn codes<'a>(
    location: &'a Location,
    [continent, country, part]: [&'static str; 3],
) -> Vec<(&'static str, &'a str)> {
    match location {
        Location::Default => vec![(country, "*")],
        Location::Continent(code) => vec![(continent, code)],
        Location::Country(code) => vec![(country, code)],
        Location::Subdivision(of, code) => vec![(country, of), (part, code)],
    }
}

fn terraform(set: &RecordSet, zone: &str) -> String {
    let mut lines = vec![
        format!("zone_id = {}", quoted(zone)),
        format!("name = {}", quoted(&set.name)),
        format!("type = {}", quoted(&set.kind.to_string())),
        format!("set_identifier = {}", quoted(&set.id)),
    ];
    match &set.target {
        Target::Values { ttl, values } => {
            let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            lines.push(format!("ttl = {ttl}"));
            lines.push(format!("records = [{}]", values.join(", ")));
        }
        Target::Alias { zone, name, evaluate } => lines.push(format!(
            "alias {{\n    zone_id = {}\n    name = {}\n    evaluate_target_health = {evaluate}\n  }}",
            quoted(zone),
            quoted(name)
        )),
        Target::Other => {}
    }
    match &set.routing {
        Routing::Weighted(weight) => {
            lines.push(format!("weighted_routing_policy {{\n    weight = {weight}\n  }}"));
        }
        Routing::Multivalue => lines.push("multivalue_answer_routing_policy = true".to_owned()),
        Routing::Latency(region) => {
            lines.push(format!("latency_routing_policy {{\n    region = {}\n  }}", quoted(region)))
        }
        Routing::Geolocation(location) => {
            let codes = codes(location, ["continent", "country", "subdivision"]);
            let codes: Vec<_> = codes
                .iter()
                .map(|(name, code)| format!("    {name} = {}\n", quoted(code)))
                .collect();
            lines.push(format!("geolocation_routing_policy {{\n{}  }}", codes.concat()));
        }
        Routing::Simple | Routing::Other => {}
    }
    if let Some(check) = &set.check {
        lines.push(format!("health_check_id = {}", quoted(check)));
    }
    let name = resource_name(&format!("{}_{}_{}", set.name, set.kind, set.id));
    resource("aws_route53_record", &name, &lines)
}

fn check(change: &CheckChange, settings: &Settings) -> Step {
    let action = change.request(settings).action();
    let step = |sign, what: String, why: &str, command: &[&str], terraform| Step {
        service: "route53",
        sign,
        what,
        why: why.to_owned(),
        action,
        command: words(command),
        terraform,
    };
    match change {
        CheckChange::Create { key, reference, spec } => {
            let config = config(spec);
            let command = [
                "create-health-check",
                "--caller-reference",
                reference,
                "--health-check-config",
                &config,
            ];
            let what = format!(
                "health check {reference} of {}:{} each {} s",
                spec.address, spec.port, spec.interval
            );
            let terraform = check_resource(settings, key, spec);
            step(Sign::Add, what, "its port answers", &command, Some(terraform))
        }
        CheckChange::Update { id, version, spec } => {
            let (version, address, port) =
                (version.to_string(), spec.address.to_string(), spec.port.to_string());
            let command = [
                "update-health-check",
                "--health-check-id",
                id,
                "--health-check-version",
                &version,
                "--ip-address",
                &address,
                "--port",
                &port,
            ];
            let what = format!("health check {id} -> {address}:{port}");
            step(Sign::Change, what, "the node is found there now", &command, None)
        }
        CheckChange::Tag { id, node } => {
            let (pool, name) =
                (format!("Key={POOL_TAG},Value={}", settings.pool), name_tag(settings, node));
            let name = format!("Key=Name,Value={name}");
            let owner = format!("Key={NAMES_TAG},Value={}", settings.owner());
            let command = [
                "change-tags-for-resource",
                "--resource-type",
                "healthcheck",
                "--resource-id",
                id,
                "--add-tags",
                &owner,
                &pool,
                &name,
            ];
            let what = format!("tag {NAMES_TAG}={} of health check {id}", settings.owner());
            step(Sign::Change, what, "it is the pool's", &command, None)
        }
        CheckChange::Delete { id, why } => {
            let command = ["delete-health-check", "--health-check-id", id];
            step(Sign::Remove, format!("health check {id}"), why, &command, None)
        }
    }
}

fn config(spec: &CheckSpec) -> String {
    format!(
        r#"{{"IPAddress":"{}","Port":{},"Type":"TCP","RequestInterval":{},"FailureThreshold":{FAILURE_THRESHOLD}}}"#,
        spec.address, spec.port, spec.interval
    )
}

fn check_resource(settings: &Settings, key: &str, spec: &CheckSpec) -> String {
    let lines = [
        format!("ip_address = \"{}\"", spec.address),
        format!("port = {}", spec.port),
        "type = \"TCP\"".to_owned(),
        format!("request_interval = {}", spec.interval),
        format!("failure_threshold = {FAILURE_THRESHOLD}"),
        format!(
            "tags = {{\n    \"{NAMES_TAG}\" = {}\n    \"{POOL_TAG}\" = {}\n    Name = {}\n  }}",
            quoted(&settings.owner()),
            quoted(&settings.pool),
            quoted(&name_tag(settings, key))
        ),
    ];
    resource(
        "aws_route53_health_check",
        &resource_name(&format!("{}_{key}", settings.pool)),
        &lines,
    )
}

fn name_tag(settings: &Settings, key: &str) -> String {
    format!("flotilla {} {key}", settings.pool)
}

fn resource(kind: &str, name: &str, lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("resource \"{kind}\" \"{name}\" {{\n{}}}", lines.concat())
}

fn resource_name(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = text.chars().map(fits).collect();
    // It must not begin with a digit.
    format!("flotilla_{name}")
}

fn words(words: &[&str]) -> Vec<String> {
    ["aws", "route53"].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

/// As a text of JSON, and of Terraform where there are no `${`: names, addresses and identifiers have none.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if u32::from(c) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

//! CreateHealthCheck.

use std::net::IpAddr;
use std::time::Duration;

use super::change::reply;
use super::check::{Check, Probe, Reference};
use super::input::{Input, document, facet};
use crate::api::Call;
use crate::http::Answer;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::world::World;
use crate::xml::Element;

/// Creates a check, or tells of the one that the same reference and the same settings have made already.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let document = document(&call.request.body)?;
    let root = Input::root(&document, "CreateHealthCheckRequest")?;
    let root = root.only(&["CallerReference", "HealthCheckConfig"])?;
    let reference = root.bounded("CallerReference", 64)?;
    let settings = probe(root.need("HealthCheckConfig")?, &world.settings)?;
    let names = &mut world.names;
    if let Some(known) = names.references.get(&reference) {
        return match names.checks.get(&known.check) {
            Some(check) if known.settings == settings => Ok(created(check, 200)),
            _ => Err(Problem::with(
                409,
                "HealthCheckAlreadyExists",
                "A health check with the same caller reference but different settings already exists, \
                 or one with this caller reference existed.",
            )),
        };
    }
    if names.checks.len() >= CHECKS_MAX {
        let message = format!("Limits Exceeded: MAX_HEALTH_CHECKS_BY_OWNER ({CHECKS_MAX})");
        return Err(Problem::new("TooManyHealthChecks", message));
    }
    let id = world.chance.uuid();
    let known = Reference { check: id.clone(), settings: settings.clone() };
    names.references.insert(reference.clone(), known);
    let mut check = Check { id: id.clone(), reference, settings, version: 1, checkers: Vec::new() };
    check.restart(
        world.settings.checkers,
        interval(&check.settings, &world.settings),
        call.moment.now,
    );
    let answer = created(&check, 201);
    names.checks.insert(id, check);
    Ok(answer)
}

/// Of an account, unless it has asked for more.
const CHECKS_MAX: usize = 200;

fn created(check: &Check, status: u16) -> Answer {
    let place = format!("https://route53.amazonaws.com/2013-04-01/healthcheck/{}", check.id);
    let answer = reply(Element::new("CreateHealthCheckResponse").child(check.element()));
    Answer { status, ..answer }.header("location", place)
}

/// How often a checker connects, by the speed of the fake.
pub(super) fn interval(probe: &Probe, settings: &Settings) -> Duration {
    let hundredths = probe.interval * 100 * 1000 / settings.check_speed_percent.max(1);
    Duration::from_millis(u64::from(hundredths))
}

fn probe(input: Input<'_, '_>, settings: &Settings) -> Result<Probe, Problem> {
    let input = input.only(&[
        "IPAddress",
        "Port",
        "Type",
        "RequestInterval",
        "FailureThreshold",
        "MeasureLatency",
        "Inverted",
        "Disabled",
        "Regions",
    ])?;
    let kind = input.need("Type")?.own_text();
    if kind != "TCP" {
        return Err(facet(&kind, "enumeration", "[TCP]", "HealthCheckType"));
    }
    let port = input.number("Port", 1, 65535)?;
    let port = port.ok_or_else(|| refuse("A port must be given for TCP health checks."))?;
    let interval = input.number("RequestInterval", 10, 30)?.unwrap_or(30);
    if ![10, 30].contains(&interval) {
        return Err(refuse(&format!("Invalid request interval {interval}: it must be 10 or 30.")));
    }
    Ok(Probe {
        address: address(&input.need("IPAddress")?.own_text(), settings)?,
        port: u16::try_from(port).unwrap_or(0),
        interval: u32::try_from(interval).unwrap_or(30),
        threshold: threshold(input)?.unwrap_or(3),
        inverted: input.value("Inverted")?.unwrap_or(false),
        disabled: input.value("Disabled")?.unwrap_or(false),
        measure_latency: input.value("MeasureLatency")?.unwrap_or(false),
        regions: regions(input)?.unwrap_or_default(),
    })
}

pub(super) fn threshold(input: Input<'_, '_>) -> Result<Option<u32>, Problem> {
    let number = input.number("FailureThreshold", 1, 10)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

pub(super) fn regions(input: Input<'_, '_>) -> Result<Option<Vec<String>>, Problem> {
    let Some(list) = input.child("Regions") else { return Ok(None) };
    let mut regions = Vec::new();
    for item in list.items("Region")? {
        let region = item.own_text();
        if !CHECKER_REGIONS.contains(&region.as_str()) {
            return Err(facet(&region, "enumeration", "a region", "HealthCheckRegion"));
        }
        regions.push(region);
    }
    if regions.len() < 3 {
        return Err(refuse("At least three regions must be given."));
    }
    Ok(Some(regions))
}

/// An address that checkers can reach: "you can not create a health check for an endpoint whose address is in
/// local, private, nonroutable or multicast ranges".
pub(super) fn address(text: &str, settings: &Settings) -> Result<IpAddr, Problem> {
    let refuse = || Err(refuse(&format!("Invalid IP address: {text}")));
    let Ok(address) = text.parse::<IpAddr>() else { return refuse() };
    let private = match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback(),
    };
    let never = address.is_unspecified()
        || address.is_multicast()
        || match address {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
    if never || private && !settings.private_is_public { refuse() } else { Ok(address) }
}

fn refuse(message: &str) -> Problem {
    Problem::new("InvalidInput", message)
}

/// Where checkers are.
const CHECKER_REGIONS: [&str; 8] = [
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
];

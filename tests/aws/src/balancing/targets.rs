//! Targets: registered, and drained when they go.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::TargetGroup;
use crate::api::Call;
use crate::ec2::State;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// One target of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Of an instance, or an address.
    pub id: String,
    /// Where it is reached.
    pub port: u16,
    /// Since when.
    pub since: Instant,
    /// As a test wants it.
    pub health: Health,
    /// It was deregistered and goes then.
    pub draining_until: Option<Instant>,
}

/// How a target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It answers.
    Healthy,
    /// It does not.
    Unhealthy,
    /// It does not, and has not lost its connections yet.
    UnhealthyDraining,
}

/// RegisterTargets: those that are there already stay; those that drain come back.
pub(super) fn register(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let group = world.balancers.target_group(call.parameters.need("TargetGroupArn")?)?.clone();
    let wanted = wanted(&call.parameters, &group)?;
    for (id, _) in &wanted {
        check(world, &group, id)?;
    }
    let Some(group) = world.balancers.target_groups.get_mut(&group.arn) else {
        return Ok(Vec::new());
    };
    let mut targets = group.targets.clone();
    for (id, port) in wanted {
        let same = |target: &&mut Target| target.id == id && target.port == port;
        if let Some(known) = targets.iter_mut().find(same) {
            known.draining_until = None;
            continue;
        }
        let since = call.moment.now;
        targets.push(Target { id, port, since, health: Health::Healthy, draining_until: None });
    }
    if targets.len() > TARGETS_MAX {
        let message = format!("The maximum number of targets for target group '{}'", group.arn);
        return Err(Problem::new("TooManyTargets", message));
    }
    group.targets = targets;
    Ok(Vec::new())
}

/// Of one zone, or of all where they are crossed.
const TARGETS_MAX: usize = 500;

/// DeregisterTargets: they drain as long as the group says; one without a port stands for all its ports.
pub(super) fn deregister(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arn = call.parameters.need("TargetGroupArn")?;
    let group = world.balancers.target_group(arn)?;
    let used = !world.balancers.users(arn).is_empty();
    let delay = group.attributes.get("deregistration_delay.timeout_seconds");
    let delay = delay.and_then(|delay| delay.parse().ok()).unwrap_or(300);
    let mut gone = Vec::new();
    for target in call.parameters.structures("Targets") {
        gone.push((target.need("Id")?.to_owned(), target.value::<u16>("Port")?));
    }
    if gone.is_empty() {
        return Err(Problem::missing(call.service, "targets"));
    }
    for (id, port) in &gone {
        let mut known = group.targets.iter();
        if !known.any(|it| it.id == *id && port.is_none_or(|port| port == it.port)) {
            let message = format!("The following targets are not registered: '{id}'");
            return Err(Problem::new("InvalidTarget", message));
        }
    }
    let until = call.moment.now + Duration::from_secs(if used { delay } else { 0 });
    let Some(group) = world.balancers.target_groups.get_mut(arn) else { return Ok(Vec::new()) };
    for target in &mut group.targets {
        let named = |(id, port): &(String, Option<u16>)| {
            *id == target.id && port.is_none_or(|port| port == target.port)
        };
        if gone.iter().any(named) {
            target.draining_until.get_or_insert(until);
        }
    }
    Ok(Vec::new())
}

/// Ids and ports of a call.
pub(super) fn wanted(
    given: &Parameters,
    group: &TargetGroup,
) -> Result<Vec<(String, u16)>, Problem> {
    let mut wanted = Vec::new();
    for target in given.structures("Targets") {
        let port = target.value::<u16>("Port")?.unwrap_or(group.port);
        if port == 0 {
            return Err(Problem::new("ValidationError", "A port is 1 to 65535"));
        }
        target.text("AvailabilityZone");
        wanted.push((target.need("Id")?.to_owned(), port));
    }
    if wanted.is_empty() {
        return Err(Problem::missing(crate::api::Service::Balancing, "targets"));
    }
    Ok(wanted)
}

fn check(world: &World, group: &TargetGroup, id: &str) -> Result<(), Problem> {
    let refuse = |message: String| Err(Problem::new("InvalidTarget", message));
    if group.kind == "ip" {
        let Ok(IpAddr::V4(address)) = id.parse::<IpAddr>() else {
            return Err(Problem::new("ValidationError", format_args!("'{id}' is no address")));
        };
        let vpc = world.cloud.vpcs.get(&group.vpc);
        let inside = vpc.is_some_and(|vpc| vpc.cidrs.iter().any(|cidr| cidr.contains(&address)));
        let [first, second, ..] = address.octets();
        let shared = first == 100 && second & 0xc0 == 64;
        if !inside && !address.is_private() && !shared {
            return refuse(format!(
                "The IP address '{id}' is not within the VPC or a private range"
            ));
        }
        return Ok(());
    }
    let Some(instance) = world.cloud.instances.get(id) else {
        return refuse(format!("Instance ID '{id}' is not valid"));
    };
    if instance.state != State::Running {
        return refuse(format!(
            "The following targets are not in a running state and cannot be registered: '{id}'"
        ));
    }
    let inside = world.cloud.interfaces_of(id).first().is_some_and(|it| it.vpc == group.vpc);
    if !inside {
        return refuse(format!("The instance '{id}' is not in the VPC of the target group"));
    }
    Ok(())
}

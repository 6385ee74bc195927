//! Instances of a balancer.

use super::balancer::instance;
use super::find;
use crate::api::Call;
use crate::ec2::State;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// RegisterInstancesWithLoadBalancer.
pub(super) fn register(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    change(world, call, |all, wanted| {
        all.extend(wanted.iter().filter(|id| !all.contains(id)).cloned().collect::<Vec<_>>());
    })
}

/// DeregisterInstancesFromLoadBalancer.
pub(super) fn deregister(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    change(world, call, |all, wanted| all.retain(|id| !wanted.contains(id)))
}

fn change(
    world: &mut World,
    call: &Call,
    how: impl Fn(&mut Vec<String>, &[String]),
) -> Result<Vec<Element>, Problem> {
    let mut classic = find(&world.classics, call.parameters.need("LoadBalancerName")?)?.clone();
    let wanted = wanted(call)?;
    for id in &wanted {
        let known = world.cloud.instances.get(id);
        if known.is_none_or(|instance| instance.state == State::Terminated) {
            let message = format!("Could not find EC2 instance {id}.");
            return Err(Problem::new("InvalidInstance", message));
        }
    }
    how(&mut classic.instances, &wanted);
    let members: Vec<_> = classic.instances.iter().map(|id| instance(id)).collect();
    world.classics.insert(classic.name.clone(), classic);
    Ok(vec![Element::new("Instances").children(members)])
}

fn wanted(call: &Call) -> Result<Vec<String>, Problem> {
    let mut wanted = Vec::new();
    for instance in call.parameters.structures("Instances") {
        wanted.push(instance.need("InstanceId")?.to_owned());
    }
    if wanted.is_empty() {
        return Err(Problem::missing(call.service, "Instances"));
    }
    Ok(wanted)
}

/// DescribeInstanceHealth: those that run are in service.
pub(super) fn health(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let classic = find(&world.classics, call.parameters.need("LoadBalancerName")?)?;
    let asked =
        if call.parameters.has("Instances") { wanted(call)? } else { classic.instances.clone() };
    let mut members = Vec::new();
    for id in &asked {
        if !classic.instances.contains(id) {
            let message = format!("Could not find EC2 instance {id}.");
            return Err(Problem::new("InvalidInstance", message));
        }
        let running =
            world.cloud.instances.get(id).is_some_and(|instance| instance.state == State::Running);
        let (state, reason) =
            if running { ("InService", "N/A") } else { ("OutOfService", "Instance") };
        let member = instance(id).text("State", state).text("ReasonCode", reason);
        members.push(member.text("Description", "N/A"));
    }
    Ok(vec![Element::new("InstanceStates").children(members)])
}

//! The descriptions.

use super::group::{Groups, Member, ScalingGroup};
use crate::api::Call;
use crate::ec2::zone_id;
use crate::page::page;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// The group of a name.
pub(super) fn find<'a>(groups: &'a Groups, name: &str) -> Result<&'a ScalingGroup, Problem> {
    let message = format!("AutoScalingGroup name not found - {name}");
    groups.get(name).ok_or_else(|| Problem::new("ValidationError", message))
}

/// DescribeAutoScalingGroups; a name that is not there is no error.
pub(super) fn groups(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let names = call.parameters.list("AutoScalingGroupNames");
    let wanted = |it: &&ScalingGroup| names.is_empty() || names.contains(&it.name);
    let members = world.scaling.values().filter(wanted).map(|it| group(world, it)).collect();
    answer(call, "AutoScalingGroups", members, 100)
}

/// DescribeAutoScalingInstances; an instance that is in no group is no error.
pub(super) fn instances(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let ids = call.parameters.list("InstanceIds");
    let mut members = Vec::new();
    for group in world.scaling.values() {
        for (id, it) in group.members.iter().filter(|(id, _)| ids.is_empty() || ids.contains(id)) {
            // In capitals here, and not in the groups.
            let health = it.health.to_uppercase();
            let shown = member(world, id, it).text("HealthStatus", health);
            members.push(shown.text("AutoScalingGroupName", &group.name));
        }
    }
    answer(call, "AutoScalingInstances", members, 50)
}

/// DescribeLifecycleHooks of a group.
pub(super) fn hooks(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let group = find(&world.scaling, call.parameters.need("AutoScalingGroupName")?)?;
    let names = call.parameters.list("LifecycleHookNames");
    let all = group.hooks.values().filter(|hook| names.is_empty() || names.contains(&hook.name));
    let members = all.map(|hook| {
        Element::new("member")
            .text("LifecycleHookName", &hook.name)
            .text("AutoScalingGroupName", &group.name)
            .text("LifecycleTransition", hook.transition())
            .text("HeartbeatTimeout", hook.heartbeat)
            .text("GlobalTimeout", (hook.heartbeat * 100).min(48 * 3600))
            .text("DefaultResult", &hook.result)
    });
    Ok(vec![Element::new("LifecycleHooks").children(members)])
}

fn answer(
    call: &Call,
    name: &str,
    members: Vec<Element>,
    most: usize,
) -> Result<Vec<Element>, Problem> {
    let (members, next) = page(call, members, ("NextToken", "MaxRecords"), most)?;
    let mut answer = vec![Element::new(name).children(members)];
    answer.extend(next.map(|next| Element::of("NextToken", next)));
    Ok(answer)
}

fn group(world: &World, group: &ScalingGroup) -> Element {
    let (region, account) = (&world.settings.region, &world.settings.account);
    let name = &group.name;
    let arn = format!(
        "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:0:autoScalingGroupName/{name}"
    );
    let instances = group.members.iter();
    let instances =
        instances.map(|(id, it)| member(world, id, it).text("HealthStatus", &it.health));
    let tags = group.tags.iter().map(|(key, value)| {
        Element::new("member")
            .text("ResourceId", name)
            .text("ResourceType", "auto-scaling-group")
            .text("Key", key)
            .text("Value", value)
            .text("PropagateAtLaunch", true)
    });
    Element::new("member")
        .text("AutoScalingGroupName", name)
        .text("AutoScalingGroupARN", arn)
        .text("MinSize", group.sizes.0)
        .text("MaxSize", group.sizes.1)
        .text("DesiredCapacity", group.desired)
        .text("DefaultCooldown", 300)
        .text("HealthCheckType", "EC2")
        .text("HealthCheckGracePeriod", 0)
        .text("NewInstancesProtectedFromScaleIn", false)
        .texts("LoadBalancerNames", "member", &group.balancers)
        .texts("TargetGroupARNs", "member", &group.target_groups)
        .texts("AvailabilityZones", "member", world.cloud.subnets.values().map(|it| &it.zone))
        .list("Instances", instances)
        .list("Tags", tags)
}

fn member(world: &World, id: &str, member: &Member) -> Element {
    let instance = world.cloud.instances.get(id);
    Element::new("member")
        .text("InstanceId", id)
        .maybe("InstanceType", instance.map(|instance| &instance.kind))
        .maybe("AvailabilityZone", instance.map(|instance| &instance.zone))
        .maybe("AvailabilityZoneId", instance.map(|instance| zone_id(&instance.zone)))
        .text("LifecycleState", &member.state)
        .text("ProtectedFromScaleIn", member.protected)
}

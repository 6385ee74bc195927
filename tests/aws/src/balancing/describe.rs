//! The descriptions.

use crate::api::Call;
use crate::page::page;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// DescribeLoadBalancers: all, or some by long or short name.
pub(super) fn balancers(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let (arns, names) = (given.list("LoadBalancerArns"), given.list("Names"));
    let state = &world.balancers;
    for arn in &arns {
        state.balancer(arn)?;
    }
    for name in &names {
        if !state.balancers.values().any(|balancer| balancer.name == *name) {
            let message = format!("Load balancers '[{name}]' not found");
            return Err(Problem::new("LoadBalancerNotFound", message));
        }
    }
    let all = state.balancers.values().filter(|it| {
        (arns.is_empty() || arns.contains(&it.arn))
            && (names.is_empty() || names.contains(&it.name))
    });
    answer(call, "LoadBalancers", all.map(super::Balancer::element).collect())
}

/// DescribeListeners: all of a balancer, or some.
pub(super) fn listeners(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let arns = given.list("ListenerArns");
    let state = &world.balancers;
    for arn in &arns {
        state.listener(arn)?;
    }
    let balancer = given.text("LoadBalancerArn");
    if let Some(arn) = balancer {
        state.balancer(arn)?;
    }
    if arns.is_empty() == balancer.is_none() {
        let message = "Either a load balancer or listeners must be specified";
        return Err(Problem::new("ValidationError", message));
    }
    let all = state
        .listeners
        .values()
        .filter(|it| arns.contains(&it.arn) || balancer == Some(it.balancer.as_str()));
    answer(call, "Listeners", all.map(super::Listener::element).collect())
}

/// DescribeTargetGroups: all, or those of a balancer, or some.
pub(super) fn target_groups(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let (arns, names) = (given.list("TargetGroupArns"), given.list("Names"));
    let balancer = given.text("LoadBalancerArn");
    let state = &world.balancers;
    for arn in &arns {
        state.target_group(arn)?;
    }
    if let Some(arn) = balancer {
        state.balancer(arn)?;
    }
    for name in &names {
        if !state.target_groups.values().any(|group| group.name == *name) {
            let message = "One or more target groups not found";
            return Err(Problem::new("TargetGroupNotFound", message));
        }
    }
    let all = state.target_groups.values().filter(|it| {
        (arns.is_empty() || arns.contains(&it.arn))
            && (names.is_empty() || names.contains(&it.name))
            && balancer.is_none_or(|balancer| state.users(&it.arn).contains(&balancer))
    });
    let members = all.map(|group| group.element(&state.users(&group.arn))).collect();
    answer(call, "TargetGroups", members)
}

/// DescribeTags, of at most twenty things of any kind.
pub(super) fn tags(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arns = call.parameters.list("ResourceArns");
    if arns.is_empty() || arns.len() > 20 {
        let message = "Between 1 and 20 resources must be specified";
        return Err(Problem::new("ValidationError", message));
    }
    let mut members = Vec::new();
    for arn in &arns {
        let tags = if arn.contains(":targetgroup/") {
            &world.balancers.target_group(arn)?.tags
        } else if arn.contains(":listener/") {
            &world.balancers.listener(arn)?.tags
        } else {
            &world.balancers.balancer(arn)?.tags
        };
        let tags = tags.iter();
        let tags =
            tags.map(|(key, value)| Element::new("member").text("Key", key).text("Value", value));
        members.push(Element::new("member").text("ResourceArn", arn).list("Tags", tags));
    }
    Ok(vec![Element::new("TagDescriptions").children(members)])
}

fn answer(call: &Call, name: &str, members: Vec<Element>) -> Result<Vec<Element>, Problem> {
    let (members, next) = page(call, members, ("Marker", "PageSize"), 400)?;
    let mut answer = vec![Element::new(name).children(members)];
    answer.extend(next.map(|next| Element::of("NextMarker", next)));
    Ok(answer)
}

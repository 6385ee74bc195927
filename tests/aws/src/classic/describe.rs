//! The descriptions.

use super::{Classic, find};
use crate::api::Call;
use crate::page::page;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// DescribeLoadBalancers: all, or some by name.
pub(super) fn balancers(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let names = call.parameters.list("LoadBalancerNames");
    for name in &names {
        find(&world.classics, name)?;
    }
    let wanted = |it: &&Classic| names.is_empty() || names.contains(&it.name);
    let all = world.classics.values().filter(wanted);
    let members = all.map(|classic| classic.element(&world.cloud)).collect();
    let (members, next) = page(call, members, ("Marker", "PageSize"), 400)?;
    let mut answer = vec![Element::new("LoadBalancerDescriptions").children(members)];
    answer.extend(next.map(|next| Element::of("NextMarker", next)));
    Ok(answer)
}

/// DescribeLoadBalancerPolicies of one balancer.
pub(super) fn policies(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let classic = find(&world.classics, call.parameters.need("LoadBalancerName")?)?;
    let names = call.parameters.list("PolicyNames");
    if let Some(name) = names.iter().find(|name| !classic.policies.contains_key(*name)) {
        let message =
            format!("There is no policy with name {name} for load balancer {}", classic.name);
        return Err(Problem::new("PolicyNotFound", message));
    }
    let all = classic.policies.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let members = all.map(|(name, (kind, attributes))| {
        let attributes = attributes.iter().map(|(key, value)| {
            Element::new("member").text("AttributeName", key).text("AttributeValue", value)
        });
        Element::new("member")
            .text("PolicyName", name)
            .text("PolicyTypeName", kind)
            .list("PolicyAttributeDescriptions", attributes)
    });
    Ok(vec![Element::new("PolicyDescriptions").children(members)])
}

/// DescribeTags of at most twenty balancers.
pub(super) fn tags(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let names = call.parameters.list("LoadBalancerNames");
    if names.is_empty() || names.len() > 20 {
        let message = "Between 1 and 20 load balancers must be specified";
        return Err(Problem::new("ValidationError", message));
    }
    let mut members = Vec::new();
    for name in &names {
        let tags = find(&world.classics, name)?.tags.iter();
        let tags =
            tags.map(|(key, value)| Element::new("member").text("Key", key).text("Value", value));
        members.push(Element::new("member").text("LoadBalancerName", name).list("Tags", tags));
    }
    Ok(vec![Element::new("TagDescriptions").children(members)])
}

//! Attributes: read and set.

use super::attributes::{BALANCER, DRAINING, LISTENER, TARGET_GROUP, TERMINATION, changed};
use crate::api::Call;
use crate::ec2::Tags;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// DescribeLoadBalancerAttributes.
pub(super) fn balancer(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let balancer = world.balancers.balancer(call.parameters.need("LoadBalancerArn")?)?;
    Ok(shown(&balancer.attributes))
}

/// DescribeListenerAttributes.
pub(super) fn listener(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let listener = world.balancers.listener(call.parameters.need("ListenerArn")?)?;
    Ok(shown(&listener.attributes))
}

/// DescribeTargetGroupAttributes.
pub(super) fn target_group(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let group = world.balancers.target_group(call.parameters.need("TargetGroupArn")?)?;
    Ok(shown(&group.attributes))
}

/// ModifyLoadBalancerAttributes.
pub(super) fn set_balancer(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arn = call.parameters.need("LoadBalancerArn")?;
    let old = &world.balancers.balancer(arn)?.attributes;
    let new = changed(&BALANCER, old, &wanted(&call.parameters)?)?;
    let number = |tags: &Tags| {
        let text = tags.get("secondary_ips.auto_assigned.per_subnet");
        text.and_then(|text| text.parse::<u8>().ok()).unwrap_or(0)
    };
    if number(&new) < number(old) {
        let message = "The number of secondary addresses can not be decreased";
        return Err(Problem::new("InvalidConfigurationRequest", message));
    }
    if let Some(balancer) = world.balancers.balancers.get_mut(arn) {
        balancer.attributes.clone_from(&new);
    }
    Ok(shown(&new))
}

/// ModifyListenerAttributes; only those of TCP have any that can be set.
pub(super) fn set_listener(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arn = call.parameters.need("ListenerArn")?;
    let listener = world.balancers.listener(arn)?;
    if listener.protocol != "TCP" {
        let message = format!(
            "The listener attribute is not supported for the protocol '{}'",
            listener.protocol
        );
        return Err(Problem::new("InvalidConfigurationRequest", message));
    }
    let new = changed(&LISTENER, &listener.attributes, &wanted(&call.parameters)?)?;
    if let Some(listener) = world.balancers.listeners.get_mut(arn) {
        listener.attributes.clone_from(&new);
    }
    Ok(shown(&new))
}

/// ModifyTargetGroupAttributes.
pub(super) fn set_target_group(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let arn = call.parameters.need("TargetGroupArn")?;
    let group = world.balancers.target_group(arn)?;
    let new = changed(&TARGET_GROUP, &group.attributes, &wanted(&call.parameters)?)?;
    let is = |name: &str, value: &str| new.get(name).is_some_and(|it| it == value);
    if is(TERMINATION, "true") && !is(DRAINING, "0") {
        let message = format!("'{DRAINING}' can only be configured when '{TERMINATION}' is false");
        return Err(Problem::new("InvalidConfigurationRequest", message));
    }
    if let Some(group) = world.balancers.target_groups.get_mut(arn) {
        group.attributes.clone_from(&new);
    }
    Ok(shown(&new))
}

fn wanted(given: &Parameters) -> Result<Vec<(String, String)>, Problem> {
    let attributes = given.structures("Attributes");
    if attributes.is_empty() {
        return Err(Problem::missing(crate::api::Service::Balancing, "attributes"));
    }
    let pair = |it: Parameters| {
        let value = it.text("Value").unwrap_or_default().to_owned();
        Ok((it.need("Key")?.to_owned(), value))
    };
    attributes.into_iter().map(pair).collect()
}

fn shown(attributes: &Tags) -> Vec<Element> {
    let members = attributes.iter();
    let members =
        members.map(|(key, value)| Element::new("member").text("Key", key).text("Value", value));
    vec![Element::new("Attributes").children(members)]
}

//! Attributes: time-outs and zones.

use super::{Classic, find};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// DescribeLoadBalancerAttributes.
pub(super) fn describe(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    Ok(vec![shown(find(&world.classics, call.parameters.need("LoadBalancerName")?)?)])
}

/// ModifyLoadBalancerAttributes.
pub(super) fn modify(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let name = call.parameters.need("LoadBalancerName")?;
    let mut classic = find(&world.classics, name)?.clone();
    let wanted = call.parameters.structure("LoadBalancerAttributes");
    if !call.parameters.has("LoadBalancerAttributes") {
        return Err(Problem::missing(call.service, "LoadBalancerAttributes"));
    }
    if let Some(idle) = wanted.structure("ConnectionSettings").value::<u32>("IdleTimeout")? {
        // The console says 4,000; the API does not take that.
        if !(1..=3600).contains(&idle) {
            return Err(Problem::new(
                "ValidationError",
                format_args!(
                    "1 validation error detected: Value '{idle}' at \
                     'loadBalancerAttributes.connectionSettings.idleTimeout' failed to satisfy \
                     constraint: Member must have value between 1 and 3600"
                ),
            ));
        }
        classic.idle_timeout = idle;
    }
    if let Some(enabled) = wanted.structure("CrossZoneLoadBalancing").value("Enabled")? {
        classic.cross_zone = enabled;
    }
    let draining = wanted.structure("ConnectionDraining");
    let timeout = draining.value::<u32>("Timeout")?;
    if timeout.is_some_and(|timeout| !(1..=3600).contains(&timeout)) {
        let message = "ConnectionDraining.Timeout must be between 1 and 3600";
        return Err(Problem::new("ValidationError", message));
    }
    if let Some(enabled) = draining.value::<bool>("Enabled")? {
        let seconds = timeout.or(classic.draining).unwrap_or(300);
        classic.draining = enabled.then_some(seconds);
    }
    let attributes = shown(&classic);
    let name = Element::of("LoadBalancerName", &classic.name);
    world.classics.insert(classic.name.clone(), classic);
    Ok(vec![name, attributes])
}

fn shown(classic: &Classic) -> Element {
    let draining = Element::new("ConnectionDraining")
        .text("Enabled", classic.draining.is_some())
        .text("Timeout", classic.draining.unwrap_or(300));
    let mode = Element::new("member")
        .text("Key", "elb.http.desyncmitigationmode")
        .text("Value", "defensive");
    Element::new("LoadBalancerAttributes")
        .child(Element::new("CrossZoneLoadBalancing").text("Enabled", classic.cross_zone))
        .child(Element::new("AccessLog").text("Enabled", false))
        .child(draining)
        .child(Element::new("ConnectionSettings").text("IdleTimeout", classic.idle_timeout))
        .list("AdditionalAttributes", [mode])
}

//! ModifyNetworkInterfaceAttribute: the groups, and the time-out of idle flows.

use super::{group, quota};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// Sets one attribute; groups are those that it shall have, not those to add.
pub(super) fn modify(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let id = given.need("NetworkInterfaceId")?;
    let interface = world.cloud.interfaces.get(id).ok_or_else(|| {
        let message = format!("The networkInterface ID '{id}' does not exist");
        Problem::new("InvalidNetworkInterfaceID.NotFound", message)
    })?;
    let ids = given.list("SecurityGroupId");
    let groups =
        ids.iter().map(|id| group::find(&world.cloud, id)).collect::<Result<Vec<_>, _>>()?;
    if groups.iter().any(|group| group.vpc != interface.vpc) {
        let message = "You have specified two resources that belong to different networks.";
        return Err(Problem::new("InvalidParameterValue", message));
    }
    quota::check_interface(&world.cloud, &groups)?;
    let tracking = given.structure("ConnectionTrackingSpecification");
    let timeout = tracking.value::<u32>("TcpEstablishedTimeout")?;
    if let Some(timeout) = timeout.filter(|timeout| !(60..=432_000).contains(timeout)) {
        let message = format!("Invalid value '{timeout}' for TcpEstablishedTimeout: 60 to 432000");
        return Err(Problem::new("InvalidParameterValue", message));
    }
    if groups.is_empty() && timeout.is_none() {
        let message = "No attributes specified.";
        return Err(Problem::new("InvalidParameterCombination", message));
    }
    if let Some(interface) = world.cloud.interfaces.get_mut(id) {
        if !ids.is_empty() {
            interface.groups = ids;
        }
        interface.tcp_established_timeout = timeout.or(interface.tcp_established_timeout);
    }
    Ok(vec![Element::of("return", true)])
}

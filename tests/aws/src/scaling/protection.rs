//! SetInstanceProtection.

use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// Protects members from being chosen when the group becomes smaller, or does so no longer; at most fifty at once.
pub(super) fn set(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let name = given.need("AutoScalingGroupName")?;
    given.need("ProtectedFromScaleIn")?;
    let protected = given.value::<bool>("ProtectedFromScaleIn")?.unwrap_or(false);
    let ids = given.list("InstanceIds");
    if ids.is_empty() || ids.len() > 50 {
        let message = "Between 1 and 50 instances must be specified";
        return Err(Problem::new("ValidationError", message));
    }
    let group = super::describe::find(&world.scaling, name)?;
    for id in &ids {
        let Some(member) = group.members.get(id) else {
            let message = format!("The instance {id} is not part of Auto Scaling group {name}.");
            return Err(Problem::new("ValidationError", message));
        };
        if member.state != "InService" {
            let message = format!("The instance {id} is not in InService.");
            return Err(Problem::new("ValidationError", message));
        }
    }
    let group = world.scaling.get_mut(name);
    let members = group.into_iter().flat_map(|group| &mut group.members);
    for (_, member) in members.filter(|(id, _)| ids.contains(id)) {
        member.protected = protected;
    }
    Ok(Vec::new())
}

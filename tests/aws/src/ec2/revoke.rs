//! RevokeSecurityGroupIngress and RevokeSecurityGroupEgress.

use super::permission::permissions;
use super::{Rule, group, show};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// Takes inbound rules away, by their ids or by what they say.
pub(super) fn ingress(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    revoke(world, call, false)
}

/// Outbound ones.
pub(super) fn egress(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    revoke(world, call, true)
}

fn revoke(world: &mut World, call: &Call, egress: bool) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let ids = given.list("SecurityGroupRuleId");
    let by_permission = given.has("IpPermissions");
    if !ids.is_empty() && by_permission {
        let message =
            "The parameters IpPermissions and SecurityGroupRuleIds can not be used together";
        return Err(Problem::new("InvalidParameterCombination", message));
    }
    let group = group::find(&world.cloud, given.need("GroupId")?)?;
    let id = group.id.clone();
    let candidates = group.rules.iter().filter(|rule| rule.egress == egress);
    let (mut gone, mut unknown): (Vec<Rule>, Vec<Rule>) = (Vec::new(), Vec::new());
    if by_permission {
        for rule in permissions(given, &world.cloud)? {
            let rule = Rule { egress, ..rule };
            let twin = group.rules.iter().find(|twin| twin.is_same(&rule));
            match twin {
                Some(twin) => gone.push(twin.clone()),
                None => unknown.push(rule),
            }
        }
    } else if ids.is_empty() {
        return Err(Problem::missing(call.service, "SecurityGroupRuleId"));
    } else {
        for id in &ids {
            let rule = candidates.clone().find(|rule| rule.id == *id);
            gone.push(rule.ok_or_else(|| not_found(id))?.clone());
        }
    }
    let default = world.cloud.vpcs.get(&group.vpc).is_some_and(|vpc| vpc.default);
    if !unknown.is_empty() && !default {
        let message = "The specified rule does not exist in this security group.";
        return Err(Problem::new("InvalidPermission.NotFound", message));
    }
    if let Some(group) = world.cloud.groups.get_mut(&id) {
        group.rules.retain(|rule| !gone.iter().any(|other| other.id == rule.id));
    }
    let revoked = gone.iter().map(|rule| show::revoked(&id, rule));
    let mut answer = vec![
        Element::of("return", true),
        Element::new("revokedSecurityGroupRuleSet").children(revoked),
    ];
    if !unknown.is_empty() {
        let unknown = show::permissions(world, &unknown);
        answer.push(Element::new("unknownIpPermissionSet").children(unknown));
    }
    Ok(answer)
}

/// There is no rule of that id in the group.
pub(super) fn not_found(id: &str) -> Problem {
    let message = format!("The security group rule ID '{id}' does not exist");
    Problem::new("InvalidSecurityGroupRuleId.NotFound", message)
}

//! ModifySecurityGroupRules.

use std::mem::discriminant;

use super::authorize::duplicate;
use super::permission::{description, only_source, traffic};
use super::revoke::not_found;
use super::{Rule, group, quota};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// Changes rules in place, all or none; they keep their ids and their tags.
pub(super) fn modify(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let group = group::find(&world.cloud, given.need("GroupId")?)?;
    let (id, mut rules) = (group.id.clone(), group.rules.clone());
    let updates = given.structures("SecurityGroupRule");
    if updates.is_empty() {
        return Err(Problem::missing(call.service, "SecurityGroupRule"));
    }
    for update in updates {
        let wanted = update.need("SecurityGroupRuleId")?;
        let place = rules.iter().position(|rule| rule.id == wanted);
        let place = place.ok_or_else(|| not_found(wanted))?;
        let request = update.structure("SecurityGroupRule");
        let (protocol, ports) = traffic(&request)?;
        let source = only_source(&request, &world.cloud)?;
        let description = description(&request)?;
        let Some(rule) = rules.get_mut(place) else { return Err(not_found(wanted)) };
        if discriminant(&rule.source) != discriminant(&source) {
            // Whether AWS allows it is not known here; nobody should depend on it.
            let message = "The kind of the source of a rule can not be modified";
            return Err(Problem::new("InvalidParameterValue", message));
        }
        *rule = Rule { protocol, ports, source, description, ..rule.clone() };
    }
    for (number, rule) in rules.iter().enumerate() {
        if rules.iter().take(number).any(|other| other.is_same(rule)) {
            return Err(duplicate(rule));
        }
    }
    quota::check(&world.cloud, &rules)?;
    if let Some(group) = world.cloud.groups.get_mut(&id) {
        group.rules = rules;
    }
    Ok(vec![Element::of("return", true)])
}

//! AuthorizeSecurityGroupIngress.

use super::permission::permissions;
use super::{Rule, group, quota, show, tags};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// Adds rules, all or none.
pub(super) fn authorize(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let found = group::find(&world.cloud, given.need("GroupId")?)?;
    let (id, known) = (found.id.clone(), found.rules.clone());
    let tags = tags::specified(given, "security-group-rule")?;
    let mut added = permissions(given, &world.cloud)?;
    for rule in &mut added {
        if let Some(twin) = known.iter().find(|twin| twin.is_same(rule)) {
            return Err(duplicate(twin));
        }
        rule.id = format!("sgr-{}", world.chance.hex(17));
        rule.tags.clone_from(&tags);
    }
    let all: Vec<_> = known.into_iter().chain(added.clone()).collect();
    quota::check(&world.cloud, &all)?;
    if let Some(group) = world.cloud.groups.get_mut(&id) {
        group.rules = all;
    }
    let shown = added.iter().map(|rule| show::rule(world, &id, rule));
    let rules = Element::new("securityGroupRuleSet").children(shown);
    Ok(vec![Element::of("return", true), rules])
}

/// There is such a rule.
pub(super) fn duplicate(rule: &Rule) -> Problem {
    let ports = rule.ports.map(|(from, to)| format!(", from port: {from}, to port: {to}"));
    let message = format!(
        "the specified rule \"peer: {}, {}{}, ALLOW\" already exists",
        show::source(&rule.source),
        rule.protocol.to_ascii_uppercase(),
        ports.unwrap_or_default()
    );
    Problem::new("InvalidPermission.Duplicate", message)
}

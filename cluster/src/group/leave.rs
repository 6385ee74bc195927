//! What is done when the last node of a pool goes for good.

use super::change::{Change, Plan, Remove};
use super::state::State;
use super::want::Scope;

/// Removes the pool's rules, but for those that others may use by now: of groups that interfaces have which are no
/// node's, or which rules of other groups name. Groups stay: launch templates may name them, which nobody can see
/// from here, and would start no instance without.
///
/// Only for the last node, and not for a restart: the rules are the pool's.
pub fn leave(state: &State, scope: &Scope) -> Plan {
    let mut plan = Plan::default();
    let own = |group: &str| {
        let rules = state.rules.iter().filter(|rule| !rule.outbound && rule.group == group);
        rules.filter(|rule| rule.pool() == Some(&scope.pool)).collect::<Vec<_>>()
    };
    for group in &state.groups {
        let rules = own(&group.id);
        let title = state.title(&group.id);
        let strangers = state.interfaces.iter().filter(|interface| interface.serves.is_empty());
        let stranger = strangers.clone().find(|interface| interface.groups.contains(&group.id));
        if let (Some(stranger), false) = (stranger, rules.is_empty()) {
            plan.notes
                .push(format!("{title} is also of {}, no node's: its rules stay", stranger.id));
            continue;
        }
        if let (Some(other), false) = (group.named_by.first(), rules.is_empty()) {
            plan.notes.push(format!("{title} is named by rules of {other}: its rules stay"));
            continue;
        }
        for rule in rules {
            if scope.busy && rule.reach.source.is_everybody() {
                plan.notes.push(deferred(&rule.id, &title));
                continue;
            }
            plan.changes.push(Change::Remove(Remove {
                group: group.id.clone(),
                title: title.clone(),
                rule: rule.id.clone(),
                reach: rule.reach.clone(),
                why: "the last node of the pool leaves",
            }));
        }
        if group.pool() == Some(&scope.pool) {
            plan.notes.push(format!(
                "{title} stays, as launch templates may name it; otherwise: aws ec2 \
                 delete-security-group --group-id {}",
                group.id
            ));
        }
    }
    plan
}

/// Of a rule that has to wait.
pub(super) fn deferred(rule: &str, title: &str) -> String {
    format!(
        "{rule} in {title} stays as it is while transfers run: without it they could end at once"
    )
}

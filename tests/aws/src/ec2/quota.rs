//! How many rules and groups there may be.

use super::{Cloud, Group, Rule, Source};
use crate::problem::Problem;

/// Inbound rules of a group, those of IPv4 and of IPv6 counted apart.
pub(super) const RULES_MAX: u32 = 60;
/// Groups of an interface.
pub(super) const GROUPS_MAX: usize = 5;
/// Rules of all groups of an interface.
const RULES_PER_INTERFACE: u32 = 1000;

/// Whether a group with these rules is within the quota.
pub(super) fn check(cloud: &Cloud, rules: &[Rule]) -> Result<(), Problem> {
    let (v4, v6) = count(cloud, rules);
    if v4.max(v6) > RULES_MAX {
        let message = "The maximum number of rules per security group has been reached.";
        return Err(Problem::new("RulesPerSecurityGroupLimitExceeded", message));
    }
    Ok(())
}

/// Inbound rules by family. A list counts as much as it may grow; a group counts in both.
fn count(cloud: &Cloud, rules: &[Rule]) -> (u32, u32) {
    let mut counts = (0, 0);
    for rule in rules.iter().filter(|rule| !rule.egress) {
        match &rule.source {
            Source::V4(_) => counts.0 += 1,
            Source::V6(_) => counts.1 += 1,
            Source::List(id) => match cloud.lists.get(id) {
                Some(list) if list.ipv6 => counts.1 += list.weight,
                Some(list) => counts.0 += list.weight,
                None => {}
            },
            Source::Group(_) => {
                counts.0 += 1;
                counts.1 += 1;
            }
        }
    }
    counts
}

/// Whether an interface can have these groups.
pub(super) fn check_interface(cloud: &Cloud, groups: &[&Group]) -> Result<(), Problem> {
    if groups.len() > GROUPS_MAX {
        let message = "You have exceeded the maximum number of security groups allowed per network \
                       interface.";
        return Err(Problem::new("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    let rules = groups.iter().map(|group| {
        let (v4, v6) = count(cloud, &group.rules);
        v4.max(v6)
    });
    if rules.sum::<u32>() > RULES_PER_INTERFACE {
        let message = "The maximum number of rules per network interface has been reached.";
        return Err(Problem::new("RulesPerSecurityGroupLimitExceeded", message));
    }
    Ok(())
}

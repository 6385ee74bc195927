//! The actions of Auto Scaling.

use super::{describe, hook, protection};
use crate::api::Action;

/// The action of a name.
pub(crate) fn action(name: &str) -> Option<Action> {
    Some(match name {
        "CompleteLifecycleAction" => hook::complete,
        "DescribeAutoScalingGroups" => describe::groups,
        "DescribeAutoScalingInstances" => describe::instances,
        "DescribeLifecycleHooks" => describe::hooks,
        "RecordLifecycleActionHeartbeat" => hook::heartbeat,
        "SetInstanceProtection" => protection::set,
        _ => return None,
    })
}

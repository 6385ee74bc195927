//! The actions of version 2.

use super::{describe, health, listener, modify, target_group, targets};
use crate::api::Action;

/// The action of a name.
pub(crate) fn action(name: &str) -> Option<Action> {
    Some(match name {
        "CreateListener" => listener::create,
        "CreateTargetGroup" => target_group::create,
        "DeleteListener" => listener::delete,
        "DeleteTargetGroup" => target_group::delete,
        "DeregisterTargets" => targets::deregister,
        "DescribeListenerAttributes" => modify::listener,
        "DescribeListeners" => describe::listeners,
        "DescribeLoadBalancerAttributes" => modify::balancer,
        "DescribeLoadBalancers" => describe::balancers,
        "DescribeTags" => describe::tags,
        "DescribeTargetGroupAttributes" => modify::target_group,
        "DescribeTargetGroups" => describe::target_groups,
        "DescribeTargetHealth" => health::describe,
        "ModifyListenerAttributes" => modify::set_listener,
        "ModifyLoadBalancerAttributes" => modify::set_balancer,
        "ModifyTargetGroup" => target_group::modify,
        "ModifyTargetGroupAttributes" => modify::set_target_group,
        "RegisterTargets" => targets::register,
        _ => return None,
    })
}

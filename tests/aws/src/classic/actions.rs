//! The actions of version 1.

use super::{attributes, describe, instances};
use crate::api::Action;

/// The action of a name.
pub(crate) fn action(name: &str) -> Option<Action> {
    Some(match name {
        "DeregisterInstancesFromLoadBalancer" => instances::deregister,
        "DescribeInstanceHealth" => instances::health,
        "DescribeLoadBalancerAttributes" => attributes::describe,
        "DescribeLoadBalancerPolicies" => describe::policies,
        "DescribeLoadBalancers" => describe::balancers,
        "DescribeTags" => describe::tags,
        "ModifyLoadBalancerAttributes" => attributes::modify,
        "RegisterInstancesWithLoadBalancer" => instances::register,
        _ => return None,
    })
}

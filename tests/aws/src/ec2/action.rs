//! The actions of EC2.

use super::{acl, attribute, authorize, describe, group, kind, list, modify, revoke, tags};
use crate::api::Action;

/// The action of a name.
pub(crate) fn action(name: &str) -> Option<Action> {
    Some(match name {
        "AuthorizeSecurityGroupIngress" => authorize::authorize,
        "CreateSecurityGroup" => group::create,
        "CreateTags" => tags::create,
        "DeleteSecurityGroup" => group::delete,
        "DeleteTags" => tags::delete,
        "DescribeNetworkAcls" => acl::describe,
        "DescribeInstances" => describe::instances,
        "DescribeInstanceTypes" => kind::describe,
        "DescribeManagedPrefixLists" => list::describe,
        "DescribeNetworkInterfaces" => describe::interfaces,
        "DescribeSecurityGroupRules" => describe::rules,
        "DescribeSecurityGroups" => describe::groups,
        "DescribeSubnets" => describe::subnets,
        "DescribeVpcs" => describe::vpcs,
        "ModifyNetworkInterfaceAttribute" => attribute::modify,
        "ModifySecurityGroupRules" => modify::modify,
        "RevokeSecurityGroupEgress" => revoke::egress,
        "RevokeSecurityGroupIngress" => revoke::ingress,
        _ => return None,
    })
}

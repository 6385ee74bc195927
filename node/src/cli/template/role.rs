//! The role of the nodes.

use serde_json::json;

use super::document::{Document, reference};
use super::{Fleet, secret};
use crate::cli::iam;

/// Adds it: what `flotilla gen iam` prints for this configuration, and beside it what an instance needs to become a
/// node.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    document.limited(
        "SessionManager",
        "String",
        Some(json!("no")),
        "Whether operators come to the nodes by Session Manager, to look after users for instance.",
        json!({ "AllowedValues": ["yes", "no"] }),
    );
    document.condition(
        "HasSessionManager",
        json!({ "Fn::Equals": [reference("SessionManager"), "yes"] }),
    );
    let manager = json!({
        "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore",
    });
    document.resource(
        "Role",
        "AWS::IAM::Role",
        json!({
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "ec2.amazonaws.com" },
                    "Action": "sts:AssumeRole",
                }],
            },
            "ManagedPolicyArns": [
                { "Fn::If": ["HasSessionManager", manager, reference("AWS::NoValue")] },
            ],
            "Policies": [
                { "PolicyName": SERVE, "PolicyDocument": iam::policy(&fleet.config) },
                { "PolicyName": "flotilla-start", "PolicyDocument": start(fleet) },
            ],
            "Tags": document.tags(),
        }),
    );
    document.resource(
        "Profile",
        "AWS::IAM::InstanceProfile",
        json!({ "Roles": [reference("Role")] }),
    );
}

/// What is fetched before the service starts. A program that comes over HTTPS needs no permission, and its address
/// is no bucket's.
fn start(fleet: &Fleet) -> serde_json::Value {
    let place = json!({ "Fn::Select": [1, { "Fn::Split": ["://", reference("Program")] }] });
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "FlotillaSecrets",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": secret::all(fleet),
            },
            {
                "Sid": "FlotillaProgram",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": {
                    "Fn::Sub": ["arn:${AWS::Partition}:s3:::${Place}", { "Place": place }],
                },
            },
        ],
    })
}

/// The name of the policy by which the service works.
pub(super) const SERVE: &str = "flotilla";

//! `flotilla gen iam`: the policy of the role that the nodes need for what is switched on, and nothing more.
//!
//! Any node can become the leader, so one role holds both what a node does for itself and what the leader does for
//! all; the pool's lease decides who does it, and the conditions here bound what a mistake could do. Names and
//! conditions are those of the "Service Authorization Reference".

use serde_json::{Value, json};

use crate::config::{Aws, BalancerSource, Config};

/// The document, as it is attached to the role: for what is switched on.
pub(super) fn policy(config: &Config) -> Value {
    let aws = &config.aws;
    let place = Place::of(aws);
    let pool = config.pool.name.as_str();
    let mut statements = vec![look()];
    if let Some(name) = aws.dns_name.as_ref() {
        let names = [Some(name), aws.dns_sftp_name.as_ref()];
        let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
        statements.extend(records(aws, &place, &names));
        statements.extend(checks(&place));
    }
    if aws.security_groups {
        statements.extend(groups(&place, pool));
    }
    if aws.balancer != BalancerSource::Off {
        statements.push(balancers_seen());
        if aws.balancer_changes {
            statements.push(balancers_changed(&place, pool));
        }
    }
    if aws.lifecycle || aws.protect {
        statements.extend(scaling(aws, &place, pool));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Where the resources are.
struct Place {
    partition: &'static str,
    region: String,
}

impl Place {
    fn of(aws: &Aws) -> Self {
        let region = aws.region.clone().unwrap_or_else(|| "*".to_owned());
        let partition = match &region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self { partition, region }
    }

    /// A resource of a service with regions, in whatever account the role is.
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:*:{resource}", self.partition, self.region)
    }

    /// One of a service that is the same everywhere.
    fn global(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:::{resource}", self.partition)
    }
}

/// What a node reads of itself and its pool; these calls know no resources.
fn look() -> Value {
    json!({
        "Sid": "FlotillaLooks",
        "Effect": "Allow",
        "Action": [
            "ec2:DescribeInstances",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeNetworkInterfaces",
        ],
        "Resource": "*",
    })
}

fn records(aws: &Aws, place: &Place, names: &[&str]) -> [Value; 3] {
    let zone = match &aws.dns_zone {
        Some(zone) if !zone.contains('.') => zone.trim_start_matches("/hostedzone/"),
        _ => "*",
    };
    // Shards of a large pool and regions have names of their own below the pool's.
    let below = names.iter().map(|name| format!("*.{name}"));
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).chain(below).collect();
    let zone = place.global("route53", &format!("hostedzone/{zone}"));
    [
        json!({
            "Sid": "FlotillaRecords",
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": zone,
            "Condition": {
                "ForAllValues:StringLike": {
                    "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
                },
                "ForAllValues:StringEquals": {
                    "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA"],
                },
            },
        }),
        json!({
            "Sid": "FlotillaZone",
            "Effect": "Allow",
            "Action": ["route53:GetHostedZone", "route53:ListResourceRecordSets"],
            "Resource": zone,
        }),
        json!({
            "Sid": "FlotillaZones",
            "Effect": "Allow",
            "Action": ["route53:GetChange", "route53:ListHostedZonesByName"],
            "Resource": "*",
        }),
    ]
}

/// Route 53 knows no tags in conditions here: what keeps others' checks safe is the tag that is looked at.
fn checks(place: &Place) -> [Value; 2] {
    [
        json!({
            "Sid": "FlotillaHealthChecks",
            "Effect": "Allow",
            "Action": ["route53:CreateHealthCheck", "route53:ListHealthChecks"],
            "Resource": "*",
        }),
        json!({
            "Sid": "FlotillaOwnHealthChecks",
            "Effect": "Allow",
            "Action": [
                "route53:ChangeTagsForResource",
                "route53:DeleteHealthCheck",
                "route53:ListTagsForResources",
                "route53:UpdateHealthCheck",
            ],
            "Resource": place.global("route53", "healthcheck/*"),
        }),
    ]
}

fn groups(place: &Place, pool: &str) -> [Value; 6] {
    let group = place.arn("ec2", "security-group/*");
    let rule = place.arn("ec2", "security-group-rule/*");
    [
        json!({
            "Sid": "FlotillaGroupsSeen",
            "Effect": "Allow",
            "Action": [
                "ec2:DescribeManagedPrefixLists",
                "ec2:DescribeSecurityGroupRules",
                "ec2:DescribeSecurityGroups",
            ],
            "Resource": "*",
        }),
        json!({
            "Sid": "FlotillaGroupsMade",
            "Effect": "Allow",
            "Action": "ec2:CreateSecurityGroup",
            "Resource": [group, place.arn("ec2", "vpc/*")],
        }),
        json!({
            "Sid": "FlotillaTags",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": [group, rule],
            "Condition": {
                "StringEquals": {
                    "aws:RequestTag/flotilla:pool": pool,
                    "ec2:CreateAction": ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress"],
                },
            },
        }),
        json!({
            "Sid": "FlotillaRules",
            "Effect": "Allow",
            "Action": [
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:ModifySecurityGroupRules",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
            ],
            "Resource": group,
            "Condition": { "StringEquals": { "aws:ResourceTag/flotilla:pool": pool } },
        }),
        // A rule has no tags before it is made.
        json!({
            "Sid": "FlotillaRulesMade",
            "Effect": "Allow",
            "Action": ["ec2:AuthorizeSecurityGroupIngress", "ec2:ModifySecurityGroupRules"],
            "Resource": rule,
        }),
        // Neither the interface nor its other groups bear the pool's tag.
        json!({
            "Sid": "FlotillaGroupsAttached",
            "Effect": "Allow",
            "Action": "ec2:ModifyNetworkInterfaceAttribute",
            "Resource": [group, place.arn("ec2", "network-interface/*")],
        }),
    ]
}

fn balancers_seen() -> Value {
    json!({
        "Sid": "FlotillaBalancersSeen",
        "Effect": "Allow",
        "Action": [
            "elasticloadbalancing:DescribeInstanceHealth",
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeLoadBalancerPolicies",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ],
        "Resource": "*",
    })
}

fn balancers_changed(place: &Place, pool: &str) -> Value {
    json!({
        "Sid": "FlotillaBalancers",
        "Effect": "Allow",
        "Action": [
            "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:ModifyListenerAttributes",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
            "elasticloadbalancing:RegisterTargets",
        ],
        "Resource": [
            place.arn("elasticloadbalancing", "listener/net/*"),
            place.arn("elasticloadbalancing", "loadbalancer/*"),
            place.arn("elasticloadbalancing", "targetgroup/*"),
        ],
        "Condition": { "StringEquals": { "aws:ResourceTag/flotilla:pool": pool } },
    })
}

fn scaling(aws: &Aws, place: &Place, pool: &str) -> [Value; 2] {
    let mut actions = Vec::new();
    if aws.lifecycle {
        actions.extend([
            "autoscaling:CompleteLifecycleAction",
            "autoscaling:RecordLifecycleActionHeartbeat",
        ]);
    }
    if aws.protect {
        actions.push("autoscaling:SetInstanceProtection");
    }
    [
        json!({
            "Sid": "FlotillaScalingSeen",
            "Effect": "Allow",
            "Action": [
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLifecycleHooks",
            ],
            "Resource": "*",
        }),
        json!({
            "Sid": "FlotillaScaling",
            "Effect": "Allow",
            "Action": actions,
            "Resource": place.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),
            "Condition": { "StringEquals": { "aws:ResourceTag/flotilla:pool": pool } },
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    /// With all that is to come, as far as it is switched on here.
    fn configured(change: impl FnOnce(&mut Aws)) -> Value {
        let (mut config, _) = load_flags(&[]).unwrap();
        change(&mut config.aws);
        policy(&config)
    }

    fn everything(aws: &mut Aws) {
        aws.dns_name = Some("ftp.example.org".to_owned());
        aws.balancer_changes = true;
        aws.protect = true;
    }

    fn actions(change: impl FnOnce(&mut Aws)) -> Vec<String> {
        let policy = configured(change);
        let statements = policy["Statement"].as_array().unwrap().clone();
        let mut actions: Vec<String> = statements
            .iter()
            .flat_map(|statement| match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                action => vec![action.clone()],
            })
            .map(|action| action.as_str().unwrap().to_owned())
            .collect();
        actions.sort();
        actions.dedup();
        actions
    }

    fn has(actions: &[String], action: &str) -> bool {
        actions.iter().any(|of| of == action)
    }

    #[test]
    fn only_what_is_switched_on_is_allowed() {
        let off = actions(|aws| {
            aws.security_groups = false;
            aws.balancer = BalancerSource::Off;
            aws.lifecycle = false;
        });
        assert!(off.iter().all(|action| action.starts_with("ec2:Describe")));
        let built = policy(&load_flags(&[]).unwrap().0).to_string();
        assert!(built.contains("elasticloadbalancing:DescribeTargetHealth"));
        assert!(built.contains("autoscaling:CompleteLifecycleAction"));
        let usual = actions(|_| {});
        assert!(has(&usual, "ec2:AuthorizeSecurityGroupIngress"));
        assert!(!has(&usual, "route53:ChangeResourceRecordSets"));
        assert!(!has(&usual, "elasticloadbalancing:RegisterTargets"));
        assert!(!has(&usual, "autoscaling:SetInstanceProtection"));
        let all = actions(everything);
        for action in [
            "route53:ChangeResourceRecordSets",
            "elasticloadbalancing:RegisterTargets",
            "autoscaling:SetInstanceProtection",
        ] {
            assert!(has(&all, action), "{action}");
        }
    }

    /// Those that are called and counted, and no others but one: a group is made with its tags, which takes an action that
    /// nobody calls.
    #[test]
    fn what_is_called_is_allowed_and_nothing_else() {
        let mut called = flotilla_cluster::aws::calls::ACTIONS.to_vec();
        called.push("ec2:CreateTags");
        called.sort_unstable();
        assert_eq!(actions(everything), called);
    }

    /// What changes something is bound to the pool's tag, its names, or what it is made of.
    #[test]
    fn no_change_is_allowed_everywhere() {
        let policy = configured(|aws| {
            everything(aws);
            aws.region = Some("cn-north-1".to_owned());
        });
        for statement in policy["Statement"].as_array().unwrap() {
            let text = statement.to_string();
            let reads = |action: &str| {
                ["Describe", "List", "Get", "CreateHealthCheck"]
                    .iter()
                    .any(|of| action.contains(of))
            };
            let actions = statement["Action"].as_array().cloned().unwrap_or_default();
            let all_read =
                !actions.is_empty() && actions.iter().all(|action| reads(action.as_str().unwrap()));
            assert!(statement["Resource"] != "*" || all_read, "{text}");
            assert!(!text.contains("arn:aws:"), "{text}");
        }
    }
}

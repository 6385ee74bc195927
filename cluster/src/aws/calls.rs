//! How often each action was called by this process, and what came of it: for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Trouble;

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; or it was a dry run that would have been.
    Ok,
    /// There were too many.
    Throttled,
    /// A permission is missing.
    Refused,
    /// There are no credentials.
    Credentials,
    /// It can not be done: what it was about is not there, is there already, or is wrong.
    Rejected,
    /// It may have been carried out.
    Unknown,
}

impl Outcome {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::Throttled,
        Self::Refused,
        Self::Credentials,
        Self::Rejected,
        Self::Unknown,
    ];

    fn of(trouble: Option<&Trouble>) -> Self {
        match trouble {
            None | Some(Trouble::DryRun) => Self::Ok,
            Some(Trouble::Throttled(_)) => Self::Throttled,
            Some(Trouble::Refused { .. }) => Self::Refused,
            Some(Trouble::Credentials(_)) => Self::Credentials,
            Some(Trouble::Missing(_) | Trouble::Duplicate(_) | Trouble::Rejected { .. }) => {
                Self::Rejected
            }
            Some(Trouble::Unknown(_)) => Self::Unknown,
        }
    }
}

/// Counts one.
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "nothing is called"))]
pub(super) fn note(action: &str, trouble: Option<&Trouble>) {
    let place = ACTIONS.iter().position(|known| *known == action);
    if let Some(count) = place.and_then(|place| cell(place, Outcome::of(trouble))) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// How often the action of this place in [`ACTIONS`] had that outcome.
pub fn count(place: usize, outcome: Outcome) -> u64 {
    cell(place, outcome).map_or(0, |count| count.load(Ordering::Relaxed))
}

fn cell(place: usize, outcome: Outcome) -> Option<&'static AtomicU64> {
    COUNTS.get(place)?.get(outcome as usize)
}

static COUNTS: [[AtomicU64; Outcome::ALL.len()]; ACTIONS.len()] =
    [const { [const { AtomicU64::new(0) }; Outcome::ALL.len()] }; ACTIONS.len()];

/// Every action that is called, as a policy names it. A test holds the sources against it.
pub const ACTIONS: [&str; 45] = [
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "autoscaling:SetInstanceProtection",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:DescribeInstances",
    "ec2:DescribeManagedPrefixLists",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:ModifySecurityGroupRules",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
    "elasticloadbalancing:DeregisterTargets",
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
    "elasticloadbalancing:ModifyListenerAttributes",
    "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
    "elasticloadbalancing:RegisterTargets",
    "route53:ChangeResourceRecordSets",
    "route53:ChangeTagsForResource",
    "route53:CreateHealthCheck",
    "route53:DeleteHealthCheck",
    "route53:GetChange",
    "route53:GetHostedZone",
    "route53:ListHealthChecks",
    "route53:ListHostedZonesByName",
    "route53:ListResourceRecordSets",
    "route53:ListTagsForResources",
    "route53:UpdateHealthCheck",
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn calls_are_counted_by_what_came_of_them() {
        let place = ACTIONS.iter().position(|action| *action == "ec2:DescribeNetworkAcls").unwrap();
        let before = Outcome::ALL.map(|outcome| count(place, outcome));
        note("ec2:DescribeNetworkAcls", None);
        note("ec2:DescribeNetworkAcls", Some(&Trouble::Throttled(String::new())));
        note("ec2:DescribeNetworkAcls", Some(&Trouble::DryRun));
        let mut expected = before;
        expected[0] += 2;
        expected[1] += 1;
        assert_eq!(Outcome::ALL.map(|outcome| count(place, outcome)), expected);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test reads the sources")]
    fn every_action_of_the_sources_is_known() {
        fn read(folder: &Path, text: &mut String) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => read(&path, text),
                    false if path.ends_with("calls.rs") || path.ends_with("tests.rs") => {}
                    false => text.push_str(&fs::read_to_string(&path).unwrap()),
                }
            }
        }
        let mut text = String::new();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for folder in ["aws", "dns"] {
            read(&sources.join(folder), &mut text);
        }
        let services = ["ec2:", "route53:", "autoscaling:", "elasticloadbalancing:"];
        let named = text.split('"').filter(|word| services.iter().any(|of| word.starts_with(of)));
        let is_action = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == ':');
        let mut seen = 0;
        for action in named.filter(is_action) {
            seen += 1;
            assert!(ACTIONS.contains(&action), "{action}");
        }
        assert!(seen > ACTIONS.len() / 2, "{seen}");
    }
}

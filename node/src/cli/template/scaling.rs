//! The Auto Scaling group: how many instances there are, which are replaced, and that one which goes is waited for.

use flotilla_cluster::lifecycle::HOOK_PREFIX;
use serde_json::{Value, json};

use super::document::{Document, attribute, reference};
use super::{Fleet, balancer, storage, subnets};

/// Adds it, and by what it grows.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    capacity(document, fleet);
    let groups = balancer::groups(fleet);
    let mut properties = json!({
        "MinSize": reference("MinSize"),
        "MaxSize": reference("MaxSize"),
        "VPCZoneIdentifier": subnets(fleet),
        "MixedInstancesPolicy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {
                    "LaunchTemplateId": reference("Machine"),
                    "Version": attribute("Machine", "LatestVersionNumber"),
                },
            },
            "InstancesDistribution": {
                "OnDemandBaseCapacity": reference("OnDemandBase"),
                "OnDemandPercentageAboveBaseCapacity": reference("OnDemandPercent"),
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
        },
        // A replacement comes before a spot instance goes.
        "CapacityRebalance": true,
        // One that drains fails the balancer's checks on purpose.
        "HealthCheckType": "EC2",
        "DefaultInstanceWarmup": 120,
        "Tags": document.inherited_tags(),
    });
    if let Some(properties) = properties.as_object_mut() {
        if !groups.is_empty() {
            properties.insert("TargetGroupARNs".to_owned(), groups.into());
        }
        if fleet.config.aws.lifecycle {
            properties.insert("LifecycleHookSpecificationList".to_owned(), json!([hook(fleet)]));
        }
    }
    document.resource_with(
        NAME,
        "AWS::AutoScaling::AutoScalingGroup",
        properties,
        json!({
            "DependsOn": storage::targets(fleet),
            "CreationPolicy": {
                "ResourceSignal": { "Count": reference("MinSize"), "Timeout": PATIENCE },
            },
            "UpdatePolicy": {
                "AutoScalingRollingUpdate": {
                    "MinInstancesInService": 1,
                    "MaxBatchSize": 1,
                    "PauseTime": PATIENCE,
                    "WaitOnResourceSignals": true,
                    "SuspendProcesses": [
                        "HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions",
                    ],
                },
            },
        }),
    );
    document.resource(
        "Growth",
        "AWS::AutoScaling::ScalingPolicy",
        json!({
            "AutoScalingGroupName": reference(NAME),
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ASGAverageCPUUtilization",
                },
                "TargetValue": reference("CpuPercent"),
            },
        }),
    );
    document.output(NAME, "Auto Scaling group of the nodes.", reference(NAME));
    balancer::name(document, fleet);
}

fn capacity(document: &mut Document, fleet: &Fleet) {
    let most = balancer::nodes_max(fleet).unwrap_or(NODES_MAX).min(NODES_MAX);
    let mut number = |name: &str, default: usize, text: &str, least: usize, most: usize| {
        let limits = json!({ "MinValue": least, "MaxValue": most });
        document.limited(name, "Number", Some(json!(default)), text, limits);
    };
    number("MinSize", 2, "Nodes at least.", 1, most);
    let text = if most < NODES_MAX {
        "Nodes at most; the balancer has no room for more targets."
    } else {
        "Nodes at most."
    };
    number("MaxSize", most.min(6), text, 2, most);
    number("OnDemandBase", 0, "Nodes that are never spot instances.", 0, most);
    let text = "Percentage of the others that are no spot instances; 100: none is.";
    number("OnDemandPercent", 100, text, 0, 100);
    number("CpuPercent", 50, "Average load of the processors that is aimed at.", 1, 100);
}

/// It waits until the node is done, which says so, and says that it is not done yet; a node that says nothing is not
/// waited for longer than once. Heartbeats can make it wait a hundred times as long.
fn hook(fleet: &Fleet) -> Value {
    let shortest = fleet.drain_s().div_ceil(100);
    json!({
        "LifecycleHookName": format!("{HOOK_PREFIX}-drain"),
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": shortest.clamp(HEARTBEAT_S, HEARTBEAT_MAX_S),
        "DefaultResult": "CONTINUE",
    })
}

/// Nodes signal to it that they have come up.
pub(super) const NAME: &str = "Fleet";
/// What is waited for a node to come up.
const PATIENCE: &str = "PT15M";
/// Far beyond what anybody needs.
const NODES_MAX: usize = 1000;
/// What is usual, and what there may be ("PutLifecycleHook").
const HEARTBEAT_S: u64 = 300;
const HEARTBEAT_MAX_S: u64 = 7200;

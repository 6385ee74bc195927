//! The Network Load Balancer, with a listener and a target group for each port.

use flotilla_cluster::balancer::{Row, TARGETS_MAX};
use serde_json::{Value, json};

use super::document::{Document, attribute, reference, sub};
use super::{Fleet, Front};
use crate::config::{Config, Mode, Proxy};

/// Adds it, if clients are to reach one.
pub(super) fn add(document: &mut Document, fleet: &Fleet) {
    let Some(listing) = &fleet.listing else { return };
    let mappings: Vec<_> = fleet.zones().map(|zone| mapping(document, zone)).collect();
    document.resource(
        "Balancer",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        json!({
            "Type": "network",
            "Scheme": "internet-facing",
            "SubnetMappings": mappings,
            // A Network Load Balancer that was made without one never gets one.
            "SecurityGroups": [reference("BalancerGroup")],
            // The reply to PASV names an address of any zone, behind which every node must be.
            "LoadBalancerAttributes": [
                { "Key": "load_balancing.cross_zone.enabled", "Value": "true" },
            ],
            "Tags": document.tags(),
        }),
    );
    for row in rows(fleet, &listing.rows) {
        listener(document, fleet, row);
    }
    document.output("BalancerName", "What clients dial.", attribute("Balancer", "DNSName"));
}

/// The address of a zone: it must be known before the nodes begin, for it stands in replies to PASV.
fn mapping(document: &mut Document, zone: u8) -> Value {
    let address = address(zone);
    document.resource(
        &address,
        "AWS::EC2::EIP",
        json!({ "Domain": "vpc", "Tags": document.tags() }),
    );
    document.output(&address, "An address of the balancer.", reference(&address));
    json!({ "SubnetId": reference(&subnet(zone)), "AllocationId": attribute(&address, "AllocationId") })
}

fn listener(document: &mut Document, fleet: &Fleet, row: &Row) {
    let group = group(row);
    let attributes = attributes(fleet, row).into_iter();
    let attributes: Vec<_> =
        attributes.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    document.resource(
        &group,
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        json!({
            "VpcId": reference("Vpc"),
            "Protocol": "TCP",
            "Port": row.target_port,
            "TargetType": "instance",
            "HealthCheckProtocol": "TCP",
            "HealthCheckPort": fleet.health.to_string(),
            "HealthCheckIntervalSeconds": 10,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            "TargetGroupAttributes": attributes,
            "Tags": document.tags(),
        }),
    );
    document.resource(
        &format!("Listener{}", row.port),
        "AWS::ElasticLoadBalancingV2::Listener",
        json!({
            "LoadBalancerArn": reference("Balancer"),
            "Protocol": "TCP",
            "Port": row.port,
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": reference(&group) }],
            "ListenerAttributes": [
                { "Key": "tcp.idle_timeout.seconds", "Value": idle_timeout_s(&fleet.config).to_string() },
            ],
        }),
    );
}

/// What a node that drains has under way goes on; clients keep their addresses. A header comes late here, so that
/// data connections, in which a client may say nothing, never have one.
fn attributes(fleet: &Fleet, row: &Row) -> [(&'static str, String); 6] {
    let drain = |most: u64| fleet.drain_s().min(most).to_string();
    let header = !row.passive && fleet.config.ingress.proxy_protocol == Proxy::Late;
    [
        ("preserve_client_ip.enabled", (!header).to_string()),
        ("proxy_protocol_v2.enabled", header.to_string()),
        ("target_health_state.unhealthy.connection_termination.enabled", "false".to_owned()),
        (
            "target_health_state.unhealthy.draining_interval_seconds",
            drain(UNHEALTHY_DRAINING_MAX_S),
        ),
        ("deregistration_delay.timeout_seconds", drain(DELAY_MAX_S.into())),
        ("deregistration_delay.connection_termination.enabled", "false".to_owned()),
    ]
}

/// What the nodes go by when they keep connections alive (`ingress.idle_timeout`).
fn idle_timeout_s(config: &Config) -> u64 {
    let configured = config.ingress.idle_timeout.map(|timeout| timeout.as_secs());
    configured.unwrap_or(IDLE_S).clamp(IDLE_MIN_S, IDLE_MAX_S)
}

/// Those of a fleet: where data connections come to the nodes themselves, no passive ones.
pub(super) fn rows<'a>(fleet: &Fleet, rows: &'a [Row]) -> impl Iterator<Item = &'a Row> + use<'a> {
    let is_shared = is_shared(&fleet.config);
    rows.iter().filter(move |row| is_shared || !row.passive)
}

/// The listeners of the fleet.
pub(super) fn listeners(fleet: &Fleet) -> Vec<&Row> {
    let all = fleet.listing.as_ref().map(|listing| listing.rows.as_slice());
    rows(fleet, all.unwrap_or_default()).collect()
}

/// Its target groups, for the Auto Scaling group.
pub(super) fn groups(fleet: &Fleet) -> Vec<Value> {
    listeners(fleet).into_iter().map(|row| reference(&group(row))).collect()
}

/// As many nodes as there may be: each is a target once for each port, and there may be so many targets.
pub(super) fn nodes_max(fleet: &Fleet) -> Option<usize> {
    TARGETS_MAX.checked_div(listeners(fleet).len())
}

/// Whether data connections come through it too. A mode that is found out is this one behind a balancer.
pub(super) fn is_shared(config: &Config) -> bool {
    config.ingress.mode != Mode::Balanced
}

/// The parameter for its subnet in this zone.
pub(super) fn subnet(zone: u8) -> String {
    format!("BalancerSubnet{zone}")
}

/// Its address in this zone.
pub(super) fn address(zone: u8) -> String {
    format!("Address{zone}")
}

fn group(row: &Row) -> String {
    format!("Targets{}", row.port)
}

/// What the stack is told to tell of it.
pub(super) fn name(document: &mut Document, fleet: &Fleet) {
    if fleet.front == Front::Dns
        && let Some(name) = &fleet.config.aws.dns_name
    {
        document.output("PoolName", "What clients dial.", sub(name));
    }
}

/// `deregistration_delay.timeout_seconds` at most ("TargetGroupAttribute").
pub(super) const DELAY_MAX_S: u16 = 3600;
/// `target_health_state.unhealthy.draining_interval_seconds` at most.
const UNHEALTHY_DRAINING_MAX_S: u64 = 360_000;
/// `tcp.idle_timeout.seconds` if nobody says otherwise, and its limits ("ListenerAttribute").
const IDLE_S: u64 = 350;
const IDLE_MIN_S: u64 = 60;
const IDLE_MAX_S: u64 = 6000;

//! From the words of AWS to facts.

use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_ec2::types::NetworkInterface;
use aws_sdk_elasticloadbalancingv2::types::{
    self as v2, LoadBalancer, LoadBalancerSchemeEnum, LoadBalancerTypeEnum, TargetGroup,
    TargetGroupAttribute, TargetHealthDescription, TargetTypeEnum,
};

use crate::balancer::{
    Attributes, Balancer, Group, Health, HealthCheck, Kind, Listener, Protocol, Target, TargetKind,
    Zone,
};

pub(super) fn seconds(seconds: i32) -> Option<Duration> {
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

pub(super) fn port(port: i32) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port != 0)
}

/// Without listeners, groups and attributes.
pub(super) fn balancer(of: &LoadBalancer) -> Option<Balancer> {
    let kind = match of.r#type()? {
        LoadBalancerTypeEnum::Network => Kind::Network,
        LoadBalancerTypeEnum::Application => Kind::Application,
        LoadBalancerTypeEnum::Gateway => Kind::Gateway,
        _ => return None,
    };
    Some(Balancer {
        arn: of.load_balancer_arn()?.to_owned(),
        dns_name: of.dns_name().unwrap_or_default().to_owned(),
        public: of.scheme() == Some(&LoadBalancerSchemeEnum::InternetFacing),
        vpc: of.vpc_id().unwrap_or_default().to_owned(),
        zones: of.availability_zones().iter().map(zone).collect(),
        security_groups: of.security_groups().to_vec(),
        ..Balancer::named(kind, of.load_balancer_name()?)
    })
}

fn zone(of: &v2::AvailabilityZone) -> Zone {
    let given = of.load_balancer_addresses();
    let read = |text: Option<&str>| text.and_then(|text| text.parse::<IpAddr>().ok());
    Zone {
        name: of.zone_name().unwrap_or_default().to_owned(),
        public: given.iter().filter_map(|of| of.ip_address()?.parse().ok()).collect(),
        private: given
            .iter()
            .flat_map(|of| [read(of.private_ipv4_address()), read(of.ipv6_address())])
            .flatten()
            .collect(),
    }
}

/// Adds what is not known of the zone of this interface.
pub(super) fn add_interface(balancer: &mut Balancer, of: &NetworkInterface) {
    let name = of.availability_zone().unwrap_or_default();
    let Some(zone) = balancer.zones.iter_mut().find(|zone| zone.name == name) else { return };
    let public = of.association().and_then(|of| of.public_ip()?.parse().ok());
    zone.public.extend(public.filter(|public| !zone.public.contains(public)));
    let private = of.private_ip_addresses().iter().filter_map(|of| of.private_ip_address());
    let v6 = of.ipv6_addresses().iter().filter_map(|of| of.ipv6_address());
    let first = of.private_ip_address();
    for address in private.chain(v6).chain(first).filter_map(|text| text.parse().ok()) {
        if !zone.private.contains(&address) {
            zone.private.push(address);
        }
    }
}

pub(super) fn listener(of: &v2::Listener) -> Option<Listener> {
    let actions = of.default_actions().iter();
    let mut groups: Vec<String> = actions
        .flat_map(|action| {
            let forward = action.forward_config().map(|of| of.target_groups()).unwrap_or_default();
            let weighted = forward.iter().filter(|of| of.weight() != Some(0));
            let weighted = weighted.filter_map(|of| of.target_group_arn());
            action.target_group_arn().into_iter().chain(weighted).map(ToOwned::to_owned)
        })
        .collect();
    groups.sort_unstable();
    groups.dedup();
    Some(Listener {
        arn: of.listener_arn()?.to_owned(),
        protocol: Protocol::of(of.protocol()?.as_str()),
        port: port(of.port()?)?,
        idle_timeout: None,
        owner: None,
        groups,
    })
}

/// Without targets.
pub(super) fn group(of: &TargetGroup, attributes: &[TargetGroupAttribute]) -> Group {
    let protocol = of.protocol().map_or(Protocol::Other, |of| Protocol::of(of.as_str()));
    let targets_are = match of.target_type() {
        Some(TargetTypeEnum::Instance) | None => TargetKind::Instance,
        Some(TargetTypeEnum::Ip) => TargetKind::Ip,
        Some(_) => TargetKind::Other,
    };
    let pairs = attributes.iter().filter_map(|of| Some((of.key()?, of.value()?)));
    let check = of.health_check_protocol().map_or(protocol, |of| Protocol::of(of.as_str()));
    Group {
        arn: of.target_group_arn().unwrap_or_default().to_owned(),
        name: of.target_group_name().unwrap_or_default().to_owned(),
        owner: None,
        protocol,
        port: of.port().and_then(port).unwrap_or_default(),
        targets_are,
        attributes: Attributes::read(pairs, targets_are, protocol),
        health: HealthCheck {
            protocol: check,
            // "traffic-port" else.
            port: of.health_check_port().and_then(|text| text.parse().ok()),
            interval: of.health_check_interval_seconds().and_then(seconds).unwrap_or_default(),
            failures: of
                .unhealthy_threshold_count()
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or_default(),
        },
        targets: Vec::new(),
    }
}

pub(super) fn target(of: &TargetHealthDescription) -> Option<Target> {
    let target = of.target()?;
    let health = of.target_health();
    let state = health.and_then(|of| of.state()).map_or("", |state| state.as_str());
    let reason = health.and_then(|of| of.description().or(of.reason().map(|of| of.as_str())));
    Some(Target {
        id: target.id()?.to_owned(),
        port: target.port().and_then(port).unwrap_or_default(),
        // "all": from outside of the VPC.
        zone: target.availability_zone().filter(|zone| *zone != "all").map(ToOwned::to_owned),
        health: Health::of(state),
        reason: reason.unwrap_or_default().to_owned(),
    })
}

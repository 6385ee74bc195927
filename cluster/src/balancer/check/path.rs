//! Zones, addresses and timers.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::super::address::addresses;
use super::super::facts::{Balancer, Health, Kind};
use super::super::finding::{At, Findings};
use super::super::timer::timer;
use super::super::want::{Mode, Role, Want};
use super::super::{CLASSIC_IDLE_MAX, text};
use super::Roles;

pub(super) fn check(findings: &mut Findings, balancer: &Balancer, roles: &Roles<'_>, want: &Want) {
    let mut at = findings.at(balancer.to_string());
    if balancer.kind == Kind::Network {
        zones(&mut at, balancer, roles, want);
    }
    if want.mode == Mode::Shared {
        told(&mut at, balancer, want);
    }
    idle(&mut at, balancer, want);
    if balancer.kind == Kind::Network && balancer.security_groups.is_empty() {
        at.note(
            "security-group",
            "it has no security group, and can not get one any more: only the nodes' groups say who may come",
            "",
        );
    }
}

fn zones(at: &mut At<'_>, balancer: &Balancer, roles: &Roles<'_>, want: &Want) {
    let ours = roles.iter().filter(|(_, role)| !matches!(role, Role::Other | Role::Passive));
    let groups: Vec<_> = ours.flat_map(|(listener, _)| balancer.groups_of(listener)).collect();
    let has_zone = |zone: &str| balancer.zones.iter().any(|of| of.name == zone);
    if let Some(zone) = want.zone.as_deref().filter(|zone| !has_zone(zone)) {
        let all = groups.iter().all(|group| balancer.crosses_zones(group));
        if !all && !balancer.zones.is_empty() {
            at.error(
                "zone",
                format!("it has no address in {zone}, where this node is, and cross-zone balancing is off"),
                format!("a subnet of {zone} for it, or load_balancing.cross_zone.enabled = true"),
            );
        }
    }
    for zone in &balancer.zones {
        let empty = |group: &&&super::super::facts::Group| {
            let mut there = group.targets.iter().filter(|target| {
                target.zone.as_deref() == Some(zone.name.as_str())
                    && target.health == Health::Healthy
            });
            let known = group.targets.iter().any(|target| target.zone.is_some());
            known && !balancer.crosses_zones(group) && there.next().is_none()
        };
        if let Some(group) = groups.iter().find(empty) {
            at.warning(
                "zone-empty",
                format!(
                    "no node in {} is healthy in group {}: who dials its address there reaches nobody",
                    zone.name, group.name
                ),
                "nodes in each of its zones, or load_balancing.cross_zone.enabled = true",
            );
        }
    }
}

/// Whether the addresses in replies lead to the node that gives them.
fn told(at: &mut At<'_>, balancer: &Balancer, want: &Want) {
    let known = addresses(balancer);
    if want.addresses.is_empty() || known.is_empty() {
        return;
    }
    let real: BTreeSet<Ipv4Addr> = known.iter().map(|(_, address)| *address).collect();
    for (zone, address) in &want.addresses {
        let place = zone.as_deref().map(|zone| format!("{zone}=")).unwrap_or_default();
        if !real.contains(address) {
            at.error(
                "address",
                format!("ingress.addresses names {place}{address}, which it does not have"),
                format!(
                    "ingress.addresses = [{}], or none: the node finds them by itself",
                    listed(&known)
                ),
            );
        } else if zone.is_none() && known.iter().any(|(zone, _)| zone.is_some()) && real.len() > 1 {
            at.error(
                "address-zone",
                format!("ingress.addresses names {address} for all zones, and it leads to nodes of one zone only"),
                format!("ingress.addresses = [{}], or none", listed(&known)),
            );
        }
    }
}

fn listed(addresses: &[(Option<String>, Ipv4Addr)]) -> String {
    let text = |(zone, address): &(Option<String>, Ipv4Addr)| match zone {
        Some(zone) => format!("\"{zone}={address}\""),
        None => format!("\"{address}\""),
    };
    addresses.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn idle(at: &mut At<'_>, balancer: &Balancer, want: &Want) {
    let Some(timer) = timer(balancer, want) else { return };
    if let Some(configured) = want.idle_timeout {
        if configured > timer.after {
            at.error(
                "idle-timeout",
                format!(
                    "ingress.idle_timeout is {}, and silent connections are cut after {}",
                    text(configured),
                    text(timer.after)
                ),
                format!(
                    "ingress.idle_timeout = \"{}s\", or a longer one there",
                    timer.after.as_secs()
                ),
            );
        } else if configured < timer.after {
            at.note(
                "idle-timeout",
                format!(
                    "ingress.idle_timeout is {}, and silent connections live for {}",
                    text(configured),
                    text(timer.after)
                ),
                "",
            );
        }
    }
    if balancer.kind == Kind::Classic && timer.after < CLASSIC_IDLE_MAX {
        at.warning(
            "idle-payload",
            format!(
                "it cuts connections after {} without payload, TCP keepalives do not count: a transfer in clear or \
                 with TLS 1.2 that takes longer loses its control connection",
                text(timer.after)
            ),
            format!("ConnectionSettings.IdleTimeout = {}, or a network load balancer", CLASSIC_IDLE_MAX.as_secs()),
        );
    }
}

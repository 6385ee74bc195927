//! Passive ports: one listener each, of few that there may be.

use super::super::facts::{Balancer, Kind, TARGETS_MAX};
use super::super::finding::Findings;
use super::super::ranges;
use super::super::want::{Mode, Role, Want};
use super::Roles;
use crate::ports::PortRange;

pub(super) fn check(findings: &mut Findings, balancer: &Balancer, roles: &Roles<'_>, want: &Want) {
    let Some(range) = want.passive.filter(|_| roles.iter().any(|(_, role)| is_ftp(*role))) else {
        return;
    };
    let mut at = findings.at(balancer.to_string());
    let have: Vec<u16> = roles
        .iter()
        .filter(|(_, role)| *role == Role::Passive)
        .map(|(listener, _)| listener.port)
        .collect();
    if want.mode != Mode::Shared {
        if !have.is_empty() {
            at.note(
                "passive-useless",
                format!(
                    "listeners {} for passive ports, which clients dial at the nodes' own addresses",
                    ranges(&have)
                ),
                "remove them, or ingress.mode = \"shared\"",
            );
        }
        return;
    }
    let others = roles.len() - have.len();
    let room = balancer.listeners_max().saturating_sub(others);
    if range.count() > room {
        let fits = u16::try_from(room).ok().filter(|room| *room > 0);
        let fits = fits.map(|room| range.first().saturating_add(room - 1));
        at.error(
            "passive-room",
            format!(
                "ftp.passive.ports = \"{range}\" are {} ports, a {} takes one listener for each, and {} of its {} \
                 are left",
                range.count(),
                balancer.kind.as_str(),
                room,
                balancer.listeners_max()
            ),
            match fits {
                Some(last) => format!(
                    "ftp.passive.ports = \"{}-{last}\": so many transfers at once for each client address",
                    range.first()
                ),
                None => "remove listeners, or ingress.mode = \"balanced\"".to_owned(),
            },
        );
    } else if let missing = lacking(range, &have)
        && !missing.is_empty()
    {
        at.error(
            "passive-missing",
            format!("no listener for passive ports {}", ranges(&missing)),
            "flotilla aws listeners prints what is missing",
        );
    }
    targets(findings, balancer);
}

fn targets(findings: &mut Findings, balancer: &Balancer) {
    let registered = balancer.groups.iter().map(|group| group.targets.len()).sum::<usize>();
    let crossing = balancer.groups.iter().any(|group| balancer.crosses_zones(group));
    if balancer.kind == Kind::Network && crossing && registered * 5 > TARGETS_MAX * 4 {
        findings.at(balancer.to_string()).warning(
            "targets",
            format!("{registered} targets of {TARGETS_MAX} with cross-zone balancing, all groups counted together"),
            "groups of passive ports with one node each, fewer passive ports, or no cross-zone balancing",
        );
    }
}

fn lacking(range: PortRange, have: &[u16]) -> Vec<u16> {
    (range.first()..=range.last()).filter(|port| !have.contains(port)).collect()
}

fn is_ftp(role: Role) -> bool {
    matches!(role, Role::Ftp | Role::ImplicitTls)
}

//! Whether a balancer does what a node wants of it.

mod group;
mod listener;
mod passive;
mod path;

use super::facts::{Balancer, Kind, State};
use super::finding::{Finding, Findings};
use super::want::{Mode, Role, Want};
use crate::keepalive;

/// Everything that is wrong, odd or worth to be known, the worst first.
pub fn check(state: &State, want: &Want) -> Vec<Finding> {
    let mut findings = Findings::default();
    for unread in &state.unread {
        findings.at("AWS").warning(
            "unread",
            unread,
            "see which permission is missing: flotilla gen iam",
        );
    }
    if state.is_empty() && state.unread.is_empty() && want.mode > Mode::Direct {
        findings.at("AWS").note(
            "no-balancer",
            "no load balancer has this node among its targets, though ingress.mode says that there is one",
            "name it (aws.balancer), register this node, or see that it is not one of AWS",
        );
    }
    for balancer in &state.balancers {
        of_balancer(&mut findings, balancer, want);
    }
    findings.0.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.place.cmp(&b.place)));
    findings.0
}

fn of_balancer(findings: &mut Findings, balancer: &Balancer, want: &Want) {
    let mut at = findings.at(balancer.to_string());
    match balancer.kind {
        Kind::Application => {
            return at.error(
                "kind",
                "it speaks HTTP, and neither FTP nor SSH is HTTP",
                "use a network load balancer with TCP listeners",
            );
        }
        Kind::Gateway => {
            return at.error(
                "kind",
                "it sends packets through appliances for inspection (GENEVE), it does not distribute connections",
                "use a network load balancer with TCP listeners",
            );
        }
        Kind::Network | Kind::Classic => {}
    }
    let configured = match want.balancer {
        keepalive::Balancer::None => None,
        keepalive::Balancer::Network => Some(Kind::Network),
        keepalive::Balancer::Classic => Some(Kind::Classic),
    };
    if let Some(configured) = configured.filter(|configured| *configured != balancer.kind) {
        at.error(
            "configured-kind",
            format!("ingress.balancer says {}", configured.as_str()),
            format!("ingress.balancer = \"{}\"", word(balancer.kind)),
        );
    }
    let roles: Vec<_> = balancer
        .listeners
        .iter()
        .map(|listener| (listener, want.role(balancer, listener)))
        .collect();
    for (listener, role) in &roles {
        listener::check(findings, balancer, listener, *role, want);
    }
    listener::missing(findings, balancer, &roles, want);
    passive::check(findings, balancer, &roles, want);
    group::check(findings, balancer, &roles, want);
    path::check(findings, balancer, &roles, want);
}

fn word(kind: Kind) -> &'static str {
    if kind == Kind::Classic { "classic" } else { "network" }
}

/// Listeners with what they are for.
type Roles<'a> = [(&'a super::facts::Listener, Role)];

#[cfg(test)]
mod tests;

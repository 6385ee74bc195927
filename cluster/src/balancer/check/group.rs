//! Target groups: health checks, what happens to connections when a node leaves, who the client is said to be.

use std::time::Duration;

use super::super::attribute::{Attributes, DELAY_MAX, Header, UNHEALTHY_DRAINING_MAX};
use super::super::facts::{Balancer, Group, Health, Kind, Protocol, TargetKind};
use super::super::finding::{At, Findings};
use super::super::text;
use super::super::want::{Accepts, Role, Want};
use super::Roles;

pub(super) fn check(findings: &mut Findings, balancer: &Balancer, roles: &Roles<'_>, want: &Want) {
    let mut control = None;
    // Passive ports that nobody dials there are told of elsewhere.
    let useful =
        |role: Role| role != Role::Other && (role != Role::Passive || want.mode_is_shared());
    for (listener, role) in roles.iter().filter(|(_, role)| useful(*role)) {
        for group in balancer.groups_of(listener) {
            let mut at = findings.at(place(balancer, group));
            health(&mut at, group, want);
            leaving(&mut at, balancer, group, want);
            registered(&mut at, group, *role, want);
            header(&mut at, balancer, group, *role, want);
            if *role == Role::Ftp || *role == Role::ImplicitTls {
                control = control.or(Some(group));
            }
        }
    }
    let Some(control) = control else { return };
    for (listener, _) in roles.iter().filter(|(_, role)| *role == Role::Passive) {
        for group in balancer.groups_of(listener).filter(|_| want.mode_is_shared()) {
            peers(&mut findings.at(place(balancer, group)), control, group);
        }
    }
    hairpin(&mut findings.at(balancer.to_string()), balancer);
}

fn place(balancer: &Balancer, group: &Group) -> String {
    match balancer.kind {
        Kind::Classic => format!("{balancer}, port {} of the instances", group.port),
        _ => format!("{balancer}, group {}", group.name),
    }
}

fn health(at: &mut At<'_>, group: &Group, want: &Want) {
    let check = &group.health;
    let asked = check.port.unwrap_or(group.port);
    let first = want.health.first().copied();
    let fix = first.map_or_else(
        || "health.tcp = \"0.0.0.0:8082\", and a TCP health check there".to_owned(),
        |port| format!("health check by TCP on port {port}"),
    );
    if !want.health.contains(&asked) {
        let what = match check.port {
            None => format!("it checks the port that clients use ({asked})"),
            Some(port) => format!("it checks port {port}"),
        };
        at.error(
            "health-port",
            format!("{what}, and not where this node says whether it is ready: a node that drains or is unready still gets clients"),
            fix,
        );
    } else if !matches!(check.protocol, Protocol::Tcp | Protocol::Http) {
        at.error("health-protocol", format!("it checks by {}", check.protocol.as_str()), fix);
    }
    if check.patience() > SLOW {
        at.note(
            "health-slow",
            format!(
                "{} checks each {} must fail before a node that died gets no more clients: {}",
                check.failures,
                text(check.interval),
                text(check.patience())
            ),
            "check each 10 s, and let two failures count",
        );
    }
}

/// What happens to connections when a node is unready or deregistered.
fn leaving(at: &mut At<'_>, balancer: &Balancer, group: &Group, want: &Want) {
    let wanted = |most| want.drain_at_most(most);
    if balancer.kind == Kind::Classic {
        let needed = wanted(DELAY_MAX);
        if !needed.is_zero() && balancer.draining.is_none_or(|draining| draining < needed) {
            at.warning(
                "draining",
                balancer.draining.map_or_else(
                    || "connections are cut as soon as a node is deregistered".to_owned(),
                    |has| format!("connections are cut {} after a node is deregistered", text(has)),
                ),
                format!("ConnectionDraining for {} (timeouts.drain)", text(needed)),
            );
        }
        return;
    }
    let Attributes { cuts_unhealthy, unhealthy_draining, deregistration_delay, .. } =
        group.attributes;
    match cuts_unhealthy {
        Some(true) => at.error(
            "unhealthy-cuts",
            "as soon as a node is unhealthy all its connections are cut, so that one which drains or is unready for a \
             moment loses every session",
            format!(
                "target_health_state.unhealthy.connection_termination.enabled = false and \
                 target_health_state.unhealthy.draining_interval_seconds = {} (timeouts.drain)",
                wanted(UNHEALTHY_DRAINING_MAX).as_secs()
            ),
        ),
        Some(false) if unhealthy_draining < wanted(UNHEALTHY_DRAINING_MAX) => at.error(
            "unhealthy-draining",
            format!("connections of an unhealthy node are kept for {} only", text(unhealthy_draining)),
            format!(
                "target_health_state.unhealthy.draining_interval_seconds = {} (timeouts.drain)",
                wanted(UNHEALTHY_DRAINING_MAX).as_secs()
            ),
        ),
        _ => {}
    }
    let needed = wanted(DELAY_MAX);
    if deregistration_delay.is_some_and(|delay| delay < needed) {
        at.warning(
            "deregistration-delay",
            format!(
                "{} after a node is deregistered it is forgotten",
                text(deregistration_delay.unwrap_or_default())
            ),
            format!("deregistration_delay.timeout_seconds = {} (timeouts.drain)", needed.as_secs()),
        );
    }
    if group.attributes.cuts_deregistered {
        at.warning(
            "deregistration-cuts",
            "connections that are left then are cut",
            "deregistration_delay.connection_termination.enabled = false",
        );
    }
}

fn registered(at: &mut At<'_>, group: &Group, role: Role, want: &Want) {
    let own = group.targets.iter().find(|target| want.ids.contains(&target.id));
    let Some(own) = own else {
        // A passive port may belong to another node.
        if role != Role::Passive && !want.ids.is_empty() {
            at.warning(
                "not-registered",
                "this node is none of its targets",
                "register it, or allow that (aws.balancer_changes = true)",
            );
        }
        return;
    };
    let seen = || {
        let reason =
            if own.reason.is_empty() { String::new() } else { format!(" ({})", own.reason) };
        format!("this node is {}{reason}", own.health.as_str())
    };
    match own.health {
        Health::Unhealthy => at.error("target", seen(), "see that the security groups let the balancer reach the health port, and that the node is ready"),
        Health::Unused => at.error("target", seen(), "no listener leads to it in its zone"),
        Health::UnhealthyDraining | Health::Draining => at.note("target", seen(), ""),
        Health::Initial | Health::Healthy | Health::Unknown => {}
    }
}

/// Whether node and balancer agree about headers.
fn header(at: &mut At<'_>, balancer: &Balancer, group: &Group, role: Role, want: &Want) {
    let sends = group.attributes.proxy;
    let keeps = balancer.kind == Kind::Network && group.attributes.preserve_client_ip;
    let (key, takes) = if role == Role::Passive {
        ("ingress.data_proxy_protocol", want.data_proxy)
    } else {
        ("ingress.proxy_protocol", want.proxy)
    };
    let set = |value: Accepts| format!("{key} = \"{}\"", value.as_str());
    match sends {
        Header::Off if takes != Accepts::Off && !keeps => at.error(
            "proxy",
            format!("it sends no PROXY header, and {} waits for one", set(takes)),
            match balancer.kind {
                Kind::Classic => "a policy of the type ProxyProtocolPolicyType on that port",
                _ => "preserve_client_ip.enabled = true, which needs no header",
            },
        ),
        Header::Off if takes != Accepts::Off => at.note(
            "proxy",
            format!("it sends no PROXY header and keeps the clients' addresses: {} is of no use for it", set(takes)),
            set(Accepts::Off),
        ),
        Header::Off if !keeps => at.error(
            "client-address",
            "neither is the client's address kept nor does a header tell it: every client is the balancer, for limits \
             of addresses, bans and logs",
            match balancer.kind {
                Kind::Classic => format!("a policy of the type ProxyProtocolPolicyType, and {}", set(Accepts::V1)),
                _ => "preserve_client_ip.enabled = true".to_owned(),
            },
        ),
        Header::Off => {}
        Header::Late if role == Role::Passive => at.error(
            "proxy-late",
            "its PROXY header comes with the client's first bytes, and in a download there are none",
            "proxy_protocol_v2.enabled = false and preserve_client_ip.enabled = true",
        ),
        Header::Late if role.greets() && matches!(takes, Accepts::V2 | Accepts::Any) => at.error(
            "proxy-late",
            format!(
                "its PROXY header comes with the client's first bytes, and an FTP client says none before the 220: \
                 with {} both wait for ever (unless AWS Support has set header_placement to on_first_ack)",
                set(takes)
            ),
            set(Accepts::Late),
        ),
        Header::Late | Header::V1 | Header::V2 if !takes.takes(sends) => at.error(
            "proxy",
            format!("it sends a PROXY header that {} does not take", set(takes)),
            set(if sends == Header::Late && !role.greets() { Accepts::V2 } else { Accepts::of(sends) }),
        ),
        Header::Late | Header::V1 | Header::V2 => trusted(at, balancer, want),
    }
}

fn trusted(at: &mut At<'_>, balancer: &Balancer, want: &Want) {
    let strangers = balancer.zones.iter().flat_map(|zone| &zone.private);
    let strangers: Vec<_> = strangers.filter(|address| !want.trusts(**address)).collect();
    if !strangers.is_empty() {
        let texts: Vec<_> = strangers.iter().map(ToString::to_string).collect();
        at.error(
            "proxy-trust",
            format!(
                "headers come from {}, which ingress.balancers does not name",
                texts.join(", ")
            ),
            "add the networks of the balancer's subnets to ingress.balancers",
        );
    }
}

/// Whether the client of a data connection looks like that of its control connection.
fn peers(at: &mut At<'_>, control: &Group, data: &Group) {
    let knows = |group: &Group| {
        group.attributes.preserve_client_ip || group.attributes.proxy != Header::Off
    };
    if knows(control) != knows(data) {
        let (told, hidden) = if knows(control) { (control, data) } else { (data, control) };
        at.error(
            "data-peer",
            format!(
                "through group {} nodes see the client, through {} the balancer: data connections are turned away \
                 (ftp.passive.data_peer)",
                told.name, hidden.name
            ),
            format!("preserve_client_ip.enabled = true on group {}", hidden.name),
        );
    }
}

fn hairpin(at: &mut At<'_>, balancer: &Balancer) {
    let keeps = |group: &&Group| {
        group.targets_are == TargetKind::Instance && group.attributes.preserve_client_ip
    };
    if balancer.kind == Kind::Network && balancer.groups.iter().any(|group| keeps(&group)) {
        at.note(
            "hairpin",
            "it keeps clients' addresses, so a node that is itself a client gets no connection when it is sent back to \
             itself; and the nodes' security groups must let clients in, not only the balancer",
            "",
        );
    }
}

impl Accepts {
    fn takes(self, header: Header) -> bool {
        match header {
            Header::Off => true,
            Header::V1 => matches!(self, Self::V1 | Self::Any),
            // Whoever takes a late one takes one that is early.
            Header::V2 => matches!(self, Self::V2 | Self::Any | Self::Late),
            // Where clients speak first it is the same as an early one.
            Header::Late => matches!(self, Self::V2 | Self::Any | Self::Late),
        }
    }
}

/// A node that died gets no more clients within this time.
const SLOW: Duration = Duration::from_secs(30);

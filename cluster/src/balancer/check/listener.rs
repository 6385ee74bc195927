//! Listeners: whether what they speak is what clients speak, and whether there are those that are needed.

use super::super::facts::{Balancer, Listener, Protocol};
use super::super::finding::Findings;
use super::super::want::{Role, Want};
use super::Roles;

pub(super) fn check(
    findings: &mut Findings,
    balancer: &Balancer,
    listener: &Listener,
    role: Role,
    want: &Want,
) {
    if role == Role::Other {
        return;
    }
    let mut at = findings.at(format!("{balancer}, listener {}", listener.port));
    match (listener.protocol, role) {
        (Protocol::Tcp, _) => {}
        (Protocol::Http | Protocol::Https, _) => at.error(
            "http-listener",
            format!("{} in front of {}: whatever is not HTTP is refused there", listener.protocol.as_str(), role.as_str()),
            "make it a TCP listener",
        ),
        (Protocol::Tls, Role::Ftp) => at.error(
            "tls-listener",
            "TLS in front of FTP: a session begins in clear, and its client asks for TLS later (AUTH TLS), but the \
             balancer waits for a TLS handshake first",
            "make it a TCP listener: the node speaks TLS itself",
        ),
        (Protocol::Tls, Role::ImplicitTls) => at.error(
            "tls-listener",
            "TLS in front of implicit FTPS ends at the balancer: the node gets something else than the client sent, \
             data connections can not be matched by resumed sessions, and the idle timeout is 350 s for ever",
            "make it a TCP listener: the node speaks TLS itself",
        ),
        (Protocol::Tls, Role::Passive) => at.error(
            "tls-listener",
            "TLS in front of data connections: those in clear get no further, and those with TLS are not the session's",
            "make it a TCP listener",
        ),
        (Protocol::Tls, _) => at.error(
            "tls-listener",
            "TLS in front of SSH, whose clients begin with a line in clear",
            "make it a TCP listener",
        ),
        (Protocol::Udp | Protocol::Other, _) => at.error(
            "udp-listener",
            format!("it does not take TCP, which {} needs", role.as_str()),
            "make it a TCP listener",
        ),
    }
    if listener.groups.is_empty() {
        at.error("no-group", "it leads to no target group", "forward it to the group of its port");
    }
    for group in balancer.groups_of(listener) {
        if listener.protocol == Protocol::Tcp && group.protocol != Protocol::Tcp {
            at.error(
                "group-protocol",
                format!("it passes on {} to group {}", group.protocol.as_str(), group.name),
                "a group of the protocol TCP",
            );
        }
        if group.targets_are == super::super::facts::TargetKind::Other {
            at.error(
                "group-targets",
                format!("the targets of group {} are neither instances nor addresses", group.name),
                "a group whose targets are the nodes",
            );
        }
        if role == Role::Passive && group.port != listener.port && want.mode_is_shared() {
            at.error(
                "passive-port",
                format!(
                    "clients are told port {}, and it leads to port {} of the nodes (group {})",
                    listener.port, group.port, group.name
                ),
                "listener and group of a passive port must have the same port",
            );
        }
    }
}

/// Control ports that nobody can dial.
pub(super) fn missing(
    findings: &mut Findings,
    balancer: &Balancer,
    roles: &Roles<'_>,
    want: &Want,
) {
    let has = |wanted: Role| roles.iter().any(|(_, role)| *role == wanted);
    let mut at = findings.at(balancer.to_string());
    let ports = [
        (Role::Ftp, &want.ftp, "21"),
        (Role::ImplicitTls, &want.implicit_tls, "990"),
        (Role::Ssh, &want.ssh, "22"),
    ];
    if !ports.iter().any(|(role, _, _)| has(*role)) {
        return at.error(
            "no-listener",
            "none of its listeners leads to a port of this node",
            "add TCP listeners 21 and 22, or name another balancer (aws.balancer)",
        );
    }
    for (role, own, usual) in ports {
        if !own.is_empty() && !has(role) {
            at.note(
                "no-listener",
                format!("no listener for {}", role.as_str()),
                format!("if clients need it: a TCP listener {usual} to a group with all nodes"),
            );
        }
    }
}

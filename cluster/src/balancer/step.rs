//! Changes as people read them: in words, for the AWS CLI and for Terraform.

use super::attribute::{CUTS_DEREGISTERED, CUTS_UNHEALTHY, DELAY, UNHEALTHY_DRAINING};
use super::change::{Change, Registration};
use super::text;
use crate::aws::{Sign, Step};

impl Change {
    /// For people.
    pub fn step(&self) -> Step {
        match self {
            Self::Attributes { group, name, set } => attributes(group, name, set),
            Self::ListenerIdle { listener, place, to } => {
                let value = format!("Key=tcp.idle_timeout.seconds,Value={}", to.as_secs());
                Step {
                    service: SERVICE,
                    sign: Sign::Change,
                    what: format!("{place}: tcp.idle_timeout.seconds = {}", to.as_secs()),
                    why: "ingress.idle_timeout".to_owned(),
                    action: "elasticloadbalancing:ModifyListenerAttributes",
                    command: words(
                        "elbv2",
                        "modify-listener-attributes",
                        &["--listener-arn", listener, "--attributes", &value],
                    ),
                    terraform: Some(resource(
                        "aws_lb_listener",
                        place,
                        listener,
                        &[format!("tcp_idle_timeout_seconds = {}", to.as_secs())],
                    )),
                }
            }
            Self::ClassicIdle { balancer, to } => classic(
                balancer,
                &format!("IdleTimeout = {}", text(*to)),
                "TCP keepalives do not count there, and transfers may take long",
                &format!("{{\"ConnectionSettings\":{{\"IdleTimeout\":{}}}}}", to.as_secs()),
                &[format!("idle_timeout = {}", to.as_secs())],
            ),
            Self::ClassicDraining { balancer, to } => classic(
                balancer,
                &format!("ConnectionDraining for {}", text(*to)),
                "timeouts.drain",
                &format!(
                    "{{\"ConnectionDraining\":{{\"Enabled\":true,\"Timeout\":{}}}}}",
                    to.as_secs()
                ),
                &[
                    "connection_draining = true".to_owned(),
                    format!("connection_draining_timeout = {}", to.as_secs()),
                ],
            ),
            Self::Register(of) => registration(of, Sign::Add),
            Self::Deregister(of) => registration(of, Sign::Remove),
        }
    }
}

fn attributes(group: &str, name: &str, set: &[(&'static str, String)]) -> Step {
    let pairs: Vec<_> = set.iter().map(|(key, value)| format!("Key={key},Value={value}")).collect();
    let mut arguments = vec!["--target-group-arn", group, "--attributes"];
    arguments.extend(pairs.iter().map(String::as_str));
    let value = |wanted: &str| set.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value);
    let mut lines = Vec::new();
    if let Some(cuts) = value(CUTS_UNHEALTHY) {
        let draining = value(UNHEALTHY_DRAINING)
            .map(|seconds| format!("\n    unhealthy_draining_interval             = {seconds}"))
            .unwrap_or_default();
        lines.push(format!(
            "target_health_state {{\n    enable_unhealthy_connection_termination = {cuts}{draining}\n  }}"
        ));
    }
    lines.extend(value(DELAY).map(|seconds| format!("deregistration_delay = {seconds}")));
    lines.extend(value(CUTS_DEREGISTERED).map(|cuts| format!("connection_termination = {cuts}")));
    let texts: Vec<_> = set.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Step {
        service: SERVICE,
        sign: Sign::Change,
        what: format!("target group {name}: {}", texts.join(", ")),
        why: "sessions must outlive a node that is unready or drains (timeouts.drain)".to_owned(),
        action: "elasticloadbalancing:ModifyTargetGroupAttributes",
        command: words("elbv2", "modify-target-group-attributes", &arguments),
        terraform: Some(resource("aws_lb_target_group", name, group, &lines)),
    }
}

fn classic(balancer: &str, what: &str, why: &str, json: &str, lines: &[String]) -> Step {
    Step {
        service: SERVICE,
        sign: Sign::Change,
        what: format!("classic load balancer {balancer}: {what}"),
        why: why.to_owned(),
        action: "elasticloadbalancing:ModifyLoadBalancerAttributes",
        command: words(
            "elb",
            "modify-load-balancer-attributes",
            &["--load-balancer-name", balancer, "--load-balancer-attributes", json],
        ),
        terraform: Some(resource("aws_elb", balancer, balancer, lines)),
    }
}

fn registration(of: &Registration, sign: Sign) -> Step {
    let Registration { group, name, id, .. } = of;
    let adds = sign == Sign::Add;
    let port = of.port.map(|port| format!(",Port={port}")).unwrap_or_default();
    let at = of.port.map(|port| format!(", port {port}")).unwrap_or_default();
    let target = format!("Id={id}{port}");
    let (action, command, terraform) = if of.classic {
        let arguments = ["--load-balancer-name", group.as_str(), "--instances", id.as_str()];
        let (action, verb) = if adds {
            (
                "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
                "register-instances-with-load-balancer",
            )
        } else {
            (
                "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
                "deregister-instances-from-load-balancer",
            )
        };
        let lines = [format!("elb      = \"{group}\""), format!("instance = \"{id}\"")];
        (
            action,
            words("elb", verb, &arguments),
            resource("aws_elb_attachment", &format!("{name}_{id}"), "", &lines),
        )
    } else {
        let arguments = ["--target-group-arn", group.as_str(), "--targets", target.as_str()];
        let (action, verb) = if adds {
            ("elasticloadbalancing:RegisterTargets", "register-targets")
        } else {
            ("elasticloadbalancing:DeregisterTargets", "deregister-targets")
        };
        let mut lines =
            vec![format!("target_group_arn = \"{group}\""), format!("target_id        = \"{id}\"")];
        lines.extend(of.port.map(|port| format!("port             = {port}")));
        (
            action,
            words("elbv2", verb, &arguments),
            resource("aws_lb_target_group_attachment", &format!("{name}_{id}"), "", &lines),
        )
    };
    Step {
        service: SERVICE,
        sign,
        what: format!("target {id}{at} of {name}"),
        why: of.why.to_owned(),
        action,
        command,
        terraform: adds.then_some(terraform),
    }
}

fn words(tool: &str, verb: &str, arguments: &[&str]) -> Vec<String> {
    ["aws", tool, verb].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

/// A resource, or what to add to one that is there already, which `is` names.
fn resource(kind: &str, name: &str, is: &str, lines: &[String]) -> String {
    let known =
        if is.is_empty() { String::new() } else { format!("  # {is}: beside what it has\n") };
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("resource \"{kind}\" \"{}\" {{\n{known}{lines}}}\n", label(name))
}

/// A name as Terraform takes it.
pub(super) fn label(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

const SERVICE: &str = "elasticloadbalancing";

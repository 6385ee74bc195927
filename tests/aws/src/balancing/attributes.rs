//! Attributes and what they may be.

use crate::ec2::Tags;
use crate::problem::Problem;

/// Name, value at the start, and what it may be.
pub(super) type Attribute = (&'static str, &'static str, Rule);

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    Truth,
    Between(u32, u32),
    One(&'static [&'static str]),
    /// A number or `off`.
    OffOr(u32, u32),
    Any,
}

/// Of network balancers.
pub(super) const BALANCER: [Attribute; 8] = [
    ("access_logs.s3.bucket", "", Rule::Any),
    ("access_logs.s3.enabled", "false", Rule::Truth),
    ("access_logs.s3.prefix", "", Rule::Any),
    ("deletion_protection.enabled", "false", Rule::Truth),
    (
        "dns_record.client_routing_policy",
        "any_availability_zone",
        Rule::One(&[
            "any_availability_zone",
            "availability_zone_affinity",
            "partial_availability_zone_affinity",
        ]),
    ),
    ("load_balancing.cross_zone.enabled", "false", Rule::Truth),
    ("secondary_ips.auto_assigned.per_subnet", "0", Rule::Between(0, 7)),
    ("zonal_shift.config.enabled", "false", Rule::Truth),
];

/// Of listeners of TCP.
pub(super) const LISTENER: [Attribute; 1] =
    [("tcp.idle_timeout.seconds", "350", Rule::Between(60, 6000))];

/// Of target groups of network balancers. The place of the PROXY header is not among them: only the support of AWS
/// sets it.
pub(super) const TARGET_GROUP: [Attribute; 13] = [
    ("deregistration_delay.connection_termination.enabled", "false", Rule::Truth),
    ("deregistration_delay.timeout_seconds", "300", Rule::Between(0, 3600)),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Rule::One(&["true", "false", "use_load_balancer_configuration"]),
    ),
    ("preserve_client_ip.enabled", "true", Rule::Truth),
    ("proxy_protocol_v2.enabled", "false", Rule::Truth),
    ("stickiness.enabled", "false", Rule::Truth),
    ("stickiness.type", "source_ip", Rule::One(&["source_ip"])),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1", Rule::OffOr(1, 1000)),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
        Rule::OffOr(1, 100),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
        Rule::Between(1, 1000),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        Rule::OffOr(1, 100),
    ),
    (TERMINATION, "true", Rule::Truth),
    (DRAINING, "0", Rule::Between(0, 360_000)),
];

/// Whether a target that fails its health check loses its connections.
pub(super) const TERMINATION: &str = "target_health_state.unhealthy.connection_termination.enabled";
/// How long it drains in place of that.
pub(super) const DRAINING: &str = "target_health_state.unhealthy.draining_interval_seconds";

/// All of a kind as they are at the start.
pub(super) fn defaults(kind: &[Attribute]) -> Tags {
    kind.iter().map(|(name, value, _)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The attributes after a change.
pub(super) fn changed(
    kind: &[Attribute],
    old: &Tags,
    wanted: &[(String, String)],
) -> Result<Tags, Problem> {
    let mut new = old.clone();
    for (name, value) in wanted {
        let rule = kind.iter().find(|(known, _, _)| known == name).map(|(_, _, rule)| *rule);
        let rule = rule.ok_or_else(|| {
            Problem::new(
                "ValidationError",
                format_args!("Attribute key '{name}' is not recognized"),
            )
        })?;
        let within =
            |least, most| value.parse::<u32>().is_ok_and(|it| (least..=most).contains(&it));
        let (good, expected) = match rule {
            Rule::Truth => {
                (["true", "false"].contains(&value.as_str()), "'true' or 'false'".to_owned())
            }
            Rule::Between(least, most) => {
                (within(least, most), format!("between '{least}-{most}' inclusive"))
            }
            Rule::OffOr(least, most) => (
                value == "off" || within(least, most),
                format!("'off' or between '{least}-{most}'"),
            ),
            Rule::One(these) => (these.contains(&value.as_str()), format!("one of {these:?}")),
            Rule::Any => (true, String::new()),
        };
        if !good {
            let message = format!("'{name}' must be {expected}");
            return Err(Problem::new("ValidationError", message));
        }
        new.insert(name.clone(), value.clone());
    }
    Ok(new)
}

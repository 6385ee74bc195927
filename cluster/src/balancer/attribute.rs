//! What can be set at a target group, with what holds where nothing is.
//!
//! Names and defaults: `TargetGroupAttribute` in the API reference of Elastic Load Balancing, version 2015-12-01.

use std::time::Duration;

use serde::Serialize;

use super::facts::{Protocol, TargetKind};

/// Attributes of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attributes {
    /// Whether the balancer says who the client is.
    pub proxy: Header,
    /// Whether targets see the client's address.
    pub preserve_client_ip: bool,
    /// Whether connections of a target are cut as soon as it is unhealthy; `None`: there is no such attribute.
    pub cuts_unhealthy: Option<bool>,
    /// If not: for how long they go on.
    pub unhealthy_draining: Duration,
    /// For how long connections of a deregistered target go on; `None`: for ever.
    pub deregistration_delay: Option<Duration>,
    /// Whether they are cut then.
    pub cuts_deregistered: bool,
    /// `None`: as at the balancer.
    pub cross_zone: Option<bool>,
}

/// Whether the balancer says who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// It does not.
    Off,
    /// By a line of the PROXY protocol, version 1, before everything else.
    V1,
    /// By version 2, before everything else.
    V2,
    /// By version 2, with the client's first bytes: what a Network Load Balancer does if nobody says otherwise.
    Late,
}

/// How a group finds out who can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// How it asks.
    pub protocol: Protocol,
    /// Where; `None`: at the port that clients are sent to.
    pub port: Option<u16>,
    /// Between two questions.
    pub interval: Duration,
    /// So many answers that fail make a target unhealthy.
    pub failures: u32,
}

impl Attributes {
    /// Of the attributes as AWS lists them, key and value. Where there is none it holds what AWS does without it.
    pub fn read<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        targets_are: TargetKind,
        protocol: Protocol,
    ) -> Self {
        let by_address =
            targets_are == TargetKind::Ip && matches!(protocol, Protocol::Tcp | Protocol::Tls);
        let mut read = Self { preserve_client_ip: !by_address, ..Self::default() };
        let mut is_first = false;
        for (key, value) in pairs {
            let is_on = value == "true";
            let seconds = value.parse().ok().map(Duration::from_secs);
            match key {
                PROXY if is_on => read.proxy = Header::Late,
                PLACEMENT => is_first = value == "on_first_ack",
                PRESERVE => read.preserve_client_ip = is_on,
                CUTS_UNHEALTHY => read.cuts_unhealthy = Some(is_on),
                UNHEALTHY_DRAINING => read.unhealthy_draining = seconds.unwrap_or_default(),
                DELAY => read.deregistration_delay = seconds,
                CUTS_DEREGISTERED => read.cuts_deregistered = is_on,
                CROSS_ZONE => read.cross_zone = value.parse().ok(),
                _ => {}
            }
        }
        if read.proxy == Header::Late && is_first {
            read.proxy = Header::V2;
        }
        read
    }
}

impl Default for Attributes {
    /// Of a group for TCP whose targets are instances, and of which nothing was changed.
    fn default() -> Self {
        Self {
            proxy: Header::Off,
            preserve_client_ip: true,
            cuts_unhealthy: Some(true),
            unhealthy_draining: Duration::ZERO,
            deregistration_delay: Some(Duration::from_secs(300)),
            cuts_deregistered: false,
            cross_zone: None,
        }
    }
}

impl HealthCheck {
    /// How long a node that is gone may still get connections, nearly.
    pub fn patience(&self) -> Duration {
        self.interval.saturating_mul(self.failures)
    }
}

pub(super) const PROXY: &str = "proxy_protocol_v2.enabled";
/// Told to those for whom AWS Support has set it.
const PLACEMENT: &str = "proxy_protocol_v2.client_to_server.header_placement";
pub(super) const PRESERVE: &str = "preserve_client_ip.enabled";
pub(super) const CUTS_UNHEALTHY: &str =
    "target_health_state.unhealthy.connection_termination.enabled";
pub(super) const UNHEALTHY_DRAINING: &str =
    "target_health_state.unhealthy.draining_interval_seconds";
pub(super) const DELAY: &str = "deregistration_delay.timeout_seconds";
pub(super) const CUTS_DEREGISTERED: &str = "deregistration_delay.connection_termination.enabled";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
/// Of [`UNHEALTHY_DRAINING`].
pub(super) const UNHEALTHY_DRAINING_MAX: Duration = Duration::from_secs(360_000);
/// Of [`DELAY`], and of the draining of a classic balancer.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], targets_are: TargetKind) -> Attributes {
        Attributes::read(pairs.iter().copied(), targets_are, Protocol::Tcp)
    }

    #[test]
    fn what_is_not_set_is_as_aws_does_it() {
        assert_eq!(read(&[], TargetKind::Instance), Attributes::default());
        assert!(!read(&[], TargetKind::Ip).preserve_client_ip);
        let odd = [("load_balancing.cross_zone.enabled", "use_load_balancer_configuration")];
        assert_eq!(read(&odd, TargetKind::Instance).cross_zone, None);
    }

    #[test]
    fn what_is_set_is_read() {
        let set = [
            ("proxy_protocol_v2.enabled", "true"),
            ("preserve_client_ip.enabled", "false"),
            ("target_health_state.unhealthy.connection_termination.enabled", "false"),
            ("target_health_state.unhealthy.draining_interval_seconds", "600"),
            ("deregistration_delay.timeout_seconds", "3600"),
            ("deregistration_delay.connection_termination.enabled", "true"),
            ("load_balancing.cross_zone.enabled", "true"),
            ("a.later.one", "1"),
        ];
        let found = Attributes {
            proxy: Header::Late,
            preserve_client_ip: false,
            cuts_unhealthy: Some(false),
            unhealthy_draining: Duration::from_secs(600),
            deregistration_delay: Some(Duration::from_secs(3600)),
            cuts_deregistered: true,
            cross_zone: Some(true),
        };
        assert_eq!(read(&set, TargetKind::Instance), found);
    }

    #[test]
    fn a_header_is_late_unless_support_has_changed_that() {
        let placed = |enabled, placement| {
            read(&[(PLACEMENT, placement), (PROXY, enabled)], TargetKind::Instance).proxy
        };
        assert_eq!(placed("true", "on_first_ack"), Header::V2);
        assert_eq!(placed("true", "on_first_ack_with_payload"), Header::Late);
        assert_eq!(placed("false", "on_first_ack"), Header::Off);
    }
}

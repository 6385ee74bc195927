//! Version 1.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancing::types::{InstanceState, LoadBalancerDescription};

use super::super::failure::Judged;
use super::convert::{port, seconds};
use super::{BALANCERS_MAX, Balancers, PAGE, PAGES_MAX, Query, Reading};
use crate::aws::Trouble;
use crate::balancer::{
    Attributes, Balancer, Group, Header, Health, HealthCheck, Kind, Listener, Protocol, Target,
    TargetKind, Zone,
};

impl Balancers {
    pub(super) async fn read_classic(
        &self,
        reading: &mut Reading,
        query: &Query,
    ) -> Result<(), Trouble> {
        if matches!(query, Query::Named(name) if name.starts_with("arn:") || !reading.state.is_empty())
        {
            return Ok(());
        }
        let found: Vec<_> = match query {
            Query::Named(name) => self.described(reading, Some(name)).await?,
            Query::Targets { ids, .. } => {
                let is_own = |of: &LoadBalancerDescription| {
                    of.instances()
                        .iter()
                        .any(|of| ids.iter().any(|id| of.instance_id() == Some(id)))
                };
                let mut all = self.described(reading, None).await?;
                all.retain(is_own);
                all
            }
        };
        for of in found.iter().take(BALANCERS_MAX) {
            if let Some(balancer) = self.detailed(reading, of).await? {
                reading.state.balancers.push(balancer);
            }
        }
        Ok(())
    }

    /// One that was read before.
    pub(super) async fn read_classic_again(
        &self,
        reading: &mut Reading,
        balancer: &mut Balancer,
    ) -> Result<(), Trouble> {
        let found = self.described(reading, Some(&balancer.name)).await?;
        let Some(of) = found.first() else { return Ok(()) };
        if let Some(again) = self.detailed(reading, of).await? {
            *balancer = again;
        }
        Ok(())
    }

    async fn described(
        &self,
        reading: &mut Reading,
        name: Option<&str>,
    ) -> Result<Vec<LoadBalancerDescription>, Trouble> {
        let mut all = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            reading.pace().await;
            let call = self.classic.describe_load_balancers().set_marker(marker);
            let call = match name {
                Some(name) => call.load_balancer_names(name),
                None => call.page_size(PAGE),
            };
            let action = "elasticloadbalancing:DescribeLoadBalancers";
            let answer = match call.send().await.judged(action) {
                Err(Trouble::Missing(_)) => return Ok(all),
                answer => answer?,
            };
            all.extend(answer.load_balancer_descriptions.unwrap_or_default());
            marker = answer.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                break;
            }
        }
        Ok(all)
    }

    async fn detailed(
        &self,
        reading: &mut Reading,
        of: &LoadBalancerDescription,
    ) -> Result<Option<Balancer>, Trouble> {
        let Some(name) = of.load_balancer_name() else { return Ok(None) };
        reading.pace().await;
        let call = self.classic.describe_load_balancer_attributes().load_balancer_name(name);
        let action = "elasticloadbalancing:DescribeLoadBalancerAttributes";
        let answer = match call.send().await.judged(action) {
            // It went while it was read.
            Err(Trouble::Missing(_)) => return Ok(None),
            answer => answer?,
        };
        let headers = self.headers(reading, name, of).await?;
        reading.pace().await;
        let call = self.classic.describe_instance_health().load_balancer_name(name);
        let action = "elasticloadbalancing:DescribeInstanceHealth";
        let states = call.send().await.judged(action);
        let states = reading.unless_refused(states)?;
        let states = states.and_then(|answer| answer.instance_states).unwrap_or_default();
        let mut balancer = balancer(name, of, &headers, &states);
        balancer.owner = self.read_classic_owner(reading, name).await?;
        if let Some(attributes) = answer.load_balancer_attributes() {
            let settings = attributes.connection_settings();
            balancer.idle_timeout = settings.and_then(|of| seconds(of.idle_timeout()));
            let draining = attributes.connection_draining().filter(|of| of.enabled());
            balancer.draining = draining.and_then(|of| seconds(of.timeout().unwrap_or(300)));
            balancer.cross_zone =
                attributes.cross_zone_load_balancing().is_some_and(|of| of.enabled());
        }
        Ok(Some(balancer))
    }

    /// The policies that send a header.
    async fn headers(
        &self,
        reading: &mut Reading,
        name: &str,
        of: &LoadBalancerDescription,
    ) -> Result<BTreeSet<String>, Trouble> {
        let used = of.backend_server_descriptions().iter();
        if used.flat_map(|of| of.policy_names()).next().is_none() {
            return Ok(BTreeSet::new());
        }
        reading.pace().await;
        let call = self.classic.describe_load_balancer_policies().load_balancer_name(name);
        let action = "elasticloadbalancing:DescribeLoadBalancerPolicies";
        let answer = call.send().await.judged(action)?;
        let sends = answer.policy_descriptions().iter().filter(|policy| {
            policy.policy_type_name() == Some("ProxyProtocolPolicyType")
                && policy.policy_attribute_descriptions().iter().any(|of| {
                    of.attribute_name() == Some("ProxyProtocol")
                        && of.attribute_value().is_some_and(|on| on.eq_ignore_ascii_case("true"))
                })
        });
        Ok(sends.filter_map(|policy| policy.policy_name()).map(ToOwned::to_owned).collect())
    }
}

fn balancer(
    name: &str,
    of: &LoadBalancerDescription,
    headers: &BTreeSet<String>,
    states: &[InstanceState],
) -> Balancer {
    let zone = |name: &String| Zone { name: name.clone(), ..Zone::default() };
    let mut balancer = Balancer {
        dns_name: of.dns_name().unwrap_or_default().to_owned(),
        public: of.scheme() == Some("internet-facing"),
        vpc: of.vpc_id().unwrap_or_default().to_owned(),
        zones: of.availability_zones().iter().map(zone).collect(),
        security_groups: of.security_groups().to_vec(),
        ..Balancer::named(Kind::Classic, name)
    };
    for listener in of.listener_descriptions().iter().filter_map(|of| of.listener()) {
        let (Some(dialled), Some(target)) =
            (port(listener.load_balancer_port()), port(listener.instance_port()))
        else {
            continue;
        };
        let id = format!("{name}:{target}");
        balancer.listeners.push(Listener {
            arn: String::new(),
            protocol: Protocol::of(listener.protocol()),
            port: dialled,
            idle_timeout: None,
            owner: None,
            groups: vec![id.clone()],
        });
        if balancer.groups.iter().any(|group| group.arn == id) {
            continue;
        }
        let backend = of
            .backend_server_descriptions()
            .iter()
            .find(|backend| backend.instance_port().and_then(port) == Some(target));
        let sends =
            backend.is_some_and(|of| of.policy_names().iter().any(|of| headers.contains(of)));
        balancer.groups.push(Group {
            arn: id,
            name: name.to_owned(),
            owner: None,
            protocol: listener.instance_protocol().map_or(Protocol::Tcp, Protocol::of),
            port: target,
            targets_are: TargetKind::Instance,
            attributes: Attributes {
                proxy: if sends { Header::V1 } else { Header::Off },
                preserve_client_ip: false,
                cuts_unhealthy: None,
                deregistration_delay: None,
                ..Attributes::default()
            },
            health: health_check(of),
            targets: targets(of, states, target),
        });
    }
    balancer
}

/// Its target is `TCP:8082` or `HTTP:8082/readyz`.
fn health_check(of: &LoadBalancerDescription) -> HealthCheck {
    let check = of.health_check();
    let target = check.map(|check| check.target()).unwrap_or_default();
    let (protocol, rest) = target.split_once(':').unwrap_or((target, ""));
    HealthCheck {
        protocol: Protocol::of(protocol),
        port: rest.split('/').next().and_then(|port| port.parse().ok()),
        interval: check.and_then(|check| seconds(check.interval())).unwrap_or_default(),
        failures: check
            .and_then(|check| u32::try_from(check.unhealthy_threshold()).ok())
            .unwrap_or_default(),
    }
}

fn targets(of: &LoadBalancerDescription, states: &[InstanceState], port: u16) -> Vec<Target> {
    let ids = of.instances().iter().filter_map(|instance| instance.instance_id());
    ids.map(|id| {
        let state = states.iter().find(|state| state.instance_id() == Some(id));
        let reason = state.and_then(|state| state.description()).filter(|text| *text != "N/A");
        Target {
            id: id.to_owned(),
            port,
            zone: None,
            health: Health::of(state.and_then(|state| state.state()).unwrap_or_default()),
            reason: reason.unwrap_or_default().to_owned(),
        }
    })
    .collect()
}

//! Version 2.

use aws_sdk_elasticloadbalancingv2::types::{
    ListenerAttribute, LoadBalancer, TargetGroup, TargetGroupAttribute, TargetHealthDescription,
};

use super::super::failure::Judged;
use super::{BALANCERS_MAX, Balancers, GROUPS_MAX, PAGE, PAGES_MAX, Query, Reading, convert};
use crate::aws::Trouble;
use crate::balancer::{Balancer, Kind, Protocol, Target};

impl Balancers {
    pub(super) async fn read_network(
        &self,
        reading: &mut Reading,
        query: &Query,
    ) -> Result<(), Trouble> {
        let found = match query {
            Query::Named(name) => self.named(reading, name).await?,
            Query::Targets { ids, vpc } => self.by_targets(reading, ids, vpc).await?,
        };
        for balancer in found.iter().filter_map(convert::balancer).take(BALANCERS_MAX) {
            let balancer = self.details(reading, balancer).await?;
            reading.state.balancers.push(balancer);
        }
        Ok(())
    }

    async fn named(&self, reading: &mut Reading, name: &str) -> Result<Vec<LoadBalancer>, Trouble> {
        let call = self.network.describe_load_balancers();
        let call =
            if name.starts_with("arn:") { call.load_balancer_arns(name) } else { call.names(name) };
        reading.pace().await;
        match call.send().await.judged(BALANCERS) {
            Ok(answer) => Ok(answer.load_balancers.unwrap_or_default()),
            // It may be a classic one.
            Err(Trouble::Missing(_)) => Ok(Vec::new()),
            Err(other) => Err(other),
        }
    }

    async fn by_targets(
        &self,
        reading: &mut Reading,
        ids: &[String],
        vpc: &str,
    ) -> Result<Vec<LoadBalancer>, Trouble> {
        let groups = self.groups(reading, None).await?;
        let mut near: Vec<_> = groups
            .iter()
            .filter(|group| vpc.is_empty() || group.vpc_id().is_none_or(|of| of == vpc))
            .filter(|group| !group.load_balancer_arns().is_empty())
            .collect();
        if near.len() > GROUPS_MAX {
            reading.unread(format!(
                "{} target groups are too many to look for this node in, {GROUPS_MAX} were looked at: name the balancer \
                 (aws.balancer)",
                near.len()
            ));
            near.truncate(GROUPS_MAX);
        }
        let mut arns: Vec<String> = Vec::new();
        for group in near {
            // A balancer that is found needs no second proof.
            let unknown = group.load_balancer_arns().iter().any(|arn| !arns.contains(arn));
            let Some(arn) = group.target_group_arn().filter(|_| unknown) else { continue };
            let targets = self.targets(reading, arn).await?;
            if targets.iter().any(|target| ids.contains(&target.id)) {
                arns.extend(group.load_balancer_arns().iter().cloned());
            }
        }
        arns.sort_unstable();
        arns.dedup();
        arns.truncate(BALANCERS_MAX);
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        reading.pace().await;
        let call = self.network.describe_load_balancers().set_load_balancer_arns(Some(arns));
        let answer = call.send().await.judged(BALANCERS);
        Ok(reading
            .unless_refused(answer)?
            .and_then(|answer| answer.load_balancers)
            .unwrap_or_default())
    }

    async fn details(
        &self,
        reading: &mut Reading,
        mut balancer: Balancer,
    ) -> Result<Balancer, Trouble> {
        // Nothing of it would be of use.
        if balancer.kind != Kind::Network {
            return Ok(balancer);
        }
        reading.pace().await;
        let call = self.network.describe_load_balancer_attributes();
        let answer = call.load_balancer_arn(&balancer.arn).send().await;
        let action = "elasticloadbalancing:DescribeLoadBalancerAttributes";
        let answer = answer.judged(action)?;
        balancer.cross_zone = answer.attributes().iter().any(|of| {
            of.key() == Some("load_balancing.cross_zone.enabled") && of.value() == Some("true")
        });
        self.listeners(reading, &mut balancer).await?;
        let arn = balancer.arn.clone();
        for group in self.groups(reading, Some(&arn)).await? {
            let Some(arn) = group.target_group_arn() else { continue };
            let attributes = self.attributes(reading, arn).await?;
            let mut group = convert::group(&group, &attributes);
            group.targets = self.targets(reading, &group.arn).await?;
            balancer.groups.push(group);
        }
        self.read_owners(reading, &mut balancer).await?;
        self.read_interfaces(reading, &mut balancer).await?;
        Ok(balancer)
    }

    async fn listeners(
        &self,
        reading: &mut Reading,
        balancer: &mut Balancer,
    ) -> Result<(), Trouble> {
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            reading.pace().await;
            let call = self.network.describe_listeners().load_balancer_arn(&balancer.arn);
            let answer = call.page_size(PAGE).set_marker(marker).send().await;
            let action = "elasticloadbalancing:DescribeListeners";
            let answer = answer.judged(action)?;
            balancer.listeners.extend(answer.listeners().iter().filter_map(convert::listener));
            marker = answer.next_marker;
            if marker.is_none() {
                break;
            }
        }
        for listener in &mut balancer.listeners {
            if listener.protocol != Protocol::Tcp {
                continue;
            }
            reading.pace().await;
            let call = self.network.describe_listener_attributes().listener_arn(&listener.arn);
            let action = "elasticloadbalancing:DescribeListenerAttributes";
            let answer = call.send().await.judged(action);
            let attributes = reading.unless_refused(answer)?;
            let attributes = attributes.and_then(|answer| answer.attributes).unwrap_or_default();
            listener.idle_timeout = idle_timeout(&attributes);
        }
        Ok(())
    }

    /// Those of a balancer, or all.
    async fn groups(
        &self,
        reading: &mut Reading,
        balancer: Option<&str>,
    ) -> Result<Vec<TargetGroup>, Trouble> {
        let mut groups = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            reading.pace().await;
            let call = self.network.describe_target_groups().page_size(PAGE).set_marker(marker);
            let call = call.set_load_balancer_arn(balancer.map(ToOwned::to_owned));
            let action = "elasticloadbalancing:DescribeTargetGroups";
            let answer = call.send().await.judged(action)?;
            groups.extend(answer.target_groups.unwrap_or_default());
            marker = answer.next_marker;
            if marker.is_none() {
                break;
            }
        }
        Ok(groups)
    }

    async fn attributes(
        &self,
        reading: &mut Reading,
        group: &str,
    ) -> Result<Vec<TargetGroupAttribute>, Trouble> {
        reading.pace().await;
        let call = self.network.describe_target_group_attributes().target_group_arn(group);
        let action = "elasticloadbalancing:DescribeTargetGroupAttributes";
        let answer = call.send().await.judged(action)?;
        Ok(answer.attributes.unwrap_or_default())
    }

    pub(super) async fn targets(
        &self,
        reading: &mut Reading,
        group: &str,
    ) -> Result<Vec<Target>, Trouble> {
        reading.pace().await;
        let call = self.network.describe_target_health().target_group_arn(group);
        let action = "elasticloadbalancing:DescribeTargetHealth";
        let answer = match call.send().await.judged(action) {
            // It went while it was read.
            Err(Trouble::Missing(_)) => return Ok(Vec::new()),
            answer => answer?,
        };
        let all: &[TargetHealthDescription] = answer.target_health_descriptions();
        Ok(all.iter().filter_map(convert::target).collect())
    }
}

fn idle_timeout(attributes: &[ListenerAttribute]) -> Option<std::time::Duration> {
    let of = attributes.iter().find(|of| of.key() == Some("tcp.idle_timeout.seconds"))?;
    of.value()?.parse().ok().and_then(convert::seconds)
}

const BALANCERS: &str = "elasticloadbalancing:DescribeLoadBalancers";

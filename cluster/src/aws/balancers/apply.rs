//! One change, done.

use std::time::Duration;

use aws_sdk_elasticloadbalancing::types::{
    ConnectionDraining, ConnectionSettings, Instance, LoadBalancerAttributes,
};
use aws_sdk_elasticloadbalancingv2::types::{
    ListenerAttribute, TargetDescription, TargetGroupAttribute,
};

use super::super::failure::Judged;
use super::Balancers;
use crate::aws::Trouble;
use crate::balancer::{Change, Registration};

impl Balancers {
    /// Does one change. Who is a target already, or none any more, is success. The API has no dry run: in one nothing
    /// is called, and whether it would be permitted is not known.
    ///
    /// # Errors
    /// It failed, or may have.
    pub async fn apply(&self, change: &Change, dry_run: bool) -> Result<(), Trouble> {
        if dry_run {
            return Ok(());
        }
        match change {
            Change::Attributes { group, set, .. } => self.set_group(group, set).await,
            Change::ListenerIdle { listener, to, .. } => self.set_listener(listener, *to).await,
            Change::ClassicIdle { balancer, to } => {
                let settings = ConnectionSettings::builder().idle_timeout(whole(*to)).build();
                let settings = settings.map_err(|error| Trouble::Rejected {
                    code: "ValidationError".to_owned(),
                    message: error.to_string(),
                })?;
                let attributes = LoadBalancerAttributes::builder().connection_settings(settings);
                self.set_classic(balancer, attributes.build()).await
            }
            Change::ClassicDraining { balancer, to } => {
                let draining = ConnectionDraining::builder().enabled(true).timeout(whole(*to));
                let attributes =
                    LoadBalancerAttributes::builder().connection_draining(draining.build());
                self.set_classic(balancer, attributes.build()).await
            }
            Change::Register(of) if of.classic => self.register_classic(of).await,
            Change::Register(of) => self.register(of).await,
            Change::Deregister(of) if of.classic => unless_gone(self.deregister_classic(of).await),
            Change::Deregister(of) => unless_gone(self.deregister(of).await),
        }
    }

    async fn set_group(&self, group: &str, set: &[(&'static str, String)]) -> Result<(), Trouble> {
        let attribute = |(key, value): &(&'static str, String)| {
            TargetGroupAttribute::builder().key(*key).value(value).build()
        };
        let call = self.network.modify_target_group_attributes().target_group_arn(group);
        let call = call.set_attributes(Some(set.iter().map(attribute).collect()));
        let action = "elasticloadbalancing:ModifyTargetGroupAttributes";
        call.send().await.map(drop).judged(action)
    }

    async fn set_listener(&self, listener: &str, to: Duration) -> Result<(), Trouble> {
        let value = to.as_secs().to_string();
        let attribute = ListenerAttribute::builder().key("tcp.idle_timeout.seconds").value(value);
        let call = self.network.modify_listener_attributes().listener_arn(listener);
        let action = "elasticloadbalancing:ModifyListenerAttributes";
        let answer = call.attributes(attribute.build()).send().await;
        answer.map(drop).judged(action)
    }

    async fn set_classic(
        &self,
        balancer: &str,
        attributes: LoadBalancerAttributes,
    ) -> Result<(), Trouble> {
        let call = self.classic.modify_load_balancer_attributes().load_balancer_name(balancer);
        let action = "elasticloadbalancing:ModifyLoadBalancerAttributes";
        let answer = call.load_balancer_attributes(attributes).send().await;
        answer.map(drop).judged(action)
    }

    async fn register(&self, of: &Registration) -> Result<(), Trouble> {
        let call = self.network.register_targets().target_group_arn(&of.group);
        let action = "elasticloadbalancing:RegisterTargets";
        let answer = call.targets(target(of)).send().await;
        answer.map(drop).judged(action)
    }

    async fn deregister(&self, of: &Registration) -> Result<(), Trouble> {
        let call = self.network.deregister_targets().target_group_arn(&of.group);
        let action = "elasticloadbalancing:DeregisterTargets";
        let answer = call.targets(target(of)).send().await;
        answer.map(drop).judged(action)
    }

    async fn register_classic(&self, of: &Registration) -> Result<(), Trouble> {
        let call = self.classic.register_instances_with_load_balancer();
        let call = call.load_balancer_name(&of.group).instances(instance(of));
        let action = "elasticloadbalancing:RegisterInstancesWithLoadBalancer";
        call.send().await.map(drop).judged(action)
    }

    async fn deregister_classic(&self, of: &Registration) -> Result<(), Trouble> {
        let call = self.classic.deregister_instances_from_load_balancer();
        let call = call.load_balancer_name(&of.group).instances(instance(of));
        let action = "elasticloadbalancing:DeregisterInstancesFromLoadBalancer";
        call.send().await.map(drop).judged(action)
    }
}

fn target(of: &Registration) -> TargetDescription {
    TargetDescription::builder().id(&of.id).set_port(of.port.map(i32::from)).build()
}

fn instance(of: &Registration) -> Instance {
    Instance::builder().instance_id(&of.id).build()
}

/// A target, a group or an instance that is not there is none.
fn unless_gone(done: Result<(), Trouble>) -> Result<(), Trouble> {
    match done {
        Err(Trouble::Missing(_)) => Ok(()),
        Err(Trouble::Rejected { code, .. })
            if ["InvalidTarget", "InvalidInstance"].contains(&code.as_str()) =>
        {
            Ok(())
        }
        done => done,
    }
}

fn whole(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

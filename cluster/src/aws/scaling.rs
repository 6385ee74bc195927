//! Auto Scaling: where the instance of this node stands in its group, and what [`crate::lifecycle`] asks for.

use aws_config::SdkConfig;
use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::types::LifecycleHook;

use super::Trouble;
use super::failure::Judged;
use super::span::Spans;
use crate::lifecycle::{Call, Hook, Placement};

/// The client, for one instance.
#[derive(Clone, Debug)]
pub struct Scaling {
    client: Client,
    instance: String,
}

/// What a call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// To [`Call::Look`]: where it stands; `None`: in no group.
    Placement(Option<Placement>),
}

impl Scaling {
    /// Of the region and with the credentials of the session.
    pub fn new(session: &SdkConfig, instance: &str) -> Self {
        let config = aws_sdk_autoscaling::config::Builder::from(session).interceptor(Spans);
        Self { client: Client::from_conf(config.build()), instance: instance.to_owned() }
    }

    /// Makes a call, two for [`Call::Look`] where the instance is in a group.
    ///
    /// # Errors
    /// It failed, or may have; what that means is an [`Outcome`](crate::lifecycle::Outcome) of it.
    pub async fn call(&self, call: &Call) -> Result<Answer, Trouble> {
        match call {
            Call::Look => self.placement().await.map(Answer::Placement),
            Call::Heartbeat { group, hook } => self.heartbeat(group, hook).await,
            Call::Complete { group, hook } => self.complete(group, hook).await,
            Call::Protect { group, on } => self.protect(group, *on).await,
        }
    }

    async fn placement(&self) -> Result<Option<Placement>, Trouble> {
        let action = "autoscaling:DescribeAutoScalingInstances";
        let call = self.client.describe_auto_scaling_instances().instance_ids(&self.instance);
        let answer = call.send().await.judged(action)?;
        let mut all = answer.auto_scaling_instances().iter();
        let Some(of) = all.find(|of| of.instance_id() == Some(&self.instance)) else {
            return Ok(None);
        };
        let group = of.auto_scaling_group_name().unwrap_or_default();
        Ok(Some(Placement {
            group: group.to_owned(),
            state: of.lifecycle_state().unwrap_or_default().to_owned(),
            protected: of.protected_from_scale_in().unwrap_or(false),
            hooks: self.hooks(group).await?,
        }))
    }

    /// A group has 50 at the most, in one answer.
    async fn hooks(&self, group: &str) -> Result<Vec<Hook>, Trouble> {
        let action = "autoscaling:DescribeLifecycleHooks";
        let call = self.client.describe_lifecycle_hooks().auto_scaling_group_name(group);
        let answer = call.send().await.judged(action)?;
        Ok(answer.lifecycle_hooks().iter().filter_map(hook).collect())
    }

    async fn heartbeat(&self, group: &str, hook: &str) -> Result<Answer, Trouble> {
        let action = "autoscaling:RecordLifecycleActionHeartbeat";
        let call = self.client.record_lifecycle_action_heartbeat().instance_id(&self.instance);
        let call = call.auto_scaling_group_name(group).lifecycle_hook_name(hook);
        call.send().await.map(|_| Answer::Done).judged(action)
    }

    async fn complete(&self, group: &str, hook: &str) -> Result<Answer, Trouble> {
        let action = "autoscaling:CompleteLifecycleAction";
        let call = self.client.complete_lifecycle_action().instance_id(&self.instance);
        let call = call.auto_scaling_group_name(group).lifecycle_hook_name(hook);
        let call = call.lifecycle_action_result("CONTINUE");
        call.send().await.map(|_| Answer::Done).judged(action)
    }

    async fn protect(&self, group: &str, on: bool) -> Result<Answer, Trouble> {
        let action = "autoscaling:SetInstanceProtection";
        let call = self.client.set_instance_protection().instance_ids(&self.instance);
        let call = call.auto_scaling_group_name(group).protected_from_scale_in(on);
        call.send().await.map(|_| Answer::Done).judged(action)
    }
}

/// One for instances that are terminated.
fn hook(of: &LifecycleHook) -> Option<Hook> {
    if of.lifecycle_transition() != Some("autoscaling:EC2_INSTANCE_TERMINATING") {
        return None;
    }
    let seconds = |seconds: Option<i32>| {
        let seconds = u64::try_from(seconds?).ok().filter(|seconds| *seconds > 0)?;
        Some(std::time::Duration::from_secs(seconds))
    };
    Some(Hook {
        name: of.lifecycle_hook_name()?.to_owned(),
        heartbeat: seconds(of.heartbeat_timeout()).unwrap_or(HEARTBEAT),
        total: seconds(of.global_timeout()),
    })
}

/// Of a hook for which nobody has set it.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(3600);

//! All that version 2 knows.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Balancer, Listener, TargetGroup};
use crate::problem::Problem;

/// Its state; everything is found by its long name (ARN).
#[derive(Clone, Debug, Default)]
pub struct Balancers {
    /// Balancers.
    pub balancers: BTreeMap<String, Balancer>,
    /// Their listeners.
    pub listeners: BTreeMap<String, Listener>,
    /// Their targets.
    pub target_groups: BTreeMap<String, TargetGroup>,
}

impl Balancers {
    pub(super) fn balancer(&self, arn: &str) -> Result<&Balancer, Problem> {
        let message = format!("Load balancer '{arn}' not found");
        self.balancers.get(arn).ok_or_else(|| Problem::new("LoadBalancerNotFound", message))
    }

    pub(super) fn listener(&self, arn: &str) -> Result<&Listener, Problem> {
        let message = format!("Listener '{arn}' not found");
        self.listeners.get(arn).ok_or_else(|| Problem::new("ListenerNotFound", message))
    }

    pub(super) fn target_group(&self, arn: &str) -> Result<&TargetGroup, Problem> {
        let message = format!("Target group '{arn}' not found");
        self.target_groups.get(arn).ok_or_else(|| Problem::new("TargetGroupNotFound", message))
    }

    /// Balancers that send something to a target group.
    pub(super) fn users(&self, target_group: &str) -> Vec<&str> {
        let listeners = self.listeners.values().filter(|it| it.target_group == target_group);
        let mut users: Vec<_> = listeners.map(|listener| listener.balancer.as_str()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        for group in self.target_groups.values_mut() {
            group.targets.retain(|target| target.draining_until.is_none_or(|until| now < until));
        }
    }
}

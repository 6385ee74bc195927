//! A group and its members.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Hook;
use crate::ec2::Tags;

/// All groups, by name.
pub type Groups = BTreeMap<String, ScalingGroup>;

/// One group.
#[derive(Clone, Debug, Default)]
pub struct ScalingGroup {
    /// Unique in the region.
    pub name: String,
    /// How many it wants, at least and at most.
    pub sizes: (u32, u32),
    /// How many it wants now.
    pub desired: u32,
    /// By the id of the instance.
    pub members: BTreeMap<String, Member>,
    /// By name.
    pub hooks: BTreeMap<String, Hook>,
    /// Long names.
    pub target_groups: Vec<String>,
    /// Names of classic balancers.
    pub balancers: Vec<String>,
    /// By key.
    pub tags: Tags,
}

/// An instance of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// As `InService` and `Terminating:Wait`.
    pub state: String,
    /// It is not chosen when the group becomes smaller.
    pub protected: bool,
    /// `Healthy` or `Unhealthy`.
    pub health: String,
    /// What holds it back, by the name of the hook.
    pub waits: BTreeMap<String, Wait>,
}

/// A hook that holds a member back.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Instead of the id of the instance.
    pub token: String,
    /// Goes on then, unless a heartbeat comes.
    pub deadline: Instant,
    /// Goes on then, whatever comes.
    pub last: Instant,
    /// How often a heartbeat came.
    pub beats: u32,
}

impl Wait {
    pub(super) fn begin(token: String, hook: &Hook, now: Instant) -> Self {
        let heartbeat = Duration::from_secs(hook.heartbeat);
        // At most 48 hours, or a hundred heartbeats.
        let last = now + WAIT_MAX.min(heartbeat * 100);
        Self { token, deadline: now + heartbeat, last, beats: 0 }
    }
}

const WAIT_MAX: Duration = Duration::from_secs(48 * 3600);

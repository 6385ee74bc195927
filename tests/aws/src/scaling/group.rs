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
}

impl Wait {
    pub(super) fn begin(token: String, hook: &Hook, now: Instant) -> Self {
        let heartbeat = Duration::from_secs(hook.heartbeat);
        // At most 48 hours, or a hundred heartbeats.
        let last = now + WAIT_MAX.min(heartbeat * 100);
        Self { token, deadline: now + heartbeat, last }
    }

    /// A heartbeat came: as long again, but not longer than all in all allowed.
    pub(super) fn beat(&mut self, heartbeat: Duration, now: Instant) {
        self.deadline = (now + heartbeat).min(self.last);
    }
}

const WAIT_MAX: Duration = Duration::from_secs(48 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(heartbeat: u64, begun: Instant) -> Wait {
        let (name, result) = ("drain".to_owned(), "CONTINUE".to_owned());
        Wait::begin("t".to_owned(), &Hook { name, launching: false, heartbeat, result }, begun)
    }

    #[test]
    fn a_heartbeat_makes_it_last_but_not_for_ever() {
        let (begun, heartbeat) = (Instant::now(), Duration::from_secs(60));
        let mut wait = wait(60, begun);
        assert_eq!(wait.deadline, begun + heartbeat);
        for beat in 1..=200 {
            let now = begun + Duration::from_secs(30) * beat;
            if wait.deadline <= now {
                assert_eq!(now, begun + heartbeat * 100, "it ended before its time");
                return;
            }
            wait.beat(heartbeat, now);
            assert_eq!(wait.deadline, (now + heartbeat).min(begun + heartbeat * 100));
        }
        panic!("it never ended");
    }

    #[test]
    fn two_days_are_the_most() {
        let begun = Instant::now();
        assert_eq!(wait(7200, begun).last, begun + Duration::from_secs(48 * 3600));
    }
}

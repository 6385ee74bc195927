//! What Auto Scaling says of an instance, and how its hook is held.

use std::time::{Duration, Instant};

/// Where an instance stands in its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The group.
    pub group: String,
    /// `InService`, `Terminating`, `Terminating:Wait`, `Standby`.
    pub state: String,
    /// Whether scale-in spares it.
    pub protected: bool,
    /// Hooks of the group for instances that are terminated.
    pub hooks: Vec<Hook>,
}

/// A hook for instances that are terminated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// It ends after so long without a heartbeat: 30 to 7200 s.
    pub heartbeat: Duration,
    /// And after so long with them; `None`: as the guide has it.
    pub total: Option<Duration>,
}

impl Placement {
    /// The hooks that are the node's: those whose names begin with [`HOOK_PREFIX`]. Whoever waits in another one may
    /// have heard of it by EventBridge, of which the hook itself says nothing.
    pub fn own(&self) -> impl Iterator<Item = &Hook> {
        self.hooks.iter().filter(|hook| hook.name.starts_with(HOOK_PREFIX))
    }

    /// A hook holds it now.
    pub fn waits(&self) -> bool {
        self.state == WAITS || self.state == WARMED_WAITS
    }

    /// No hook can hold it any more, or yet.
    pub(super) fn is_past(&self) -> bool {
        ["Terminating:Proceed", "Terminated", "Warmed:Terminating:Proceed"]
            .contains(&self.state.as_str())
    }
}

impl Hook {
    /// How long it can be held: the least of 48 hours and a hundred times the time between heartbeats.
    pub fn total(&self) -> Duration {
        let most = self.heartbeat.saturating_mul(100).min(TOTAL_MAX);
        self.total.map_or(most, |total| total.min(most))
    }
}

/// One hook that is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) name: String,
    heartbeat: Duration,
    /// Whatever happens, it ends then.
    last: Instant,
    /// Without a further heartbeat it ends then.
    ends: Instant,
    next: Instant,
    /// Heartbeats are refused: there is no use in more.
    refused: bool,
}

impl Held {
    /// That began to wait at `now` at the latest.
    pub(super) fn new(hook: &Hook, now: Instant) -> Self {
        let last = now + hook.total();
        let ends = (now + hook.heartbeat).min(last);
        let next = now + early(hook.heartbeat);
        Self {
            name: hook.name.clone(),
            heartbeat: hook.heartbeat,
            last,
            ends,
            next,
            refused: false,
        }
    }

    /// When the next heartbeat is due; `None`: none is of use.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.refused && self.ends < self.last).then_some(self.next)
    }

    /// By when the node must be done: as long as heartbeats work, the last moment.
    pub(super) fn deadline(&self) -> Instant {
        if self.refused { self.ends } else { self.last }
    }

    /// A heartbeat that was sent at `sent` was heard.
    pub(super) fn on_heard(&mut self, sent: Instant) {
        self.ends = (sent + self.heartbeat).min(self.last);
        self.next = sent + early(self.heartbeat);
    }

    /// It was not, perhaps: again soon.
    pub(super) fn on_failed(&mut self, now: Instant) {
        self.next = now + AGAIN.min(self.heartbeat / 6);
    }

    /// It never will be.
    pub(super) fn on_refused(&mut self) {
        self.refused = true;
    }
}

/// Three heartbeats may be lost.
fn early(heartbeat: Duration) -> Duration {
    heartbeat / 4
}

/// Of the names of hooks that nodes hold and complete.
pub const HOOK_PREFIX: &str = "flotilla";
const WAITS: &str = "Terminating:Wait";
/// From a warm pool.
const WARMED_WAITS: &str = "Warmed:Terminating:Wait";
/// Of all heartbeats together.
const TOTAL_MAX: Duration = Duration::from_secs(48 * 3600);
const AGAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str) -> Hook {
        Hook { name: name.to_owned(), heartbeat: Duration::from_secs(300), total: None }
    }

    #[test]
    fn only_own_hooks_are_held() {
        let own = |hooks: Vec<Hook>| {
            let placement = Placement { hooks, ..Placement::default() };
            placement.own().map(|hook| hook.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(own(vec![hook("drain")]), [""; 0], "somebody else's, though the only one");
        assert_eq!(own(vec![hook("flotilla-drain"), hook("logs")]), ["flotilla-drain"]);
        assert_eq!(own(vec![hook("flotilla"), hook("flotilla-2")]), ["flotilla", "flotilla-2"]);
        assert_eq!(own(Vec::new()), [""; 0]);
    }

    #[test]
    fn hooks_can_be_held_for_so_long() {
        let total = |heartbeat: u64, total: Option<u64>| {
            let total = total.map(Duration::from_secs);
            Hook { heartbeat: Duration::from_secs(heartbeat), total, ..hook("drain") }
                .total()
                .as_secs()
        };
        assert_eq!(total(30, None), 3000);
        assert_eq!(total(3600, None), 172_800);
        assert_eq!(total(7200, None), 172_800);
        assert_eq!(total(300, Some(600)), 600);
    }
}

//! Which owners are reached, as far as one arbiter knows.
//!
//! Strangers choose the ports that they come to. An owner that answers nothing, not even with a reset, would hold a
//! place for each of their connections until its dial is given up, and all places soon; so none has more than its
//! share of them while it is dialled, and after a dial that failed it is left alone for a while, and then tried once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use flotilla_cluster::id::Fence;

use crate::log::Seldom;

/// The owners that were dialled.
#[derive(Debug, Default)]
pub(super) struct Reaches(HashMap<Fence, Reach>);

#[derive(Debug, Default)]
struct Reach {
    /// Under way.
    dials: u32,
    /// When the last one failed, if none has reached it since.
    failed: Option<Instant>,
    told: Seldom,
}

impl Reaches {
    /// Begins a dial. `false`: not now. `share` is how many there may be at once; fewer, if the store has not heard of
    /// the owner.
    #[must_use]
    pub(super) fn begin(&mut self, owner: Fence, is_alive: bool, share: u32, now: Instant) -> bool {
        let reach = self.0.entry(owner).or_default();
        let most = match reach.failed {
            Some(failed) if now < failed + REST => 0,
            Some(_) => 1,
            None if is_alive => share,
            None => share.min(SILENT_MAX),
        };
        let may = reach.dials < most;
        reach.dials += u32::from(may);
        may
    }

    /// One has ended; `None`: before it came to anything.
    pub(super) fn end(&mut self, owner: Fence, is_reached: Option<bool>, now: Instant) {
        let Some(reach) = self.0.get_mut(&owner) else { return };
        reach.dials = reach.dials.saturating_sub(1);
        match is_reached {
            Some(true) => reach.failed = None,
            Some(false) => reach.failed = Some(now),
            None => {}
        }
    }

    /// Whether a failure is to be logged, and how many were not since the last one.
    pub(super) fn tells(&self, owner: Fence, now: Instant) -> Option<u64> {
        self.0.get(&owner)?.told.pass(now)
    }

    /// Forgets those that own nothing any more.
    pub(super) fn retain(&mut self, owns: impl Fn(Fence) -> bool) {
        self.0.retain(|owner, reach| reach.dials > 0 || owns(*owner));
    }
}

/// How long an owner is left alone after a dial that failed: below the patience of clients, who try again.
const REST: Duration = Duration::from_secs(2);
/// Dials at once of an owner of which the store hears nothing. It may be cut off from the store alone.
const SILENT_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Fence = Fence(7);

    fn begun(reaches: &mut Reaches, owner: Fence, is_alive: bool, now: Instant) -> usize {
        (0..1000).filter(|_| reaches.begin(owner, is_alive, 100, now)).count()
    }

    #[test]
    fn an_owner_that_answers_nothing_holds_its_share() {
        let (mut reaches, now) = (Reaches::default(), Instant::now());
        assert_eq!(begun(&mut reaches, OWNER, true, now), 100);
        assert_eq!(begun(&mut reaches, Fence(8), true, now), 100, "others have their own");
        assert_eq!(begun(&mut reaches, Fence(9), false, now), 16, "who may be dead has less");
        for _ in 0..100 {
            reaches.end(OWNER, Some(false), now);
        }
        assert_eq!(begun(&mut reaches, OWNER, true, now), 0);
        assert_eq!(begun(&mut reaches, OWNER, true, now + REST), 1, "it is tried");
        reaches.end(OWNER, Some(false), now + REST);
        assert_eq!(begun(&mut reaches, OWNER, true, now + REST), 0);
        assert_eq!(begun(&mut reaches, OWNER, true, now + 2 * REST), 1);
        reaches.end(OWNER, None, now + 2 * REST);
        assert_eq!(begun(&mut reaches, OWNER, true, now + 2 * REST), 1, "it came to nothing");
        reaches.end(OWNER, Some(true), now + 2 * REST);
        assert_eq!(begun(&mut reaches, OWNER, true, now + 2 * REST), 100, "it is back");
    }

    #[test]
    fn who_owns_nothing_is_forgotten() {
        let (mut reaches, now) = (Reaches::default(), Instant::now());
        assert!(reaches.begin(OWNER, true, 9, now) && reaches.begin(Fence(8), true, 9, now));
        reaches.end(OWNER, Some(false), now);
        reaches.retain(|_| false);
        assert_eq!(reaches.0.keys().collect::<Vec<_>>(), [&Fence(8)], "it is dialled yet");
    }
}

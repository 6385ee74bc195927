//! Protection from scale-in during long transfers.

use std::time::{Duration, Instant};

/// Whether the instance is protected, and whether it should be. Where nodes protect their instances the protection is
/// theirs: one that was killed while it was protected could not know later that it had set it.
#[derive(Clone, Debug)]
pub(super) struct Protection {
    /// A transfer that is older protects; `None`: nothing is done.
    after: Option<Duration>,
    /// As last read, or done; `None`: it must be read (again).
    is: Option<bool>,
    called: Option<Instant>,
    refused: bool,
    /// It is not wanted any more, and was before: what was set is to be taken back.
    retires: bool,
}

impl Protection {
    pub(super) fn new(after: Option<Duration>) -> Self {
        Self { after, is: None, called: None, refused: false, retires: false }
    }

    /// It is wanted otherwise from now on.
    pub(super) fn on_after(&mut self, after: Option<Duration>) {
        self.retires = after.is_none() && (self.retires || self.after.is_some());
        self.refused &= self.after == after;
        self.after = after;
    }

    /// Whether somebody must read how it is.
    pub(super) fn is_unknown(&self) -> bool {
        (self.after.is_some() || self.retires) && !self.refused && self.is.is_none()
    }

    /// What is to be set now, if it differs.
    pub(super) fn wants(&self, transfers: usize, longest: Duration) -> Option<bool> {
        match (self.is.filter(|_| !self.refused)?, self.after) {
            (false, Some(after)) => (transfers > 0 && longest >= after).then_some(true),
            (true, Some(_)) => (transfers == 0).then_some(false),
            (true, None) => self.retires.then_some(false),
            (false, None) => None,
        }
    }

    /// When that may be called.
    pub(super) fn due(&self, now: Instant) -> Instant {
        self.called.map_or(now, |called| called + APART)
    }

    pub(super) fn on_call(&mut self, now: Instant) {
        self.called = Some(now);
    }

    /// As Auto Scaling says, or as was done.
    pub(super) fn on_known(&mut self, protected: bool) {
        self.is = Some(protected);
        self.retires &= protected;
    }

    /// It may have been done.
    pub(super) fn on_failed(&mut self) {
        self.is = None;
    }

    pub(super) fn on_refused(&mut self) {
        self.refused = true;
    }
}

/// Between two calls: a group may have hundreds of nodes, and all share what the account may call.
const APART: Duration = Duration::from_secs(60);

//! Something that has to be done now and then, and is tried again until it succeeds.

use std::time::{Duration, Instant};

/// When to try; one attempt at a time.
#[derive(Debug, Default)]
pub(super) struct Errand {
    /// `None`: at once.
    next: Option<Instant>,
    is_under_way: bool,
    /// It was wanted again while it was under way.
    is_wanted_again: bool,
    /// Since the last success.
    failures: u32,
}

impl Errand {
    /// It is to be done now, or once more if it is under way.
    pub(super) fn want(&mut self) {
        self.next = None;
        self.is_wanted_again = self.is_under_way;
    }

    /// Whether to begin; then it is under way until one of the others is called.
    #[must_use]
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let begins = !self.is_under_way && self.next.is_none_or(|next| now >= next);
        self.is_under_way |= begins;
        begins
    }

    /// It is done, and is to be done again after that time.
    pub(super) fn on_done(&mut self, now: Instant, pause: Duration) {
        self.failures = 0;
        self.end(now + pause);
    }

    /// It failed. The waits grow to a bound.
    pub(super) fn on_failed(&mut self, now: Instant) {
        let wait = RETRY.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        self.failures = self.failures.saturating_add(1);
        self.end(now + wait);
    }

    fn end(&mut self, next: Instant) {
        self.is_under_way = false;
        self.next = (!std::mem::take(&mut self.is_wanted_again)).then_some(next);
    }
}

/// After the first failure.
const RETRY: Duration = Duration::from_secs(1);
/// 16 seconds at most.
const DOUBLINGS_MAX: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_one_attempt_at_a_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut errand = Errand::default();
        assert!(errand.begin(at(0)));
        assert!(!errand.begin(at(100)), "it is under way");
        errand.on_failed(at(100));
        assert!(!errand.begin(at(100)));
        assert!(errand.begin(at(101)));
        errand.on_failed(at(101));
        assert!(!errand.begin(at(102)));
        assert!(errand.begin(at(103)));
        errand.on_done(at(103), Duration::from_secs(30));
        assert!(!errand.begin(at(132)));
        assert!(errand.begin(at(133)));
        for _ in 0..40 {
            errand.on_failed(at(200));
        }
        assert!(errand.begin(at(216)), "the waits do not grow without end");
    }

    #[test]
    fn it_is_done_once_more_if_it_was_wanted_meanwhile() {
        let now = Instant::now();
        let mut errand = Errand::default();
        assert!(errand.begin(now));
        errand.want();
        assert!(!errand.begin(now));
        errand.on_done(now, Duration::from_secs(30));
        assert!(errand.begin(now));
        errand.on_done(now, Duration::from_secs(30));
        assert!(!errand.begin(now));
        errand.want();
        assert!(errand.begin(now));
    }
}

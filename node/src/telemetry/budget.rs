//! How much is exported that was not drawn: a client that fails as often as it can must not fill the collector.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

/// So many in a second. Shared by all arbiters; taken only by what went wrong.
#[derive(Debug)]
pub(super) struct Budget {
    start: Instant,
    limit: u32,
    second: AtomicU64,
    taken: AtomicU32,
}

impl Budget {
    pub(super) fn new(limit: u32, start: Instant) -> Self {
        Self { start, limit, second: AtomicU64::new(0), taken: AtomicU32::new(0) }
    }

    /// Whether there is room for one more. Around the turn of a second a few more may pass.
    pub(super) fn take(&self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.start).as_secs();
        if self.second.fetch_max(second, Ordering::Relaxed) < second {
            self.taken.store(0, Ordering::Relaxed);
        }
        self.taken.fetch_add(1, Ordering::Relaxed) < self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_in_a_second() {
        let start = Instant::now();
        let budget = Budget::new(3, start);
        let passed = |at: Instant| (0..10).filter(|_| budget.take(at)).count();
        assert_eq!(passed(start), 3);
        assert_eq!(passed(start), 0);
        assert_eq!(passed(start + Duration::from_secs(1)), 3);
        // A clock of another thread that is behind gives no room.
        assert_eq!(passed(start), 0);
        assert_eq!(passed(start + Duration::from_secs(1)), 0);
    }
}

//! Whether passive ports run out for long enough to send new clients elsewhere.

use std::time::{Duration, Instant};

/// Requests for a port that found none, over time. One client with more transfers at once than there are ports
/// is no reason to turn others away: only what goes on is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exhaustion {
    /// As counted last.
    total: u64,
    /// Since when every look but short pauses found more.
    since: Option<Instant>,
    /// When a look last found more.
    last: Option<Instant>,
}

impl Exhaustion {
    /// So many requests found none by now; whether the node is short of ports.
    pub(super) fn on_count(&mut self, total: u64, now: Instant) -> bool {
        let more = total > self.total;
        self.total = total;
        if more {
            self.since.get_or_insert(now);
            self.last = Some(now);
        } else if self.last.is_none_or(|last| now.saturating_duration_since(last) >= OVER) {
            (self.since, self.last) = (None, None);
        }
        let lasted = |since| now.saturating_duration_since(since) >= LASTING;
        self.since.is_some_and(lasted)
    }
}

/// So long it must go on. A block of ports more is there within this time, if the pool has one.
const LASTING: Duration = Duration::from_secs(5);
/// So long nothing must be short before it is over.
const OVER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_goes_on_counts() {
        let start = Instant::now();
        let mut exhaustion = Exhaustion::default();
        let mut at = |second: u64, total: u64| {
            exhaustion.on_count(total, start + Duration::from_secs(second))
        };
        assert!(!at(0, 0));
        assert!(!at(1, 5), "a burst");
        assert!(!at(4, 5));
        assert!(!at(5, 6));
        assert!(at(6, 7));
        assert!(at(10, 7), "it may come back");
        assert!(!at(16, 7));
        assert!(!at(17, 8), "it begins anew");
    }
}

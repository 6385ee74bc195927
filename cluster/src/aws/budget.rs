//! How often AWS may be called.

use std::time::{Duration, Instant};

/// Tokens for calls, and the pause after one that was too many. One budget per service and node; only the leader
/// writes, so that the pool keeps to what an account may do (Route 53: 10 calls per second for all that share the
/// account, "Throttling of API requests" in its guide).
#[derive(Clone, Debug)]
pub struct Budget {
    per_second: u32,
    /// In thousandths of a call.
    tokens: u64,
    filled: Option<Instant>,
    failures: u32,
    closed_until: Option<Instant>,
}

impl Budget {
    /// At most so many calls a second, and so many at once.
    pub fn new(per_second: u32) -> Self {
        let tokens = u64::from(per_second) * THOUSAND;
        Self { per_second, tokens, filled: None, failures: 0, closed_until: None }
    }

    /// Takes the right to one call.
    ///
    /// # Errors
    /// Not now; the time at which to ask again.
    pub fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.closed_until.filter(|until| now < *until) {
            return Err(until);
        }
        let since = self.filled.map_or(Duration::ZERO, |filled| now.duration_since(filled));
        self.filled = Some(now);
        let gained = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let most = u64::from(self.per_second) * THOUSAND;
        let gained = gained.saturating_mul(u64::from(self.per_second));
        self.tokens = self.tokens.saturating_add(gained).min(most);
        match self.tokens.checked_sub(THOUSAND) {
            Some(left) => {
                self.tokens = left;
                Ok(())
            }
            None => {
                let lacking = THOUSAND - self.tokens;
                Err(now
                    + Duration::from_millis(lacking.div_ceil(u64::from(self.per_second.max(1)))))
            }
        }
    }

    /// A call was answered, whatever the answer.
    pub fn on_answer(&mut self) {
        self.failures = 0;
    }

    /// A call was throttled or not answered: there are none for a while, twice as long each time. `chance` (0 to
    /// 255, even) spreads the nodes and pools that were refused together over the later half of it.
    pub fn on_trouble(&mut self, now: Instant, chance: u8) {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        let half = pause / 2;
        self.closed_until = Some(now + half + half * u32::from(chance) / 255);
    }
}

const THOUSAND: u64 = 1000;
/// After the first throttled call. A change of Route 53 takes about as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Whatever happens, something is tried twice a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// More of them are beyond [`PAUSE_MAX`].
const DOUBLINGS_MAX: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn calls_are_as_many_as_allowed() {
        let begun = start();
        let mut budget = Budget::new(2);
        let mut now = begun;
        let mut calls = 0;
        while now < begun + Duration::from_secs(10) {
            match budget.take(now) {
                Ok(()) => calls += 1,
                Err(later) => {
                    assert!(later > now);
                    now = later;
                }
            }
        }
        // Two at once, and two in each of ten seconds.
        assert!((20..=22).contains(&calls), "{calls}");
    }

    #[test]
    fn trouble_closes_it_for_longer_and_longer() {
        let mut now = start();
        let mut budget = Budget::new(2);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            budget.on_trouble(now, 255);
            let later = budget.take(now).unwrap_err();
            pauses.push(later.duration_since(now).as_secs());
            now = later;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        budget.take(now).unwrap();
        budget.on_answer();
        budget.on_trouble(now, 0);
        assert_eq!(budget.take(now).unwrap_err().duration_since(now), Duration::from_millis(500));
    }
}

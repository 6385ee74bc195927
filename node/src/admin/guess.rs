//! Wrong tokens: each is counted, and told of in the log no more than every ten seconds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The count.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told: Option<Instant>,
    /// Since it was told.
    untold: u64,
}

impl Guesses {
    /// Counts one; how many there were since the last time that there was something to tell.
    #[must_use]
    pub(crate) fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.untold = state.untold.saturating_add(1);
        let quiet = state.told.is_some_and(|told| now.saturating_duration_since(told) < QUIET);
        if quiet {
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

const QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line() {
        let guesses = Guesses::default();
        let begin = Instant::now();
        assert_eq!(guesses.count(begin), Some(1));
        for ms in 0..1000 {
            assert_eq!(guesses.count(begin + Duration::from_millis(ms)), None);
        }
        assert_eq!(guesses.count(begin + QUIET), Some(1001));
    }
}

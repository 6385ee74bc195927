//! What strangers can bring about as often as they like is logged once a second.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Lets one line pass in a second. One for each cause.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    /// The next one passes then.
    next: Cell<Option<Instant>>,
    /// Lines that did not, since the last one that did.
    held: Cell<u64>,
}

impl Seldom {
    /// Whether a line may be written now, and how many were not since the last one.
    #[must_use]
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
        if self.next.get().is_some_and(|next| now < next) {
            self.held.set(self.held.get().saturating_add(1));
            return None;
        }
        self.next.set(Some(now + PAUSE));
        Some(self.held.take())
    }
}

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_a_second_and_none_is_forgotten() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.pass(now), Some(0));
        assert_eq!(seldom.pass(now), None);
        assert_eq!(seldom.pass(now + PAUSE - Duration::from_nanos(1)), None);
        assert_eq!(seldom.pass(now + PAUSE), Some(2));
        assert_eq!(seldom.pass(now + PAUSE), None);
        assert_eq!(seldom.pass(now + 3 * PAUSE), Some(1));
    }
}

//! The time of a run, from its beginning; everybody who waits for it can be woken by its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A clock that can be stopped.
#[derive(Debug)]
pub(super) struct Clock {
    made: Instant,
    /// Nanoseconds from there to the beginning.
    ahead: AtomicU64,
    /// When it was stopped.
    stopped: Mutex<Option<Duration>>,
    wake: Condvar,
}

impl Clock {
    /// A clock that begins now.
    pub(super) fn new() -> Self {
        let (stopped, wake) = (Mutex::new(None), Condvar::new());
        Self { made: Instant::now(), ahead: AtomicU64::new(0), stopped, wake }
    }

    /// Lets the time begin anew, somewhat later than now; nobody may wait yet.
    pub(super) fn restart(&self, ahead: Duration) {
        let ahead = (self.made.elapsed() + ahead).as_nanos();
        self.ahead.store(u64::try_from(ahead).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn begin(&self) -> Instant {
        self.made + Duration::from_nanos(self.ahead.load(Ordering::Relaxed))
    }

    /// Time since the beginning; nothing before it.
    pub(super) fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.begin())
    }

    /// Nothing new starts any more. Only the first call counts.
    pub(super) fn stop(&self) {
        let now = self.now();
        self.lock().get_or_insert(now);
        self.wake.notify_all();
    }

    /// When the clock was stopped.
    pub(super) fn stopped(&self) -> Option<Duration> {
        *self.lock()
    }

    /// Waits for a time; whether it came before the clock was stopped.
    pub(super) fn wait_until(&self, at: Duration) -> bool {
        let due = self.begin().checked_add(at);
        let mut stopped = self.lock();
        while stopped.is_none() {
            let left = due.map_or(LONG, |due| due.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return true;
            }
            let waited = self.wake.wait_timeout(stopped, left.min(LONG));
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Waits for a time after now.
    pub(super) fn wait(&self, time: Duration) -> bool {
        self.wait_until(self.now().saturating_add(time))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Duration>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As good as for ever; the kernel takes it without overflow.
const LONG: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_its_time_or_with_the_clock() {
        let clock = Clock::new();
        assert!(clock.wait_until(Duration::from_millis(5)));
        assert!(clock.now() >= Duration::from_millis(5));
        let waited = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| clock.wait_until(Duration::MAX));
            clock.stop();
            waiter.join().unwrap()
        });
        assert!(!waited);
        let stopped = clock.stopped().unwrap();
        clock.stop();
        assert_eq!(clock.stopped(), Some(stopped));
        assert!(!clock.wait(Duration::ZERO));
    }

    #[test]
    fn the_time_begins_when_it_is_told_to() {
        let clock = Clock::new();
        clock.restart(Duration::from_secs(3600));
        assert_eq!(clock.now(), Duration::ZERO);
        clock.restart(Duration::ZERO);
        assert!(clock.wait_until(Duration::from_millis(1)));
    }
}

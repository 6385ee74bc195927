//! Open-loop pacing: when arrivals are due, and who takes them up.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ramp::Ramp;
use super::scenario::Spacing;
use crate::chance::Chance;

/// The times at which arrivals are due, one after the other. They depend on nothing but the scenario:
/// a server that is slow does not thin them out.
#[derive(Debug)]
pub(super) struct Schedule<'a> {
    ramp: &'a Ramp,
    /// Arrivals per second at full load.
    rate: f64,
    spacing: Spacing,
    chance: Chance,
    /// Arrivals so far; with random spacing the sum of the distances, whose mean is 1.
    sum: f64,
}

impl<'a> Schedule<'a> {
    /// A schedule from its beginning.
    pub(super) fn new(ramp: &'a Ramp, rate: f64, spacing: Spacing, seed: u64) -> Self {
        Self { ramp, rate, spacing, chance: Chance::new(seed, u64::MAX), sum: 0.0 }
    }
}

impl Iterator for Schedule<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let place = match self.spacing {
            // In the middle of its step, so that a rate of 1 has one arrival in each second.
            Spacing::Even => self.sum + 0.5,
            Spacing::Poisson => self.sum + self.chance.exponential(),
        };
        self.sum = match self.spacing {
            Spacing::Even => self.sum + 1.0,
            Spacing::Poisson => place,
        };
        self.ramp.passes(place / self.rate)
    }
}

/// One arrival.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// Counted from 0.
    pub(super) number: u64,
    /// When it was to be started.
    pub(super) due: Duration,
    /// The place of its protocol.
    pub(super) protocol: usize,
    /// The task that arrives; `None`: a session, or a task that there is none for.
    pub(super) task: Option<usize>,
    /// What it does beyond that: the same for the same number, whoever takes it up.
    pub(super) chance: Chance,
}

/// Where arrivals wait for a client that is free, and clients for an arrival. An arrival that waits
/// is late and not lost: what a server that stalls does to those who come meanwhile is measured.
#[derive(Debug)]
pub(super) struct Desk {
    /// Arrivals that may wait for clients that are all at work.
    backlog: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Clients that wait; those that were woken count until they have taken an arrival.
    free: usize,
    /// In the order of time; not more than `free` and the backlog when one is added.
    arrivals: VecDeque<Arrival>,
    closed: bool,
}

impl Desk {
    /// A desk at which so many arrivals may wait beyond those for whom a client is free.
    pub(super) fn new(backlog: usize) -> Self {
        Self { backlog, state: Mutex::default(), wake: Condvar::new() }
    }

    /// Gives an arrival to a free client, or lets it wait for one; back comes one too many.
    pub(super) fn offer(&self, arrival: Arrival) -> Result<(), Arrival> {
        let mut state = self.lock();
        if state.arrivals.len() >= state.free.saturating_add(self.backlog) {
            return Err(arrival);
        }
        state.arrivals.push_back(arrival);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for an arrival; `None` when there will be no more.
    pub(super) fn take(&self) -> Option<Arrival> {
        let mut state = self.lock();
        state.free += 1;
        while state.arrivals.is_empty() && !state.closed {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.free -= 1;
        state.arrivals.pop_front()
    }

    /// Sends the clients home once nothing waits any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Sends the clients home at once; gives back what waits still.
    pub(super) fn clear(&self) -> VecDeque<Arrival> {
        self.close();
        std::mem::take(&mut self.lock().arrivals)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::load::ramp::Shape;

    fn arrival(number: u64) -> Arrival {
        let (due, protocol, task) = (Duration::ZERO, 0, None);
        Arrival { number, due, protocol, task, chance: Chance::new(1, number) }
    }

    #[test]
    fn even_arrivals_are_due_in_equal_steps() {
        let ramp = Ramp::default();
        let due: Vec<_> = Schedule::new(&ramp, 4.0, Spacing::Even, 1).take(4).collect();
        assert_eq!(due, [125, 375, 625, 875].map(Duration::from_millis));
    }

    #[test]
    fn arrivals_follow_the_ramp() {
        let mut ramp = Ramp::default();
        ramp.push(Duration::from_secs(10), 1.0, Shape::Linear);
        ramp.push(Duration::from_secs(10), 0.0, Shape::Step);
        for spacing in [Spacing::Even, Spacing::Poisson] {
            let due: Vec<_> = Schedule::new(&ramp, 1000.0, spacing, 1).collect();
            // Half of ten seconds at full rate, a quarter of them in the first half.
            assert!((4800..5200).contains(&due.len()), "{}", due.len());
            let early = due.iter().filter(|due| **due < Duration::from_secs(5)).count();
            assert!((1150..1350).contains(&early), "{early}");
            assert!(due.is_sorted());
        }
    }

    #[test]
    fn random_arrivals_repeat_with_their_seed() {
        let ramp = Ramp::default();
        let due = |seed| -> Vec<_> {
            Schedule::new(&ramp, 10.0, Spacing::Poisson, seed).take(1000).collect()
        };
        assert_eq!(due(1), due(1));
        assert_ne!(due(1), due(2));
        // Of a Poisson process the distances have the deviation of their mean.
        let due = due(3);
        let distances: Vec<_> =
            due.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        let square: f64 = distances.iter().map(|distance| (distance - mean).powi(2)).sum();
        let deviation = (square / distances.len() as f64).sqrt();
        assert!((0.09..0.11).contains(&mean), "{mean}");
        assert!((0.085..0.115).contains(&deviation), "{deviation}");
    }

    #[test]
    fn without_a_backlog_an_arrival_needs_a_client_that_is_free() {
        let desk = Desk::new(0);
        assert!(desk.offer(arrival(0)).is_err());
        std::thread::scope(|scope| {
            let client = scope.spawn(|| desk.take().map(|arrival| arrival.number));
            let deadline = Instant::now() + Duration::from_secs(10);
            while desk.offer(arrival(1)).is_err() {
                assert!(Instant::now() < deadline);
                std::thread::yield_now();
            }
            // Only one client waited, and it has its arrival.
            assert!(desk.offer(arrival(2)).is_err() || client.is_finished());
            assert_eq!(client.join().unwrap(), Some(1));
            desk.close();
            assert!(desk.take().is_none());
        });
    }

    #[test]
    fn as_many_arrivals_wait_as_the_backlog_has_room_for() {
        let desk = Desk::new(2);
        assert!(desk.offer(arrival(0)).is_ok() && desk.offer(arrival(1)).is_ok());
        assert_eq!(desk.offer(arrival(2)).unwrap_err().number, 2);
        assert_eq!(desk.take().unwrap().number, 0);
        assert!(desk.offer(arrival(3)).is_ok());
        // Those that wait are served after the end as well, unless there is no time left for it.
        desk.close();
        assert_eq!(desk.take().unwrap().number, 1);
        let left: Vec<_> = desk.clear().iter().map(|arrival| arrival.number).collect();
        assert_eq!(left, [3]);
        assert!(desk.take().is_none());
    }
}

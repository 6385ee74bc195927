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
    /// What it does: the same for the same number, whoever takes it up.
    pub(super) chance: Chance,
}

/// Where arrivals wait for a client that is free, and clients for an arrival. No arrival waits for a
/// client that is at work.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Clients that wait; those that were woken count until they have taken an arrival.
    free: usize,
    /// Not more than `free`.
    arrivals: VecDeque<Arrival>,
    closed: bool,
}

impl Desk {
    /// Gives an arrival to a free client; whether there was one.
    pub(super) fn offer(&self, arrival: Arrival) -> bool {
        let mut state = self.lock();
        let free = state.arrivals.len() < state.free;
        if free {
            state.arrivals.push_back(arrival);
            self.wake.notify_one();
        }
        free
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

    /// Sends the clients home.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
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
        Arrival { number, due: Duration::ZERO, chance: Chance::new(1, number) }
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
    fn an_arrival_is_missed_when_nobody_is_free() {
        let desk = Desk::default();
        assert!(!desk.offer(arrival(0)));
        std::thread::scope(|scope| {
            let client = scope.spawn(|| desk.take().map(|arrival| arrival.number));
            let deadline = Instant::now() + Duration::from_secs(10);
            while !desk.offer(arrival(1)) {
                assert!(Instant::now() < deadline);
                std::thread::yield_now();
            }
            // Only one client waited, and it has its arrival.
            assert!(!desk.offer(arrival(2)));
            assert_eq!(client.join().unwrap(), Some(1));
            desk.close();
            assert!(desk.take().is_none());
        });
    }
}

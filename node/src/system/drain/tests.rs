//! The machine, driven by hand.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::machine::{Cause, Drain, Phase, Step};

const SECOND: Duration = Duration::from_secs(1);
const NOTICE: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(60);

/// A machine with its time.
struct Bench {
    machine: Drain,
    begun: Instant,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self { machine: Drain::new(), begun: now, now }
    }

    fn drain(&mut self, notice: Duration) -> Vec<Step> {
        self.machine.on_drain(notice, GRACE, self.now);
        self.steps()
    }

    fn stop(&mut self, notice: Duration) -> Vec<Step> {
        self.machine.on_stop(notice, GRACE, self.now);
        self.steps()
    }

    /// Lets time pass up to the next deadline, which is so long after the beginning.
    fn wait(&mut self, expected: Duration) -> Vec<Step> {
        let deadline = self.machine.next_deadline().unwrap();
        assert_eq!(deadline - self.begun, expected);
        self.machine.on_timeout(deadline - Duration::from_nanos(1));
        assert!(self.machine.poll().is_none(), "too early");
        self.now = deadline;
        self.machine.on_timeout(deadline);
        self.steps()
    }

    /// Meets every deadline up to this time.
    fn pass_deadlines(&mut self, now: Instant) {
        while let Some(deadline) = self.machine.next_deadline().filter(|&deadline| deadline <= now)
        {
            self.machine.on_timeout(deadline);
            self.steps();
        }
    }

    fn steps(&mut self) -> Vec<Step> {
        std::iter::from_fn(|| self.machine.poll()).collect()
    }
}

const OPEN: Step = Step::Close { for_good: false };
const SHUT: Step = Step::Close { for_good: true };

#[test]
fn a_drain_goes_through_its_phases() {
    let mut bench = Bench::new();
    assert_eq!(bench.drain(NOTICE), [Step::Announce]);
    assert_eq!(bench.machine.phase(), Phase::Announced);
    assert_eq!(bench.machine.end(), Some(bench.now + NOTICE + GRACE));
    assert_eq!(bench.wait(NOTICE), [OPEN]);
    assert_eq!(bench.machine.phase(), Phase::Closing);
    assert!(bench.machine.awaits_the_last());
    assert_eq!(bench.wait(NOTICE + GRACE), [Step::Halt(Cause::Grace)]);
    assert_eq!(bench.machine.phase(), Phase::Ending);
    assert_eq!(bench.wait(NOTICE + GRACE + 5 * SECOND), []);
    assert_eq!(bench.machine.phase(), Phase::Drained);
    assert_eq!((bench.machine.next_deadline(), bench.machine.is_over()), (None, false));
}

#[test]
fn without_notice_the_door_closes_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.drain(Duration::ZERO), [Step::Announce, OPEN]);
    bench.machine.on_gone();
    assert_eq!(bench.machine.phase(), Phase::Drained);
    assert_eq!(bench.steps(), []);
}

#[test]
fn a_second_drain_sets_the_patience_anew() {
    let mut bench = Bench::new();
    bench.drain(NOTICE);
    bench.machine.on_drain(SECOND, 5 * SECOND, bench.now);
    assert_eq!(bench.wait(NOTICE), [OPEN]);
    bench.machine.on_drain(SECOND, 20 * SECOND, bench.now);
    assert_eq!(bench.wait(NOTICE + 20 * SECOND), [Step::Halt(Cause::Grace)]);
}

#[test]
fn every_phase_can_be_taken_back() {
    for inputs in 1..=4 {
        let mut bench = Bench::new();
        for _ in 0..inputs {
            match bench.machine.next_deadline() {
                None => drop(bench.drain(NOTICE)),
                Some(deadline) => bench.machine.on_timeout(deadline),
            }
        }
        bench.steps();
        assert!(bench.machine.on_undrain());
        assert_eq!(bench.steps(), [Step::Reopen]);
        assert_eq!((bench.machine.phase(), bench.machine.next_deadline()), (Phase::Serving, None));
        assert!(!bench.machine.on_undrain());
        // And begun again.
        assert_eq!(bench.drain(NOTICE), [Step::Announce]);
    }
}

/// The cloud has its time, notice included; it may say something else at any time.
#[test]
fn the_cloud_sets_an_end() {
    let mut bench = Bench::new();
    bench.machine.on_cloud(NOTICE, bench.now + GRACE, bench.now);
    assert_eq!(bench.steps(), [Step::Announce]);
    assert_eq!(bench.wait(NOTICE), [OPEN]);
    assert_eq!(bench.machine.end(), Some(bench.begun + GRACE));
    bench.machine.on_cloud(NOTICE, bench.begun + 100 * GRACE, bench.now);
    assert_eq!(bench.machine.end(), Some(bench.begun + 100 * GRACE));
    bench.machine.on_cloud(NOTICE, bench.begun + 2 * GRACE, bench.now);
    assert_eq!(bench.wait(2 * GRACE), [Step::Halt(Cause::Grace)]);
    assert!(bench.machine.on_cloud_withdrawn(bench.now));
    assert_eq!(bench.steps(), [Step::Reopen]);
    assert!(!bench.machine.on_cloud_withdrawn(bench.now));

    // A notice that is as long as all the time is no use.
    let mut bench = Bench::new();
    bench.machine.on_cloud(10 * GRACE, bench.now + GRACE, bench.now);
    bench.steps();
    assert_eq!(bench.wait(GRACE / 2), [OPEN]);
    assert_eq!(bench.wait(GRACE), [Step::Halt(Cause::Grace)]);
}

/// What an operator ordered goes on when the cloud needs it no more; the shorter patience counts meanwhile.
#[test]
fn the_cloud_undoes_no_order() {
    for operator_first in [true, false] {
        let mut bench = Bench::new();
        let cloud = |bench: &mut Bench| {
            bench.machine.on_cloud(Duration::ZERO, bench.begun + GRACE / 2, bench.now);
        };
        if operator_first {
            bench.drain(Duration::ZERO);
            cloud(&mut bench);
        } else {
            cloud(&mut bench);
            bench.drain(Duration::ZERO);
        }
        bench.steps();
        assert_eq!(bench.machine.end(), Some(bench.begun + GRACE / 2));
        assert!(!bench.machine.on_cloud_withdrawn(bench.now));
        assert_eq!(bench.steps(), []);
        assert_eq!(bench.machine.end(), Some(bench.begun + GRACE));
        // The operator takes back all there is.
        cloud(&mut bench);
        assert!(bench.machine.on_undrain());
        assert_eq!(bench.steps(), [Step::Reopen]);
        assert!(!bench.machine.on_cloud_withdrawn(bench.now));
        assert_eq!(bench.machine.phase(), Phase::Serving);
    }
}

/// A stop hurries when the machine is taken away, and has no more time when it is not.
#[test]
fn a_stop_hurries_for_the_cloud() {
    for notice in [NOTICE, Duration::ZERO] {
        let mut bench = Bench::new();
        bench.stop(notice);
        bench.machine.on_cloud(notice, bench.begun + 2 * GRACE, bench.now);
        assert_eq!(bench.machine.end(), Some(bench.begun + notice + GRACE));
        bench.machine.on_cloud(notice, bench.begun + GRACE / 2, bench.now);
        assert_eq!(bench.machine.end(), Some(bench.begun + GRACE / 2));
        assert!(!bench.machine.on_cloud_withdrawn(bench.now));
        assert_eq!(bench.machine.end(), Some(bench.begun + GRACE / 2));
        assert_eq!(bench.steps(), []);
    }
}

#[test]
fn a_stop_is_for_good() {
    let mut bench = Bench::new();
    assert_eq!(bench.stop(Duration::ZERO), [Step::Announce, SHUT]);
    assert!(!bench.machine.on_undrain());
    bench.machine.on_drain(NOTICE, 100 * GRACE, bench.now);
    assert_eq!(bench.wait(GRACE), [Step::Halt(Cause::Grace)]);
    bench.machine.on_gone();
    assert!(bench.machine.is_over());
}

#[test]
fn a_second_stop_ends_at_once() {
    for notice in [NOTICE, Duration::ZERO] {
        let mut bench = Bench::new();
        bench.stop(notice);
        let steps = bench.stop(notice);
        assert!(steps.ends_with(&[Step::Halt(Cause::Stop)]), "{steps:?}");
        assert_eq!(steps.contains(&SHUT), !notice.is_zero());
        assert_eq!(bench.stop(notice), []);
        assert_eq!(bench.wait(SECOND / 2), []);
        assert!(bench.machine.is_over());
    }
}

#[test]
fn a_stop_takes_a_drain_over_where_it_is() {
    // The shorter patience counts.
    let mut bench = Bench::new();
    bench.machine.on_drain(NOTICE, 100 * GRACE, bench.now);
    bench.steps();
    assert_eq!(bench.stop(NOTICE), []);
    assert_eq!(bench.wait(NOTICE), [SHUT]);
    assert_eq!(bench.machine.end(), Some(bench.now + GRACE));

    let mut bench = Bench::new();
    bench.drain(Duration::ZERO);
    bench.now += SECOND;
    assert_eq!(bench.stop(NOTICE), [SHUT]);
    assert_eq!(bench.wait(GRACE), [Step::Halt(Cause::Grace)]);

    let mut bench = Bench::new();
    bench.drain(Duration::ZERO);
    bench.wait(GRACE);
    assert_eq!(bench.stop(NOTICE), [SHUT]);
    assert_eq!(bench.wait(GRACE + SECOND / 2), []);
    assert!(bench.machine.is_over());

    let mut bench = Bench::new();
    bench.drain(Duration::ZERO);
    bench.machine.on_gone();
    assert_eq!(bench.stop(NOTICE), []);
    assert!(bench.machine.is_over());
}

proptest! {
    /// In any order of inputs: a stop ends within notice, grace and the last words, and is not taken back.
    #[test]
    fn a_stop_always_ends(inputs in proptest::collection::vec(0u8..8, 0..40)) {
        let mut bench = Bench::new();
        let mut stopped = None;
        for input in inputs {
            bench.now += 3 * SECOND;
            bench.pass_deadlines(bench.now);
            match input {
                0 => bench.machine.on_drain(NOTICE, 3 * GRACE, bench.now),
                1 => drop(bench.machine.on_undrain()),
                2 => {
                    bench.machine.on_stop(NOTICE, GRACE, bench.now);
                    stopped.get_or_insert(bench.now);
                }
                3 => bench.machine.on_gone(),
                4 => bench.machine.on_cloud(NOTICE, bench.now + 2 * GRACE, bench.now),
                5 => drop(bench.machine.on_cloud_withdrawn(bench.now)),
                _ => {}
            }
            let steps = bench.steps();
            prop_assert!(steps.len() <= 2);
            prop_assert!(stopped.is_none() || !steps.contains(&Step::Reopen));
            prop_assert_eq!(bench.machine.is_final(), stopped.is_some());
        }
        if let Some(stopped) = stopped {
            bench.pass_deadlines(stopped + NOTICE + GRACE + SECOND / 2);
            prop_assert!(bench.machine.is_over());
        }
    }
}

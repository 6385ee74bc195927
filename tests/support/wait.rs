//! Waiting for something by name, with a deadline.

use std::time::{Duration, Instant};

/// How long anything may take that should happen at once: long enough for two busy cores, short
/// enough that a test that hangs says so.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Asks `probe` until it has an answer. For what another process does out of our sight (a file
/// that appears, a counter that falls); what arrives on a socket is read with a time-out instead.
///
/// # Panics
/// If there is no answer within [`DEADLINE`]; the message says `what`.
#[track_caller]
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match within(DEADLINE, probe) {
        Some(answer) => answer,
        None => panic!("waited {DEADLINE:?} for {what}"),
    }
}

/// As [`until`], with a deadline of its own; `None` when it passes.
pub fn within<T>(deadline: Duration, probe: impl FnMut() -> Option<T>) -> Option<T> {
    within_by(deadline, POLL, probe)
}

fn within_by<T>(
    deadline: Duration,
    pause: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(pause);
    }
}

/// As [`until`], with a deadline of its own and for what costs a process or more to ask.
///
/// # Panics
/// If there is no answer in time; the message says `what`.
#[track_caller]
pub fn told<T>(deadline: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match within_by(deadline, PAUSE, probe) {
        Some(answer) => answer,
        None => panic!("waited {deadline:?} for {what}"),
    }
}

/// Between two looks: short against a test, long against the cost of a look.
const POLL: Duration = Duration::from_millis(5);

/// Between two looks of which each is a process.
const PAUSE: Duration = Duration::from_millis(50);

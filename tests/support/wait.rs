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
pub fn within<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

/// Between two looks: short against a test, long against the cost of a look.
const POLL: Duration = Duration::from_millis(5);

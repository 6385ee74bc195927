//! The pool in virtual time: agents, the store as [`State`] defines it, and a network that misbehaves.
//!
//! One seed is one run: nodes join, crash, pause and restart, logins come and go, requests are late, lost or
//! cut off, the store forgets, goes back to an older state, stops, or has its clock set. After every step the
//! invariants of the design are judged. A run that fails prints the command that repeats it:
//!
//! ```text
//! FLOTILLA_SEED=17 cargo test -p flotilla-cluster --test simulation -- --nocapture
//! ```
//!
//! `FLOTILLA_SEED=17` also prints the script of the run; `FLOTILLA_SEEDS=5000` runs more of them.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test, all of it"
)]

mod judge;
mod node;
mod random;
mod scenario;
mod world;

use judge::Tried;
use scenario::Scenario;

/// Runs all seeds of a scenario; the process's threads share them.
fn run(scenario: Scenario) {
    if let Some(seed) = number("FLOTILLA_SEED") {
        let (script, _) = scenario.run(seed, true).unwrap_or_else(|broken| panic!("{broken}"));
        println!("{script}");
        return;
    }
    let mut all = Tried::default();
    for seed in 1..=number("FLOTILLA_SEEDS").unwrap_or(scenario.seeds) {
        match scenario.run(seed, false) {
            Ok((_, tried)) => all.add(tried),
            Err(broken) => panic!(
                "{broken}\nrepeat with: FLOTILLA_SEED={seed} cargo test -p flotilla-cluster --test \
                 simulation {} -- --nocapture",
                scenario.name
            ),
        }
    }
    scenario.has_tried(all);
}

#[expect(clippy::disallowed_methods, reason = "a test is configured by its environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A store that answers, sooner or later, and nodes that come and go: limits are exact.
#[test]
fn calm() {
    run(Scenario::CALM);
}

/// Everything at once.
#[test]
fn storm() {
    run(Scenario::STORM);
}

/// The store goes away for minutes, and comes back as it was.
#[test]
fn outage() {
    run(Scenario::OUTAGE);
}

/// The store comes back empty or older.
#[test]
fn amnesia() {
    run(Scenario::AMNESIA);
}

/// Nodes want port blocks, and the store forgets who has which; nodes are cut off from it.
#[test]
fn leases() {
    run(Scenario::LEASES);
}

/// Nodes are cut off for longer than their blocks are kept for them.
#[test]
fn silence() {
    run(Scenario::SILENCE);
}

//! Redis under Sentinels: the master changes, and the pool follows.

use std::time::Duration;

use flotilla_tests::{Fleet, Sentinels, wait};

use super::storm::Storm;
use super::{BEATS, RECOVERY};

/// The master is killed.
#[test]
fn the_master_is_killed() {
    let mut sentinels = Sentinels::start();
    let storm = Storm::start(sentinels.url());
    sentinels.kill_master();
    storm.serve(Duration::ZERO);
    storm.end();
}

/// The master becomes a replica, and refuses what it is told from then on.
#[test]
fn the_master_is_replaced() {
    let mut sentinels = Sentinels::start();
    let storm = Storm::start(sentinels.url());
    sentinels.failover();
    storm.serve(Duration::ZERO);
    storm.end();
}

/// What was acknowledged last is lost: the nodes tell it again.
#[test]
fn writes_are_lost() {
    let mut sentinels = Sentinels::start();
    let mut fleet = Fleet::plan(sentinels.url()).set("limits.sessions", 2).start(2);
    let mut held = Vec::new();
    sentinels.lose_writes(|_| {
        held.extend(fleet.nodes().iter().map(|node| node.login()));
        wait::told(BEATS, "both sessions", || (fleet[0].who().len() == 2).then_some(()));
    });
    fleet.wait_for_store(RECOVERY, "fine");
    fleet.wait_until_ready();
    for node in fleet.nodes() {
        wait::told(RECOVERY, "both sessions again", || (node.who().len() == 2).then_some(()));
        let text = node.attempt("alice").expect_err("the limit holds");
        assert!(text.contains("limits.sessions"), "{text}");
    }
    held.iter_mut().for_each(|wire| drop(wire.ask("NOOP", 200)));
}

/// The sentinels that are asked first are gone.
#[test]
fn a_sentinel_is_gone() {
    let mut sentinels = Sentinels::start();
    sentinels.sentinels()[0].kill();
    let mut fleet = Fleet::plan(sentinels.url()).start(2);
    sentinels.kill_master();
    fleet.wait_for_store(RECOVERY, "fine");
    fleet.wait_until_ready();
}

//! Nodes find each other, and find out who is gone.

use std::time::Instant;

use flotilla_tests::fleet::name;
use flotilla_tests::{DEADLINE, Fleet, Redis, Server, wait};
use rustix::process::Signal;

use super::{BEATS, DEAD};

fn leader(node: &Server) -> Option<String> {
    node.try_tell(&["nodes"])?["leader"].as_str().map(str::to_owned)
}

/// Each tells the same of all: state, place, addresses, and who leads.
#[test]
fn nodes_see_each_other() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).set("node.zone", "west").start(3);
    let first = leader(&fleet[0]).unwrap();
    for (number, node) in (1..).zip(fleet.nodes()) {
        let told = node.tell(&["nodes"]);
        assert_eq!(told["self"], name(number));
        assert_eq!(told["store"]["state"], "fine");
        assert_eq!(told["leader"], first);
        let rows = told["nodes"].as_array().unwrap();
        let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        assert_eq!(ids, ["n1", "n2", "n3"]);
        for (row, other) in rows.iter().zip(fleet.nodes()) {
            assert_eq!(row["state"], "ready", "{row}");
            assert_eq!(row["self"], row["id"] == told["self"], "{row}");
            assert_eq!(row["leader"], row["id"] == told["leader"], "{row}");
            assert_eq!((&row["zone"], &row["config"]), (&"west".into(), &"same".into()), "{row}");
            assert!(row["beat_ms_ago"].as_u64().is_some_and(|ms| ms < 6000), "{row}");
            assert!(row["addresses"].to_string().contains(&other.ftp().to_string()), "{row}");
        }
        let table = node.verb(&["nodes"]).succeed().stdout;
        assert!(ids.iter().all(|id| table.contains(id)), "{table}");
    }
}

/// `kill -9`: the others know within eight seconds; its sessions are nobody's any more; if it led,
/// another does.
#[test]
fn a_killed_node_is_dead() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 3);
    let led = leader(&fleet[0]).unwrap();
    let killed = (1..=3).find(|number| name(*number) == led).unwrap() - 1;
    let others = [(killed + 1) % 3, (killed + 2) % 3];
    let _sessions = [fleet[killed].login(), fleet[others[0]].login()];
    let nodes_of = |seer: usize| -> Vec<_> {
        fleet[seer].who().iter().map(|session| session["node"].clone()).collect()
    };
    wait::told(BEATS, "both sessions", || (nodes_of(others[0]).len() == 2).then_some(()));
    fleet[killed].kill();
    let begun = Instant::now();
    for &seer in &others {
        fleet.wait_for_state(DEAD.saturating_sub(begun.elapsed()), seer, &led, "dead");
        let sessions = fleet[seer].who();
        assert!(sessions.iter().all(|session| session["node"] != *led), "{sessions:?}");
        assert_eq!(sessions.len(), 1);
    }
    let next = wait::told(DEAD, "another leader", || leader(&fleet[others[0]]));
    assert_ne!(next, led);
    wait::told(BEATS, "the same leader", || {
        (leader(&fleet[others[1]]).as_ref() == Some(&next)).then_some(())
    });
}

/// A restarted node takes its name back without waiting for its own death, under a new generation.
#[test]
fn a_restarted_node_takes_its_name_back() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    let before = fleet[0].knows("n2").unwrap()["generation"].clone();
    fleet[1].kill();
    let begun = Instant::now();
    fleet[1].start_again();
    wait::told(BEATS, "n2 to be back", || {
        let row = fleet[0].knows("n2")?;
        (row["state"] == "ready" && row["generation"] != before).then_some(())
    });
    assert!(begun.elapsed() < BEATS, "{:?}", begun.elapsed());
    assert_eq!(fleet[0].tell(&["nodes"])["nodes"].as_array().unwrap().len(), 2);
    fleet[1].login();
}

/// A name that a living node has is refused to another, which has another data folder.
#[test]
fn a_name_in_use_is_refused() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    let before = fleet[1].knows("n1").unwrap()["generation"].clone();
    let clone = fleet.another("n1");
    let said = clone.verb(&["serve"]).deadline(DEADLINE).exit(4);
    assert!(said.stderr.contains("n1") && said.stderr.contains("node.id"), "{said}");
    assert!(fleet[0].is_running());
    fleet[0].login();
    let row = fleet[1].knows("n1").unwrap();
    assert_eq!((&row["state"], &row["generation"]), (&"ready".into(), &before));
}

/// One that ends by itself is gone at once, and what it held is free.
#[test]
fn a_node_that_ends_leaves() {
    let redis = Redis::start();
    let mut fleet = Fleet::plan(redis.url()).set("limits.sessions", 1).start(2);
    let _held = fleet[1].login();
    fleet[0].attempt("alice").expect_err("the limit holds");
    fleet[1].signal(Signal::TERM);
    assert_eq!(fleet[1].wait(DEADLINE), Some(0));
    // With the next login, not with the death of a silent node.
    wait::told(BEATS.min(DEAD / 2), "a free place", || fleet[0].attempt("alice").ok());
    let state = fleet[0].state_of("n2");
    assert!(state.is_empty() || state == "dead", "{state}");
}

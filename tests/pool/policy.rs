//! What the leader decided is known to all, and told by all.

use flotilla_tests::fleet::name;
use flotilla_tests::{Fleet, Redis, wait};
use serde_json::Value;

use super::{BEATS, HINTED};

/// One revision everywhere, by the leader, with the limits that hold.
#[test]
fn all_nodes_tell_the_same() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).set("limits.sessions", 77).start(3);
    let leader = fleet[0].tell(&["nodes"])["leader"].clone();
    let told = wait::told(BEATS, "one policy", || {
        let mut told = fleet.nodes().iter().map(|node| {
            let mut told = node.tell(&["policy"]);
            // They listen at different addresses.
            let listeners = told.as_object_mut().unwrap().remove("listeners").unwrap();
            let address = listeners[0]["address"].as_str().unwrap();
            assert!(address.starts_with(&node.address().to_string()), "{listeners}");
            told
        });
        let first = told.next().filter(|first| first["limits"]["sessions"] == 77)?;
        told.all(|other| other == first).then_some(first)
    });
    assert_eq!(told["by"], leader);
    assert!(told["revision"].as_u64().is_some_and(|revision| revision > 0), "{told}");
}

/// A limit that the leader learns by a reload holds on all within a second.
#[test]
fn a_change_reaches_all_nodes() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 3);
    let leader = fleet[0].tell(&["nodes"])["leader"].clone();
    let leads = (0..3).find(|index| leader == name(index + 1)).unwrap();
    let before: Value = fleet[leads].tell(&["policy"])["revision"].clone();
    fleet[leads].config().set("limits.sessions", 1);
    fleet[leads].reload();
    wait::told(BEATS, "another policy", || {
        (fleet[leads].tell(&["policy"])["revision"] != before).then_some(())
    });
    for node in fleet.nodes() {
        wait::told(HINTED, "the change", || {
            (node.tell(&["policy"])["limits"]["sessions"] == 1).then_some(())
        });
    }
    let _held = fleet[0].login();
    assert!(fleet[1].attempt("alice").unwrap_err().contains("limits.sessions"));
}

/// The passive ports of all nodes, from any of them.
#[test]
fn ports_are_told() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let told = fleet[1].tell(&["ports"]).to_string();
    assert!(told.contains("n1") && told.contains("n2"), "{told}");
    let table = fleet[0].verb(&["ports"]).succeed().stdout;
    assert!(table.contains("n1") && table.contains("n2"), "{table}");
}

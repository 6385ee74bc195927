//! Settings that should be the same on all nodes, and are not.

use flotilla_tests::{Fleet, Redis, wait};

use super::BEATS;

/// `nodes` names who differs and in which keys; what must differ is no difference.
#[test]
fn differing_settings_are_named() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    let third = fleet
        .another("n3")
        .set("timeouts.idle", "7m")
        .set("limits.per_user", 3)
        .set("node.workers", 1);
    fleet.join(third);
    let row = wait::told(BEATS, "n3 to differ", || {
        fleet[0].knows("n3").filter(|row| row["config"] == "differs")
    });
    let mut keys: Vec<&str> =
        row["differs"].as_array().unwrap().iter().filter_map(|key| key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["limits.per_user", "timeouts.idle"], "{row}");
    for same in ["n1", "n2"] {
        let row = fleet[0].knows(same).unwrap();
        assert_eq!(
            (&row["config"], &row["differs"]),
            (&"same".into(), &Vec::<String>::new().into())
        );
    }
    let table = fleet[1].verb(&["nodes"]).succeed().stdout;
    assert!(table.contains("differs"), "{table}");
}

/// A reload that makes them the same again is seen.
#[test]
fn a_reload_ends_the_difference() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    fleet[1].config().set("timeouts.idle", "7m");
    fleet[1].reload();
    wait::told(BEATS, "a difference", || {
        fleet
            .nodes()
            .iter()
            .any(|node| {
                ["n1", "n2"]
                    .iter()
                    .any(|id| node.knows(id).is_some_and(|row| row["config"] == "differs"))
            })
            .then_some(())
    });
    fleet[0].config().set("timeouts.idle", "7m");
    fleet[0].reload();
    wait::told(BEATS, "no difference", || {
        ["n1", "n2"]
            .iter()
            .all(|id| fleet[0].knows(id).is_some_and(|row| row["config"] == "same"))
            .then_some(())
    });
}

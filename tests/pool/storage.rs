//! Shared storage is proved: a node that does not see the mark of the others takes no clients.

use flotilla_tests::{Fleet, Folder, Redis, health, wait};

use super::RECOVERY;

/// Another root: the node is unready and says why; the others are as before.
#[test]
fn another_root_is_found_out() {
    let redis = Redis::start();
    let other = Folder::new();
    let mut fleet = Fleet::start(&redis, 2);
    let third = fleet.another("n3").set("storage.root", other.path());
    fleet.join(third);
    let row = wait::told(RECOVERY, "n3 to be unready", || {
        let row = fleet[0].knows("n3")?;
        (row["state"] == "unready" && row["reasons"].to_string().contains("storage")).then_some(row)
    });
    let (status, body) = health::get(fleet[2].health(), "/readyz").unwrap();
    assert_eq!(status, 503, "{row}");
    assert!(body.contains("storage"), "{body}");
    for node in [0, 1] {
        assert_eq!(health::get(fleet[node].health(), "/readyz").unwrap().0, 200);
        fleet[node].login();
    }
}

/// A pool of one shares with nobody.
#[test]
fn a_node_alone_is_ready() {
    let redis = Redis::start();
    let other = Folder::new();
    let mut fleet = Fleet::plan(redis.url()).prepare();
    let only = fleet.another("n1").set("storage.root", other.path());
    fleet.join(only);
    fleet.wait_until_ready();
    fleet[0].login();
}

/// Something else in the place of the mark is replaced, and no node turns its clients away meanwhile.
#[test]
fn a_foreign_mark_is_replaced() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 3);
    let mark = fleet.file(".flotilla-mark");
    let read = || std::fs::read_to_string(&mark).unwrap_or_default();
    let first = wait::told(RECOVERY, "a mark", || Some(read()).filter(|mark| !mark.is_empty()));
    for node in fleet.nodes() {
        wait::told(RECOVERY, "the mark in the policy", || {
            (node.tell(&["policy"])["storage"] == first).then_some(())
        });
    }
    std::fs::write(&mark, "somebody's notes").unwrap();
    let again = wait::told(RECOVERY, "another mark", || {
        for node in fleet.nodes() {
            let (status, body) = health::get(node.health(), "/readyz").unwrap();
            assert_eq!(status, 200, "{body}");
        }
        Some(read()).filter(|mark| mark.len() == first.len() && !mark.contains(' '))
    });
    assert_ne!(first, again);
    fleet.nodes().iter().for_each(|node| drop(node.login()));
}

/// The mark is nothing that clients see.
#[test]
fn the_mark_is_hidden() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    for node in fleet.nodes() {
        let mut wire = node.login();
        for command in ["NLST -a", "MLSD"] {
            let lines = wire.list(command);
            assert!(lines.iter().all(|line| !line.contains("flotilla")), "{lines:?}");
        }
    }
}

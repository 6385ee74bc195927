//! Failed logins and bans are those of all nodes.

use std::net::Ipv4Addr;

use flotilla_tests::{Fleet, Redis, Server, Wire, wait};

use super::{BEATS, HINTED};

fn fail(node: &Server, client: Ipv4Addr) {
    let mut wire = Wire::connect_from(client, node.ftp());
    wire.expect(220);
    wire.ask("USER alice", 331);
    wire.ask_any("PASS wrong", &[421, 530]);
}

#[track_caller]
fn wait_until_banned(fleet: &Fleet, client: Ipv4Addr) {
    for node in fleet.nodes() {
        wait::told(HINTED, "the ban", || (!node.greets(client)).then_some(()));
    }
}

#[track_caller]
fn wait_until_free(fleet: &Fleet, client: Ipv4Addr) {
    for node in fleet.nodes() {
        wait::told(HINTED, "the end of the ban", || node.greets(client).then_some(()));
    }
}

fn listed(node: &Server) -> Vec<String> {
    let told = node.tell(&["ban", "ls"]);
    let bans = told["bans"].as_array().expect("a list");
    bans.iter().filter_map(|ban| ban["address"].as_str()).map(str::to_owned).collect()
}

/// Failures on two nodes make a ban that holds on the third.
#[test]
fn failures_add_up() {
    let (bad, good) = (Ipv4Addr::new(127, 202, 0, 1), Ipv4Addr::new(127, 202, 0, 2));
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url())
        .set("limits.ban_after", 4)
        .set("limits.ban_window", "1m")
        .set("limits.ban_for", "8s")
        .start(3);
    for node in [0, 1, 0] {
        fail(&fleet[node], bad);
    }
    assert!(fleet[2].greets(bad));
    fail(&fleet[1], bad);
    wait_until_banned(&fleet, bad);
    assert!(fleet.nodes().iter().all(|node| node.greets(good)));
    assert_eq!(listed(&fleet[2]), [format!("{bad}/32")]);
    // It ends by itself, everywhere.
    wait::until("the end of the ban", || fleet[2].greets(bad).then_some(()));
    wait_until_free(&fleet, bad);
    wait::told(BEATS, "an empty list", || listed(&fleet[0]).is_empty().then_some(()));
}

/// By an operator at any node, for all of them.
#[test]
fn operators_ban_and_lift() {
    let (bad, good) = (Ipv4Addr::new(127, 202, 1, 1), Ipv4Addr::new(127, 202, 1, 2));
    let text = bad.to_string();
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 3);
    fleet[0].tell(&["ban", "add", &text]);
    wait_until_banned(&fleet, bad);
    assert!(fleet.nodes().iter().all(|node| node.greets(good)));
    for node in fleet.nodes() {
        wait::told(HINTED, "the ban in the list", || {
            (listed(node) == [format!("{bad}/32")]).then_some(())
        });
    }
    fleet[1].tell(&["ban", "rm", &text]);
    wait_until_free(&fleet, bad);
    assert!(listed(&fleet[2]).is_empty());

    fleet[2].tell(&["ban", "add", &text, "--for", "3s"]);
    wait_until_banned(&fleet, bad);
    wait::until("the end of the ban", || fleet[0].greets(bad).then_some(()));
    let said = fleet[0].verb(&["ban", "add", "no address"]).run();
    assert_eq!(said.code, Some(2), "{said}");
}

/// Another node made the ban a moment ago: it is lifted, and the answer says so.
#[test]
fn a_young_ban_is_lifted_elsewhere() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    for last in 1..=5 {
        let bad = Ipv4Addr::new(127, 202, 3, last);
        let text = bad.to_string();
        fleet[0].tell(&["ban", "add", &text]);
        wait::told(HINTED, "the ban in the store", || {
            (!listed(&fleet[1]).is_empty()).then_some(())
        });
        assert_eq!(fleet[1].tell(&["ban", "rm", &text])["lifted"], true);
        assert!(listed(&fleet[0]).is_empty());
        wait_until_free(&fleet, bad);
    }
}

/// A node that comes later knows of the bans before it serves anybody.
#[test]
fn a_new_node_knows_the_bans() {
    let bad = Ipv4Addr::new(127, 202, 2, 1);
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 1);
    fleet[0].tell(&["ban", "add", &bad.to_string()]);
    let second = fleet.another("n2");
    assert!(!fleet.join(second).greets(bad));
}

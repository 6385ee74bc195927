//! A drain that is followed: the nodes as the pool sees them, one look after another.

use super::*;
use crate::cli::remote::tests::Node;

fn client(node: &Node) -> Client {
    let args = RemoteArgs {
        config: crate::cli::ConfigArgs {
            data_dir: Some(node.folder.path().display().to_string()),
            ..Default::default()
        },
        admin: Some(node.address.to_string()),
        ..RemoteArgs::default()
    };
    Client::new(&args, Role::Operator).unwrap()
}

fn sight(state: &str, sessions: u64) -> (u16, String) {
    let node = json!({ "id": "n2", "state": state, "sessions": sessions, "transfers": sessions });
    (200, json!({ "nodes": [{ "id": "n1", "state": "ready" }, node] }).to_string())
}

/// Follows the drain of n2 over these looks.
fn follow(
    looks: Vec<(u16, String)>,
    patience: Duration,
    json: bool,
) -> (Result<(), String>, String) {
    let node = Node::new(looks);
    let (_keep, told) = sync_channel::<()>(1);
    let watch = Watch { step: Duration::from_millis(1), patience, interrupted: &told };
    watched(&watch, &node, json)
}

fn watched(watch: &Watch<'_>, node: &Node, json: bool) -> (Result<(), String>, String) {
    let begun = Drained {
        node: "n2".to_owned(),
        state: "draining".to_owned(),
        phase: "announced".to_owned(),
        sessions: 2,
        transfers: 1,
        seconds_left: Some(600),
    };
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let talk = &mut Talk { out: &mut out, notes: &mut notes };
    let mut shown = Shown { json, last: None };
    let result = watch.until_empty(&client(node), begun, &mut shown, talk);
    (result.map_err(|error| error.to_string()), String::from_utf8(out).unwrap())
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_drain_is_followed_to_its_end() {
    // The pool learns of it late, and is out of sight for a moment.
    let looks = vec![
        sight("ready", 0),
        (503, json!({ "error": "the store is away" }).to_string()),
        sight("draining", 2),
        sight("draining", 2),
        sight("draining", 1),
        sight("draining", 0),
    ];
    let (result, out) = follow(looks, LONG, false);
    assert_eq!(result, Ok(()));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "n2 is draining (announced): 2 sessions, 1 transfer, 10m left");
    assert!(lines[1].starts_with("n2 is draining: 2 sessions, 2 transfers, 9m 59s left"), "{out}");
    assert!(lines[2].starts_with("n2 is draining: 1 session, 1 transfer, "), "{out}");
    assert!(lines[3].starts_with("n2 is draining: 0 sessions, 0 transfers, "), "{out}");
    assert_eq!(lines[4..], ["n2 is empty"]);
}

#[test]
fn json_is_the_end_alone() {
    let (result, out) = follow(vec![sight("draining", 1), sight("draining", 0)], LONG, true);
    assert_eq!(result, Ok(()));
    let end: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&end["node"], &end["phase"]), (&json!("n2"), &json!("ended")));
    assert_eq!((&end["sessions"], &end["transfers"]), (&json!(0), &json!(0)));
}

#[test]
fn a_node_that_goes_is_drained_too() {
    let gone = (200, json!({ "nodes": [] }).to_string());
    for (look, words) in [(gone, "n2 has left the pool\n"), (sight("dead", 1), "n2 has ended\n")] {
        let (result, out) = follow(vec![sight("draining", 1), look], LONG, false);
        assert_eq!(result, Ok(()));
        assert!(out.ends_with(words), "{out}");
    }
}

#[test]
fn a_drain_that_is_called_off_or_never_begins_is_said_to_be() {
    let off = Err("n2 is not drained any more".to_owned());
    let looks = vec![sight("draining", 1), sight("ready", 1)];
    assert_eq!(follow(looks, LONG, false).0, off);
    assert_eq!(follow(vec![sight("ready", 1)], Duration::ZERO, false).0, off);
}

#[test]
fn a_node_that_is_silent_for_too_long_is_given_up() {
    let away = (503, json!({ "error": "the store is away" }).to_string());
    let (result, _) = follow(vec![away], Duration::ZERO, false);
    assert!(result.unwrap_err().ends_with("can not do it now: the store is away"));
}

#[test]
fn an_interruption_leaves_the_drain_going_and_says_so() {
    let node = Node::new(vec![sight("draining", 1)]);
    let (tell, told) = sync_channel(1);
    tell.send(()).unwrap();
    let watch = Watch { step: LONG, patience: LONG, interrupted: &told };
    let (result, _) = watched(&watch, &node, false);
    assert_eq!(
        result,
        Err("interrupted; the drain of n2 goes on, `flotilla undrain n2` ends it".to_owned())
    );
    assert_eq!(node.requests(), []);
}

#[test]
fn drains_are_begun_and_ended_without_waiting() {
    let node = Node::saying(json!({
        "node": "n2", "state": "draining", "phase": "closing", "sessions": 3, "transfers": 1,
        "seconds_left": 590,
    }));
    let said = "n2 is draining (closing): 3 sessions, 1 transfer, 9m 50s left\n";
    assert_eq!(node.run("drain n2 --grace 10m").printed(), said);
    let node_ready = Node::saying(json!({ "node": "n1", "state": "ready", "phase": "none" }));
    assert_eq!(node_ready.run("undrain").printed(), "n1 is ready: 0 sessions, 0 transfers\n");
    assert_eq!(node.requests()[0].line, "POST /v1/drain");
    assert_eq!(node.requests()[0].body, json!({ "node": "n2", "grace_seconds": 600 }));
    assert_eq!(node_ready.requests()[0].line, "POST /v1/undrain");
    assert_eq!(node_ready.requests()[0].body, json!({ "node": null }));
}

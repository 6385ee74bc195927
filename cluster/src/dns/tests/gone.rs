//! Who drains, who is dead, and who only seems to be.

use super::support::{NAME, Pool, nodes, settings};
use crate::dns::{Policy, RecordChange, Request, Settings, Witness};
use crate::id::Fence;
use crate::member::Standing;

const TERMINATED: Witness = Witness { exists: Some(false), answers: None };
const SILENT: Witness = Witness { exists: None, answers: Some(false) };

fn pool(count: u16) -> Pool {
    let mut pool = Pool::new(Settings { check: None, ..settings() }, nodes(0..count));
    pool.run(60);
    assert_eq!(pool.answers(NAME).len(), usize::from(count));
    pool
}

#[test]
fn who_drains_gets_nobody_and_goes_when_it_is_forgotten() {
    let mut pool = pool(3);
    pool.nodes[0].standing = Standing::Draining;
    pool.run(10);
    assert_eq!(pool.weight_of(0), Some(0));
    pool.run(50);
    assert!(pool.has_record(0));
    pool.run(20);
    assert!(!pool.has_record(0));
    pool.nodes[0].standing = Standing::Ready;
    pool.run(10);
    assert_eq!(pool.weight_of(0), Some(100));
}

#[test]
fn who_is_unready_keeps_its_record() {
    let mut pool = pool(3);
    pool.nodes[0].standing = Standing::Unready;
    pool.run(300);
    assert_eq!(pool.weight_of(0), Some(0));
}

#[test]
fn who_drained_and_left_is_believed() {
    let mut pool = pool(3);
    pool.nodes[0].standing = Standing::Draining;
    pool.run(10);
    pool.nodes.remove(0);
    pool.run(100);
    assert!(!pool.has_record(0));
}

#[test]
fn without_a_witness_nobody_is_dead() {
    let mut pool = pool(3);
    pool.nodes.remove(0);
    pool.run(300);
    assert_eq!(pool.weight_of(0), Some(100));
    pool.witness = Witness { exists: Some(true), answers: Some(true) };
    pool.run(300);
    assert_eq!(pool.weight_of(0), Some(100));
}

#[test]
fn a_port_that_is_closed_takes_the_weight_and_not_the_record() {
    let mut pool = pool(3);
    pool.witness = SILENT;
    pool.nodes.remove(0);
    pool.run(5);
    assert_eq!(pool.weight_of(0), Some(100));
    pool.run(15);
    assert_eq!(pool.weight_of(0), Some(0));
    pool.run(600);
    assert_eq!(pool.weight_of(0), Some(0));
    pool.nodes = nodes(0..3);
    pool.run(10);
    assert_eq!(pool.weight_of(0), Some(100));
}

#[test]
fn a_machine_that_is_terminated_goes() {
    let mut pool = pool(3);
    pool.witness = TERMINATED;
    pool.nodes.remove(0);
    pool.run(20);
    assert_eq!(pool.weight_of(0), Some(0));
    pool.run(45);
    assert!(pool.has_record(0));
    pool.run(25);
    assert!(!pool.has_record(0));
}

#[test]
fn never_more_than_a_fifth_at_once_and_never_the_last() {
    let mut pool = pool(10);
    pool.witness = TERMINATED;
    pool.nodes.clear();
    pool.run(400);
    let mut zeroed = 0;
    for (_, request) in pool.asked("route53:ChangeResourceRecordSets") {
        let Request::Change(changes) = request else { continue };
        let of = |wanted: fn(&RecordChange) -> bool| changes.iter().filter(|of| wanted(of)).count();
        let zeros = of(
            |change| matches!(change, RecordChange::Upsert { set, .. } if set.weight() == Some(0)),
        );
        let deletes = of(|change| matches!(change, RecordChange::Delete { .. }));
        assert!(zeros <= 2 && deletes <= 2, "{zeros} {deletes}");
        zeroed += zeros;
    }
    assert_eq!(zeroed, 10);
    assert_eq!(pool.zone.records().count(), 1);
    assert_eq!(pool.answers(NAME).len(), 1);
}

#[test]
fn a_young_leader_gives_nobody_up() {
    let mut pool = pool(3);
    pool.witness = TERMINATED;
    pool.nodes.remove(0);
    // Each term is over before it has seen enough.
    for term in 2..40 {
        pool.term = Some((Fence(term), pool.now));
        pool.run(5);
    }
    assert_eq!(pool.weight_of(0), Some(100));
    pool.run(20);
    assert_eq!(pool.weight_of(0), Some(0));
}

#[test]
fn what_a_new_leader_finds_it_waits_for_again() {
    let mut pool = pool(3);
    pool.nodes[0].standing = Standing::Draining;
    pool.run(50);
    pool.term = None;
    pool.run(1);
    pool.term = Some((Fence(2), pool.now));
    pool.run(40);
    assert!(pool.has_record(0));
    pool.run(40);
    assert!(!pool.has_record(0));
}

#[test]
fn several_values_have_no_weight_to_lose() {
    let wanted = Settings { policy: Policy::Multivalue, check: None, ..settings() };
    let mut pool = Pool::new(wanted, nodes(0..3));
    pool.run(30);
    assert_eq!(pool.answers(NAME).len(), 3);
    pool.nodes[0].standing = Standing::Draining;
    pool.run(10);
    assert!(!pool.has_record(0));
    pool.witness = SILENT;
    pool.nodes.remove(1);
    pool.run(20);
    assert!(!pool.has_record(1));
    pool.nodes.clear();
    pool.run(100);
    assert_eq!(pool.answers(NAME).len(), 1);
}

#[test]
fn a_pool_that_drains_keeps_its_last_node() {
    let mut pool = pool(3);
    for node in &mut pool.nodes {
        node.standing = Standing::Draining;
    }
    pool.run(300);
    assert_eq!(pool.zone.records().count(), 1);
    pool.nodes.clear();
    pool.run(300);
    assert_eq!(pool.zone.records().count(), 1);
}

#[test]
fn the_witnesses_are_told_whom_to_look_for() {
    let mut pool = Pool::new(settings(), nodes(0..3));
    pool.run(120);
    assert_eq!(pool.desk.gone(), []);
    pool.nodes.remove(1);
    pool.run(3);
    let gone = pool.desk.gone();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].key, "n1");
    assert_eq!(
        gone[0].addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["198.51.0.1"]
    );
    assert_eq!(gone[0].port, Some(2121));
}

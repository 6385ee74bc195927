//! Health checks: when they are made, used again, changed and deleted.

use std::time::Duration;

use super::support::{Pool, node, nodes, settings};
use crate::aws::Trouble;
use crate::dns::{
    Check, CheckInterval, CheckSpec, Owner, Request, Settings, Witness, is_candidate,
};
use crate::id::{Fence, NodeId};
use crate::member::Standing;

fn spec(address: &str) -> CheckSpec {
    CheckSpec { address: address.parse().unwrap(), port: 2121, interval: 30 }
}

fn check(id: &str, reference: &str, owner: Owner) -> Check {
    Check {
        id: id.to_owned(),
        reference: reference.to_owned(),
        version: 4,
        spec: Some(spec("198.51.0.0")),
        is_disabled: false,
        is_inverted: false,
        owner,
    }
}

fn named(pool: &Pool) -> Vec<Option<String>> {
    pool.zone.records().map(|set| set.check.clone()).collect()
}

#[test]
fn it_is_made_when_the_port_has_answered_and_bears_the_mark() {
    let mut pool = Pool::new(settings(), nodes(0..2));
    pool.nodes[1].answered = false;
    pool.run(30);
    let all: Vec<_> = pool.zone.checks().cloned().collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].reference, "fl-main-n0-7");
    assert_eq!(all[0].spec, Some(spec("198.51.0.0")));
    assert_eq!(all[0].owner, Owner::Pool(settings().owner()));
    assert_eq!(named(&pool), [Some(all[0].id.clone()), None]);
    pool.nodes[1].answered = true;
    pool.run(30);
    assert_eq!(pool.zone.checks().count(), 2);
    assert!(named(&pool).iter().all(Option::is_some));
}

#[test]
fn records_do_not_wait_for_it() {
    let mut pool = Pool::new(settings(), nodes(0..30));
    pool.run(5);
    assert_eq!(pool.zone.records().count(), 30);
    assert!(pool.zone.checks().count() < 5);
    pool.run(120);
    assert!(named(&pool).iter().all(Option::is_some));
}

#[test]
fn what_an_earlier_life_left_is_used_again() {
    let mut pool = Pool::new(settings(), vec![node(0)]);
    pool.zone.insert_check(check("old", "fl-main-n0-3", Owner::Pool(settings().owner())));
    pool.nodes[0].v4 = Some([203, 0, 113, 5].into());
    pool.run(30);
    let all: Vec<_> = pool.zone.checks().cloned().collect();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].spec, all[0].version), (Some(spec("203.0.113.5")), 5));
    assert_eq!(named(&pool), [Some("old".to_owned())]);
    // Without a tag, because whoever made it died before: ours by its reference.
    let mut pool = Pool::new(settings(), vec![node(0)]);
    pool.zone.insert_check(check("old", "fl-main-n0-3", Owner::Nobody));
    pool.run(30);
    assert!(pool.zone.checks().all(|check| check.owner == Owner::Pool(settings().owner())));
    assert_eq!(pool.zone.checks().count(), 1);
}

#[test]
fn those_of_others_are_not_used_nor_deleted() {
    let mut pool = Pool::new(settings(), vec![node(0)]);
    pool.zone.insert_check(check("a", "fl-main-n0-3", Owner::Pool("main-n0".to_owned())));
    pool.zone.insert_check(check("b", "fl-main-x-3", Owner::Nobody));
    pool.zone.insert_check(check("c", "by hand", Owner::Nobody));
    // Another pool of this name in the account, with a name of its own in DNS.
    let namesake = Settings { name: "other.example.org".to_owned(), ..settings() };
    pool.zone.insert_check(check("d", "fl-main-n7-3", Owner::Pool(namesake.owner())));
    pool.run(300);
    let others: Vec<_> = pool.zone.checks().map(|check| check.id.as_str()).collect();
    assert_eq!(others, ["a", "b", "c", "check-4", "d"]);
    assert_eq!(named(&pool), [Some("check-4".to_owned())]);
}

#[test]
fn a_version_that_is_old_is_read_again() {
    let mut pool = Pool::new(settings(), vec![node(0)]);
    pool.run(30);
    let mut other = pool.zone.checks().next().unwrap().clone();
    other.version = 9;
    pool.zone.insert_check(other);
    pool.nodes[0].port = 2222;
    let mismatch = "HealthCheckVersionMismatch";
    pool.faults.push_back((false, Trouble::of("route53:UpdateHealthCheck", mismatch, "")));
    pool.run(60);
    let check = pool.zone.checks().next().unwrap();
    assert_eq!((check.spec.unwrap().port, check.version), (2222, 10));
}

#[test]
fn the_record_goes_first_and_the_check_last() {
    let mut pool = Pool::new(settings(), nodes(0..2));
    pool.run(60);
    pool.witness = Witness { exists: Some(false), answers: None };
    pool.nodes.remove(0);
    pool.run(400);
    let gone = |request: &Request| match request {
        Request::Change(changes) => {
            changes.iter().any(|change| matches!(change, crate::dns::RecordChange::Delete { .. }))
        }
        _ => false,
    };
    let record = pool.log.iter().find(|(_, request)| gone(request)).unwrap().0;
    let deleted = pool.asked("route53:DeleteHealthCheck");
    assert_eq!(deleted.len(), 1);
    assert!(deleted[0].0 >= record + Duration::from_secs(60));
    assert_eq!(pool.zone.checks().count(), 1);
}

#[test]
fn a_node_that_drains_keeps_its_check() {
    let mut pool = Pool::new(settings(), nodes(0..2));
    pool.run(60);
    pool.nodes[0].standing = Standing::Draining;
    pool.run(600);
    assert!(!pool.has_record(0));
    assert_eq!(pool.zone.checks().count(), 2);
}

#[test]
fn private_addresses_have_none() {
    let mut pool = Pool::new(settings(), nodes(0..6));
    let addresses =
        ["10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "169.254.1.1", "224.0.0.1"];
    for (node, address) in pool.nodes.iter_mut().zip(addresses) {
        node.v4 = Some(address.parse().unwrap());
    }
    pool.run(60);
    assert_eq!(pool.zone.checks().count(), 0);
    assert_eq!(pool.zone.records().count(), 6);
    assert!(pool.desk.notes().any(|note| note.starts_with("6 nodes have private addresses")));
}

#[test]
fn another_interval_takes_another_check() {
    let mut pool = Pool::new(settings(), vec![node(0)]);
    pool.run(30);
    pool.desk.configure(Settings { check: Some(CheckInterval::Ten), ..settings() });
    for _ in 0..200 {
        pool.run(1);
        assert!(named(&pool).iter().all(Option::is_some), "a record without a check meanwhile");
    }
    let all: Vec<_> = pool.zone.checks().map(|check| check.reference.as_str()).collect();
    assert_eq!(all, ["fl-main-n0-8"]);
    pool.desk.configure(Settings { check: None, ..settings() });
    pool.run(200);
    assert_eq!(pool.zone.checks().count(), 0);
    assert_eq!(named(&pool), [None]);
}

#[test]
fn a_reference_that_is_used_up_is_not_tried_for_ever() {
    let mut pool = Pool::new(settings(), vec![node(0)]);
    pool.zone.insert_check(check("old", "fl-main-n0-7", Owner::Pool(settings().owner())));
    pool.zone.call(&Request::DeleteCheck("old".to_owned()), pool.now).unwrap();
    let used = Trouble::of("route53:CreateHealthCheck", "HealthCheckAlreadyExists", "");
    // The list of records, of checks, the first batch; then the creation.
    pool.run(1);
    pool.faults.push_back((false, used));
    pool.run(60);
    let all: Vec<_> = pool.zone.checks().map(|check| check.reference.as_str()).collect();
    assert_eq!(all, ["fl-main-n0-8"], "{:#?}", pool.log);
}

#[test]
fn there_may_be_too_many() {
    let mut pool = Pool::new(settings(), nodes(0..3));
    for number in 0..200 {
        pool.zone.insert_check(check(
            &format!("x{number}"),
            &format!("other {number}"),
            Owner::Nobody,
        ));
    }
    let many =
        crate::dns::preview(&settings(), &nodes(0..201), &crate::dns::State::of([], Vec::new()));
    assert!(many.notes.iter().any(|note| note.contains("an account has 200")), "{:?}", many.notes);
    // The zone refuses: records go without.
    pool.run(300);
    assert_eq!(pool.asked("route53:CreateHealthCheck").len(), 1, "{:#?}", pool.log);
    assert_eq!(pool.zone.records().count(), 3);
    assert!(pool.desk.troubles().any(|of| of.to_string().contains("TooManyHealthChecks")));
}

#[test]
fn long_names_make_short_references() {
    let mut pool = Pool::new(Settings { pool: "p".repeat(60), ..settings() }, nodes(0..1));
    pool.nodes[0].id = NodeId::new(&"x".repeat(64)).unwrap();
    pool.run(30);
    let reference = pool.zone.checks().next().unwrap().reference.clone();
    assert!(reference.len() <= 64 && is_candidate(&reference) && reference.ends_with("-7"));
    pool.term = Some((Fence(2), pool.now));
    pool.run(30);
    assert_eq!(pool.zone.checks().count(), 1);
}

#[test]
fn odd_checks_are_named() {
    let mut pool = Pool::new(settings(), nodes(0..1));
    let ours = Owner::Pool(settings().owner());
    pool.zone.insert_check(Check { is_disabled: true, ..check("a", "fl-main-n0-7", ours) });
    pool.run(30);
    assert!(pool.desk.notes().any(|note| note.contains("is disabled: its node counts as healthy")));
    assert!(pool.zone.checks().all(|check| check.is_disabled));
}

#[test]
fn a_record_does_not_name_one_that_is_gone() {
    let with = Settings { sftp_name: Some("sftp.example.org".to_owned()), ..settings() };
    let mut pool = Pool::new(with.clone(), nodes(0..3));
    pool.run(120);
    // The records of SFTP are not looked at for a while, and their checks go.
    pool.desk.configure(Settings { sftp_name: None, check: None, ..with.clone() });
    pool.run(1000);
    assert_eq!(pool.zone.checks().count(), 0);
    assert!(named(&pool).iter().any(Option::is_some));
    // Node 0 is gone when they are looked at again, and its record gets the weight 0.
    pool.nodes.remove(0);
    pool.witness = Witness { exists: Some(false), answers: None };
    pool.desk.configure(with);
    pool.run(30);
    let left =
        pool.zone.records().find(|set| set.name == "sftp.example.org" && set.id.ends_with("n0"));
    assert_eq!(left.map(|set| (set.weight(), set.check.clone())), Some((Some(0), None)));
}

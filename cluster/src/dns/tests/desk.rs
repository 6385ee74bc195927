//! One call at a time, within the budget, and what becomes of those that fail.

use std::time::Duration;

use super::support::{NAME, Pool, nodes, settings};
use crate::aws::Trouble;
use crate::dns::{BATCH_INTERVAL, Request, Settings, State};
use crate::id::Fence;
use crate::member::Standing;

const CHANGE: &str = "route53:ChangeResourceRecordSets";

fn unknown() -> Trouble {
    Trouble::Unknown("no answer".to_owned())
}

fn calm() -> Settings {
    Settings { check: None, ..settings() }
}

#[test]
fn who_does_not_lead_asks_nothing() {
    let mut pool = Pool::new(calm(), nodes(0..3));
    pool.term = None;
    pool.run(100);
    assert!(pool.log.is_empty());
    assert_eq!(pool.desk.next(), None);
}

#[test]
fn at_rest_it_only_looks_now_and_then() {
    let mut pool = Pool::new(settings(), nodes(0..3));
    pool.run(120);
    pool.log.clear();
    pool.run(600);
    assert!(pool.asked("route53:ListResourceRecordSets").len() <= 11);
    assert_eq!(pool.asked(CHANGE).len(), 0);
    assert!(pool.log.len() <= 13, "{:#?}", pool.log);
}

#[test]
fn there_are_two_calls_a_second_and_one_batch_in_flight() {
    let mut pool = Pool::new(settings(), nodes(0..40));
    for round in 0..40 {
        pool.nodes[round % 40].standing = Standing::Unready;
        pool.nodes[(round + 7) % 40].standing = Standing::Ready;
        pool.run(3);
    }
    for (at, _) in &pool.log {
        let within = |(other, _): &&(_, _)| *other >= *at && *other < *at + Duration::from_secs(5);
        // Two at once, and two in each second.
        assert!(pool.log.iter().filter(within).count() <= 12);
    }
    let batches = pool.asked(CHANGE);
    assert!(batches.len() > 5);
    for pair in batches.windows(2) {
        assert!(pair[1].0 >= pair[0].0 + BATCH_INTERVAL);
        let asked = |(at, request): &(_, Request)| {
            matches!(request, Request::GetChange(_)) && *at > pair[0].0 && *at < pair[1].0
        };
        assert!(pool.log.iter().any(asked), "it did not ask whether the last one is everywhere");
    }
}

#[test]
fn an_unknown_outcome_is_read_again() {
    for is_done in [true, false] {
        let mut pool = Pool::new(calm(), nodes(0..3));
        pool.run(30);
        pool.log.clear();
        pool.nodes = nodes(0..4);
        pool.faults.push_back((is_done, unknown()));
        pool.run(30);
        assert_eq!(pool.answers(NAME).len(), 4);
        let order: Vec<_> = pool.log.iter().map(|(_, request)| request.action()).collect();
        assert_eq!(order[..2], [CHANGE, "route53:ListResourceRecordSets"], "{order:?}");
        assert_eq!(pool.asked(CHANGE).len(), if is_done { 1 } else { 2 });
    }
}

#[test]
fn throttled_calls_come_later_and_later() {
    let mut pool = Pool::new(calm(), nodes(0..3));
    pool.run(30);
    pool.nodes = nodes(0..4);
    pool.log.clear();
    for code in ["Throttling", "PriorRequestNotComplete", "Throttling", "Throttling", "Throttling"]
    {
        pool.faults.push_back((false, Trouble::of(CHANGE, code, "Rate exceeded")));
    }
    pool.run(100);
    let tried = pool.asked(CHANGE);
    assert_eq!(tried.len(), 6);
    assert!(tried[5].0 >= tried[4].0 + Duration::from_secs(8));
    assert_eq!(pool.answers(NAME).len(), 4);
}

#[test]
fn whoever_leads_next_reads_first() {
    let mut pool = Pool::new(calm(), nodes(0..3));
    pool.run(30);
    let mut another = Pool::new(calm(), nodes(0..3));
    another.zone = pool.zone.clone();
    another.term = Some((Fence(2), another.now));
    another.run(5);
    assert_eq!(another.asked(CHANGE).len(), 0);
    // The one that led before, and leads again.
    pool.term = None;
    pool.run(2);
    pool.zone.insert(super::support::foreign(
        NAME,
        "flotilla/main/n9",
        crate::dns::Routing::Weighted(7),
    ));
    pool.log.clear();
    pool.term = Some((Fence(3), pool.now));
    pool.run(3);
    assert_eq!(pool.log[0].1.action(), "route53:ListResourceRecordSets");
    assert_eq!(pool.desk.gone().len(), 1);
}

#[test]
fn a_batch_that_is_refused_is_tried_name_by_name() {
    let sftp_name = Some("sftp.example.org".to_owned());
    let mut pool = Pool::new(Settings { sftp_name, ..calm() }, nodes(0..3));
    // `CreateResourceRecordSetProtections`.
    pool.refuses = Some(|request| {
        let Request::Change(changes) = request else { return None };
        let is_protected = changes.iter().any(|change| change.set().name == NAME);
        is_protected.then(|| Trouble::of(CHANGE, "InvalidChangeBatch", "it is protected"))
    });
    pool.run(60);
    assert_eq!(pool.answers("sftp.example.org").len(), 3);
    assert!(pool.answers(NAME).is_empty());
    pool.log.clear();
    pool.run(3_000);
    let tried = pool.asked(CHANGE).len();
    assert!((8..=16).contains(&tried), "{tried}");
    assert!(pool.desk.troubles().any(|of| of.to_string() == "InvalidChangeBatch: it is protected"));
    pool.refuses = None;
    pool.run(310);
    assert_eq!(pool.answers(NAME).len(), 3);
    assert_eq!(pool.desk.notes().count() + pool.desk.troubles().count(), 0);
}

#[test]
fn without_the_right_to_read_checks_records_go_on() {
    let mut pool = Pool::new(settings(), nodes(0..3));
    pool.run(60);
    let checks = |pool: &Pool| -> Vec<_> {
        pool.zone.records().take(3).map(|set| set.check.clone()).collect()
    };
    let checked = checks(&pool);
    assert!(checked.iter().all(Option::is_some));
    pool.refuses = Some(|request| match request {
        Request::ListChecks { .. } => {
            Some(Trouble::of(request.action(), "AccessDenied", "not authorized"))
        }
        _ => None,
    });
    pool.term = Some((Fence(2), pool.now));
    pool.nodes = nodes(0..4);
    pool.log.clear();
    pool.run(300);
    assert_eq!(pool.answers(NAME).len(), 4);
    assert_eq!(checks(&pool), checked);
    assert_eq!(pool.asked("route53:ListHealthChecks").len(), 1);
    assert!(
        pool.desk
            .troubles()
            .any(|of| of.to_string().starts_with("route53:ListHealthChecks is refused"))
    );
}

#[test]
fn without_the_right_to_change_it_asks_once_a_minute() {
    let mut pool = Pool::new(calm(), nodes(0..3));
    pool.refuses = Some(|request| {
        let is_change = matches!(request, Request::Change(_));
        is_change.then(|| Trouble::of(CHANGE, "AccessDenied", "not authorized"))
    });
    pool.run(300);
    assert_eq!(pool.asked(CHANGE).len(), 5);
    assert!(pool.zone.records().next().is_none());
}

#[test]
fn an_api_that_is_away_for_a_minute_is_no_harm() {
    let mut pool = Pool::new(calm(), nodes(0..3));
    pool.run(30);
    pool.nodes = nodes(0..5);
    pool.log.clear();
    for _ in 0..6 {
        pool.faults.push_back((false, unknown()));
    }
    pool.run(100);
    assert!(pool.faults.is_empty());
    assert_eq!(pool.answers(NAME).len(), 5);
    assert!(pool.log.len() < 30);
}

#[test]
fn small_steps_wait_for_their_time() {
    let mut pool = Pool::new(calm(), nodes(0..3));
    pool.run(30);
    pool.log.clear();
    for round in 0..30 {
        pool.nodes[0].capacity = if round % 2 == 0 { 100 } else { 200 };
        pool.run(10);
    }
    let batches = pool.asked(CHANGE).len();
    assert!((3..=6).contains(&batches), "{batches}");
    // Who is unready does not wait.
    pool.log.clear();
    pool.nodes[1].standing = Standing::Unready;
    pool.run(8);
    assert_eq!(pool.weight_of(1), Some(0));
}

#[test]
fn a_long_list_is_read_page_by_page() {
    let mut pool = Pool::new(calm(), nodes(0..300));
    pool.run(60);
    pool.term = Some((Fence(2), pool.now));
    pool.log.clear();
    pool.run(5);
    assert_eq!(pool.asked("route53:ListResourceRecordSets").len(), 4);
    let all: Vec<_> = pool.zone.records().cloned().collect();
    assert_eq!(pool.desk.state().records, State::of(all, Vec::new()).records);
    assert_eq!(pool.asked(CHANGE).len(), 0);
}

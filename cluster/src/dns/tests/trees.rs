//! What clients are answered, by policy and size of the pool, also while it changes.

use super::support::{NAME, Pool, foreign, node, nodes, settings};
use crate::dns::{Kind, Location, Node, Policy, Routing, Settings, State, Target, preview};
use crate::member::Standing;

#[test]
fn a_small_pool_is_answered_by_weight() {
    let mut pool = Pool::new(settings(), nodes(1..4));
    pool.nodes[0].capacity = 200;
    pool.run(30);
    let answers = pool.answers(NAME);
    assert_eq!(answers.len(), 3);
    assert!((answers["198.51.0.1"] - 0.5).abs() < 0.01, "{answers:?}");
}

#[test]
fn of_120_nodes_every_one_is_answered_by_weight() {
    let mut pool = Pool::new(Settings { check: None, ..settings() }, nodes(0..120));
    for (number, node) in pool.nodes.iter_mut().enumerate() {
        node.capacity = if number % 2 == 0 { 50 } else { 150 };
    }
    pool.run(60);
    let answers = pool.answers(NAME);
    assert_eq!(answers.len(), 120);
    for node in &pool.nodes {
        let expected = f64::from(node.capacity) / 12_000.0;
        let share = answers[&node.v4.unwrap().to_string()];
        assert!((share - expected).abs() < expected * 0.05, "{}: {share} {expected}", node.id);
    }
    let at_top: Vec<_> = pool.zone.records().filter(|set| set.name == NAME).collect();
    assert!(at_top.len() <= 16 && at_top.iter().all(|set| set.alias().is_some()));
}

/// Whoever was answered and still serves is answered after every batch, while the pool grows and shrinks over the
/// limit of a name.
#[test]
fn growth_and_shrinking_are_no_outage() {
    let mut pool = Pool::new(Settings { check: None, ..settings() }, nodes(0..70));
    pool.run(30);
    pool.never = Some(|pool| {
        let answers = pool.answers(NAME);
        let lost = (0..70).find(|number| !answers.contains_key(&format!("198.51.0.{number}")));
        assert_eq!(lost, None);
    });
    for count in [75, 85, 100, 120, 85, 61, 59, 70] {
        // Those that go have drained; the first 70 stay.
        let stay = count.max(70);
        for node in pool.nodes.iter_mut().skip(usize::from(stay)) {
            node.standing = Standing::Draining;
        }
        pool.run(200);
        pool.nodes = nodes(0..stay);
        pool.run(200);
        assert_eq!(pool.answers(NAME).len(), usize::from(stay), "of {count}");
    }
    pool.never = None;
    pool.nodes = nodes(0..70);
    for node in pool.nodes.iter_mut().skip(50) {
        node.standing = Standing::Draining;
    }
    pool.run(200);
    pool.nodes = nodes(0..50);
    pool.run(200);
    assert_eq!(pool.answers(NAME).len(), 50);
    assert!(pool.zone.records().all(|set| set.name == NAME && set.alias().is_none()));
}

#[test]
fn a_jump_from_few_to_many_is_no_outage() {
    let mut pool = Pool::new(Settings { check: None, ..settings() }, nodes(0..3));
    pool.run(30);
    pool.never = Some(|pool| assert!(pool.answers(NAME).len() >= 3));
    pool.nodes = nodes(0..500);
    pool.run(120);
    assert_eq!(pool.answers(NAME).len(), 500);
    for (_, request) in pool.asked("route53:ChangeResourceRecordSets") {
        let crate::dns::Request::Change(changes) = request else { continue };
        assert!(changes.len() <= 500, "{}", changes.len());
    }
}

#[test]
fn policies_are_changed_in_one_batch() {
    let mut all = nodes(0..10);
    for (node, region) in all.iter_mut().zip(["eu-west-1", "us-east-1"].into_iter().cycle()) {
        region.clone_into(&mut node.region);
        if region == "us-east-1" {
            node.location = Location::Country("US".to_owned());
        }
    }
    let mut pool = Pool::new(settings(), all);
    pool.run(60);
    pool.never = Some(|pool| {
        let near = Routing::Latency("us-east-1".to_owned());
        let place = Routing::Geolocation(Location::Default);
        assert!(!pool.answers_at(NAME, &Kind::A, &[near, place]).is_empty());
    });
    use Policy::{Geolocation, Latency, Multivalue, Weighted};
    for policy in
        [Latency, Geolocation, Multivalue, Latency, Weighted, Multivalue, Geolocation, Weighted]
    {
        pool.desk.configure(Settings { policy, ..settings() });
        pool.run(120);
        let near = Routing::Latency("us-east-1".to_owned());
        let place = Routing::Geolocation(Location::Default);
        let answers = pool.answers_at(NAME, &Kind::A, &[near, place]);
        let expected = if matches!(policy, Latency | Geolocation) { 5 } else { 10 };
        assert_eq!(answers.len(), expected, "{policy:?}");
    }
    assert!(pool.zone.records().all(|set| set.name == NAME));
}

#[test]
fn regions_are_names_of_their_own() {
    let mut pool = Pool::new(Settings { policy: Policy::Latency, ..settings() }, nodes(0..5));
    for node in &mut pool.nodes[3..] {
        "ap-south-1".clone_into(&mut node.region);
    }
    pool.run(60);
    assert_eq!(pool.answers("eu-west-1.ftp.example.org").len(), 3);
    let near = [Routing::Latency("ap-south-1".to_owned())];
    assert_eq!(pool.answers_at(NAME, &Kind::A, &near).len(), 2);
    // A region that drains sends its clients elsewhere.
    for node in &mut pool.nodes[3..] {
        node.standing = Standing::Draining;
    }
    pool.run(20);
    let top: Vec<_> = pool.zone.records().filter(|set| set.name == NAME).collect();
    assert_eq!(top.len(), 1);
    assert!(matches!(&top[0].target, Target::Alias { evaluate: true, name, .. }
        if name == "eu-west-1.ftp.example.org"));
    // All of them do: better a node that drains than none.
    for node in &mut pool.nodes {
        node.standing = Standing::Draining;
    }
    pool.run(400);
    assert!(!pool.answers_at(NAME, &Kind::A, &near).is_empty() || !pool.answers(NAME).is_empty());
}

#[test]
fn no_client_is_without_a_location() {
    let mut pool = Pool::new(Settings { policy: Policy::Geolocation, ..settings() }, nodes(0..4));
    for node in &mut pool.nodes {
        node.location = Location::Continent("EU".to_owned());
    }
    pool.run(60);
    // Nobody is for all others, so everybody is.
    assert_eq!(pool.answers(NAME).len(), 4);
    let europe = [Routing::Geolocation(Location::Continent("EU".to_owned()))];
    assert_eq!(pool.answers_at(NAME, &Kind::A, &europe).len(), 4);
    pool.nodes[0].location = Location::Default;
    pool.run(60);
    assert_eq!(pool.answers(NAME).into_keys().collect::<Vec<_>>(), ["198.51.0.0"]);
    assert_eq!(pool.answers_at(NAME, &Kind::A, &europe).len(), 3);
    pool.nodes[0].standing = Standing::Unready;
    pool.run(60);
    assert_eq!(pool.answers(NAME).len(), 3);
}

#[test]
fn both_families_and_a_name_for_sftp() {
    let sftp_name = Some("sftp.example.org".to_owned());
    let mut pool = Pool::new(Settings { sftp_name, ..settings() }, nodes(0..3));
    pool.nodes[0].v6 = Some("2001:db8::1".parse().unwrap());
    pool.nodes[1].ssh = false;
    pool.nodes[2].ftp = false;
    pool.run(60);
    assert_eq!(pool.answers(NAME).len(), 2);
    assert_eq!(pool.answers("sftp.example.org").len(), 2);
    for name in [NAME, "sftp.example.org"] {
        assert_eq!(pool.answers_at(name, &Kind::Aaaa, &[]).len(), 1);
    }
    pool.nodes[0].v6 = None;
    pool.run(60);
    assert!(pool.answers_at(NAME, &Kind::Aaaa, &[]).is_empty());
    assert_eq!(pool.answers(NAME).len(), 2);
}

#[test]
fn an_address_that_moves_is_changed_in_place() {
    let mut pool = Pool::new(settings(), nodes(0..2));
    pool.run(60);
    pool.nodes[1].v4 = Some([203, 0, 113, 77].into());
    pool.run(15);
    assert!(pool.answers(NAME).contains_key("203.0.113.77"));
    assert_eq!(pool.zone.records().count(), 2);
}

#[test]
fn what_others_have_is_left_alone() {
    let mut pool = Pool::new(settings(), nodes(0..2));
    pool.zone.insert(foreign(NAME, "", Routing::Simple));
    pool.run(60);
    assert_eq!(pool.zone.records().count(), 1);
    let notes: Vec<_> = pool.desk.notes().collect();
    assert!(
        notes.iter().any(|note| note.contains("the simple record ftp.example.org A is not ours")),
        "{notes:?}"
    );
    // One that gets its share, with a time to live of its own.
    let mut pool = Pool::new(settings(), nodes(0..2));
    let mut other = foreign(NAME, "by hand", Routing::Weighted(100));
    other.target = Target::Values { ttl: 300, values: vec!["203.0.113.9".to_owned()] };
    pool.zone.insert(other.clone());
    // A pool whose name begins alike.
    pool.zone.insert(foreign("g16-1.ftp.example.org", "flotilla/main2/n0", Routing::Weighted(1)));
    pool.run(60);
    assert_eq!(pool.answers(NAME).len(), 3);
    assert_eq!(pool.others().len(), 2);
    pool.desk.configure(Settings { ttl: 30, ..settings() });
    pool.run(60);
    assert!(pool.others().contains(&other));
}

#[test]
fn the_time_to_live_is_changed_for_all_at_once() {
    let mut pool = Pool::new(settings(), nodes(0..3));
    pool.run(60);
    pool.nodes[0].standing = Standing::Unready;
    pool.run(20);
    pool.desk.configure(Settings { ttl: 20, ..settings() });
    pool.run(20);
    assert!(pool.zone.records().all(|set| set.ttl() == Some(20)));
}

#[test]
fn a_preview_shows_all_that_would_be_done() {
    let many: Vec<Node> = nodes(0..120);
    let whole = preview(&Settings { check: None, ..settings() }, &many, &State::default());
    // 120 leaves, and the references to 16 groups.
    assert_eq!(whole.changes.len(), 136);
    let few = preview(&settings(), &[node(1)], &State::of([], Vec::new()));
    assert_eq!(few.changes.len(), 4, "{few:#?}");
}

//! The rules of batches, one by one, and a tree of more than a hundred records.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::change::apply;
use super::{Alias, Check, Found, Probe, Record, Routing};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::world::World;

fn world() -> (World, String) {
    let mut world = World::new(Settings::default(), Instant::now());
    let zone = world.add_zone("example.com").unwrap();
    (world, zone)
}

/// Makes a batch of these changes, which are in XML.
fn batch(changes: &str) -> Result<Batch, Problem> {
    Batch::of(
        format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
             <ChangeBatch><Changes>{changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        )
        .as_bytes(),
    )
}

fn change(verb: &str, name: &str, more: &str) -> String {
    format!(
        "<Change><Action>{verb}</Action><ResourceRecordSet><Name>{name}</Name><Type>A</Type>{more}\
         </ResourceRecordSet></Change>"
    )
}

fn values(ttl: u32, addresses: &[&str]) -> String {
    let value = |it: &&str| format!("<ResourceRecord><Value>{it}</Value></ResourceRecord>");
    let values: String = addresses.iter().map(value).collect();
    format!("<TTL>{ttl}</TTL><ResourceRecords>{values}</ResourceRecords>")
}

fn weighted(identifier: &str, weight: u16, ttl: u32) -> String {
    format!(
        "<SetIdentifier>{identifier}</SetIdentifier><Weight>{weight}</Weight>{}",
        values(ttl, &["192.0.2.1"])
    )
}

/// Applies a batch to the zone, and how many records there are then.
fn make(world: &mut World, zone: &str, changes: &str) -> Result<usize, Problem> {
    let batch = batch(changes)?;
    let records = apply(&world.names.zones[zone], &batch, &world.names.zones, &[])?;
    let count = records.len();
    world.names.zones.get_mut(zone).unwrap().records = records;
    Ok(count)
}

#[test]
fn the_schema_is_strict() {
    let code = |changes: &str| batch(changes).unwrap_err().code;
    let good = change("UPSERT", "a.example.com", &values(60, &["192.0.2.1"]));
    assert!(batch(&good).is_ok());
    assert_eq!(code(""), "InvalidInput");
    assert_eq!(code(&good.replace("UPSERT", "REPLACE")), "InvalidInput");
    assert_eq!(code(&good.replace("<TTL>60</TTL>", "<TTL>-1</TTL>")), "InvalidInput");
    assert_eq!(code(&good.replace("<TTL>", "<Failover>PRIMARY</Failover><TTL>")), "InvalidInput");
    assert_eq!(code(&good.replace("<TTL>60</TTL>", "<TTL>60</TTL><TTL>60</TTL>")), "InvalidInput");
}

#[test]
fn weights_are_0_to_255_and_have_one_value() {
    let code = |more: &str| batch(&change("CREATE", "a.example.com", more)).unwrap_err().code;
    assert_eq!(code(&weighted("x", 256, 60)), "InvalidInput");
    assert_eq!(code(&weighted("", 1, 60)), "InvalidInput");
    assert_eq!(code(&weighted(&"x".repeat(129), 1, 60)), "InvalidInput");
    let two = values(60, &["192.0.2.1", "192.0.2.2"]);
    let two = format!("<SetIdentifier>x</SetIdentifier><Weight>1</Weight>{two}");
    assert_eq!(code(&two), "InvalidChangeBatch");
}

#[test]
fn a_batch_is_made_as_a_whole() {
    let (mut world, zone) = world();
    let one = change("CREATE", "a.example.com", &values(60, &["192.0.2.1"]));
    let two = change("DELETE", "b.example.com", &values(60, &["192.0.2.1"]));
    let problem = make(&mut world, &zone, &format!("{one}{two}")).unwrap_err();
    assert!(problem.message.contains("but it was not found"), "{problem}");
    assert_eq!(make(&mut world, &zone, &one), Ok(3));
    assert_eq!(make(&mut world, &zone, &one).unwrap_err().code, "InvalidChangeBatch");
    assert_eq!(make(&mut world, &zone, &one.replace("CREATE", "UPSERT")), Ok(3));
    let other = one.replace("CREATE", "DELETE");
    let problem = make(&mut world, &zone, &other.replace("192.0.2.1", "192.0.2.9")).unwrap_err();
    assert!(problem.message.contains("do not match"), "{problem}");
    assert_eq!(make(&mut world, &zone, &other), Ok(2));
}

#[test]
fn a_weighted_group_has_one_ttl_and_a_hundred_records() {
    let (mut world, zone) = world();
    let create = |number: usize, ttl| {
        change("CREATE", "w.example.com", &weighted(&number.to_string(), 1, ttl))
    };
    let all: String = (0..100).map(|number| create(number, 60)).collect();
    assert_eq!(make(&mut world, &zone, &all), Ok(102));
    assert_eq!(make(&mut world, &zone, &create(100, 60)).unwrap_err().code, "InvalidChangeBatch");
    let other = change("UPSERT", "w.example.com", &weighted("1", 1, 30));
    assert!(make(&mut world, &zone, &other).unwrap_err().message.contains("TTL"));
    // All of them at once may have another.
    let all: String = (0..100)
        .map(|it| change("UPSERT", "w.example.com", &weighted(&it.to_string(), 1, 30)))
        .collect();
    assert_eq!(make(&mut world, &zone, &all), Ok(102));
    let plain = change("CREATE", "w.example.com", &values(30, &["192.0.2.1"]));
    assert_eq!(make(&mut world, &zone, &plain).unwrap_err().code, "InvalidChangeBatch");
}

#[test]
fn upserts_count_twice() {
    let many = |verb, count| -> String {
        let one =
            |number| change(verb, &format!("m{number}.example.com"), &values(60, &["192.0.2.1"]));
        (0..count).map(one).collect()
    };
    assert!(batch(&many("CREATE", 1000)).is_ok());
    assert!(batch(&many("CREATE", 1001)).unwrap_err().message.contains("1000"));
    assert!(batch(&many("UPSERT", 500)).is_ok());
    assert!(batch(&many("UPSERT", 501)).is_err());
}

fn record(name: &str, identifier: &str, weight: u8) -> Record {
    Record {
        name: name.to_owned(),
        kind: "A".to_owned(),
        identifier: Some(identifier.to_owned()),
        routing: Routing::Weighted(weight),
        ttl: Some(60),
        values: Vec::new(),
        alias: None,
        check: None,
    }
}

/// A check whose one checker has that opinion.
fn check(world: &mut World, id: &str, healthy: bool) {
    let settings = Probe {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 21,
        interval: 10,
        threshold: 3,
        inverted: false,
        disabled: false,
        measure_latency: false,
        regions: Vec::new(),
    };
    let mut check = Check {
        id: id.to_owned(),
        reference: id.to_owned(),
        settings,
        version: 1,
        checkers: Vec::new(),
    };
    check.restart(1, Duration::from_secs(10), Instant::now());
    check.checkers[0].healthy = Some(healthy);
    world.names.checks.insert(id.to_owned(), check);
}

/// How often each address is answered.
fn ask(world: &mut World, name: &str, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        let found = world.resolve(name, "A", IpAddr::V4(Ipv4Addr::LOCALHOST));
        let Found::Records(records) = found else { panic!("{found:?}") };
        for (_, _, _, value) in records {
            *counts.entry(value).or_default() += 1;
        }
    }
    counts
}

#[test]
fn a_tree_leads_to_all_nodes_and_around_those_that_are_dead() {
    let (mut world, zone) = world();
    for shard in 0..2 {
        let name = format!("s{shard}.example.com.");
        for node in 0..60 {
            let id = format!("{shard}-{node}");
            check(&mut world, &id, true);
            let mut record = record(&name, &id, 10);
            record.values = vec![format!("10.0.{shard}.{node}")];
            record.check = Some(id);
            world.names.zones.get_mut(&zone).unwrap().put(record);
        }
        let mut top = record("ftp.example.com.", &name, 100);
        top.ttl = None;
        top.alias = Some(Alias { zone: zone.clone(), name, evaluate: true });
        world.names.zones.get_mut(&zone).unwrap().put(top);
    }
    let counts = ask(&mut world, "ftp.example.com.", 6000);
    assert_eq!(counts.len(), 120);
    assert!(counts.values().all(|count| (20..=90).contains(count)), "{counts:?}");
    // One shard is dead: the other one has everything.
    for node in 0..60 {
        check(&mut world, &format!("0-{node}"), false);
    }
    let counts = ask(&mut world, "ftp.example.com.", 1000);
    assert!(counts.keys().all(|address| address.starts_with("10.0.1.")), "{counts:?}");
    // All are dead: all are answered.
    for node in 0..60 {
        check(&mut world, &format!("1-{node}"), false);
    }
    assert_eq!(ask(&mut world, "ftp.example.com.", 6000).len(), 120);
}

#[test]
fn names_are_published_when_the_change_has_spread() {
    let (mut world, zone) = world();
    let one = change("CREATE", "a.example.com", &values(60, &["192.0.2.1"]));
    make(&mut world, &zone, &one).unwrap();
    let now = Instant::now();
    world.names.zones.get_mut(&zone).unwrap().busy_until = Some(now + Duration::from_secs(5));
    let asker = IpAddr::V4(Ipv4Addr::LOCALHOST);
    world.advance(now + Duration::from_secs(4));
    let found = world.resolve("a.example.com.", "A", asker);
    assert_eq!(found, Found::NoName { zone: "example.com.".to_owned() });
    world.advance(now + Duration::from_secs(5));
    assert!(matches!(world.resolve("a.example.com.", "A", asker), Found::Records(_)));
    assert!(matches!(world.resolve("a.example.com.", "AAAA", asker), Found::Nothing { .. }));
    assert_eq!(world.resolve("a.example.org.", "A", asker), Found::NotHere);
}

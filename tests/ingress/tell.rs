//! What `flotilla ports` and `flotilla policy` tell of nodes behind one address.

use std::net::SocketAddr;

use flotilla_tests::network::{Nlb, PASSIVE};
use flotilla_tests::{DEADLINE, Wire, wait};
use serde_json::Value;

use super::site::{ALL_PORTS, Site};
use super::user::offer;

/// The ports that a list of ranges names.
fn ports(ranges: &Value) -> Vec<u16> {
    let ranges = ranges.as_array().into_iter().flatten().map(|range| range.as_str().unwrap());
    let ends = ranges.map(|range| range.split_once('-').unwrap_or((range, range)));
    ends.flat_map(|(first, last)| first.parse().unwrap()..=last.parse().unwrap()).collect()
}

/// Each block has one owner, whom any node tells; a port that a client got is its node's; relays are counted.
#[test]
fn the_owners_of_ports_are_told() {
    let Some(mut site) = Site::shared(3, |plan| plan.set("ftp.passive.block", 4)) else { return };
    let _nlb = Nlb::start(&site.network, ALL_PORTS);
    offer(&site.fleet, "down", 1000);
    for client in 0..20 {
        let mut wire = site.login_from(site.network.client(client), "alice");
        let _outside = site.go_outside();
        assert_eq!(wire.fetch("down").len(), 1000);
    }
    // A beat or two later all have the same table.
    let told = wait::told(DEADLINE, "one table", || {
        let mut told =
            site.fleet.nodes().iter().map(|node| node.tell(&["ports"])["blocks"].clone());
        let first = told.next()?;
        let known = first["owners"].as_array().is_some_and(|owners| owners.len() == 3);
        (known && told.all(|other| other == first)).then_some(first)
    });
    assert_eq!((&told["size"], &told["count"]), (&4.into(), &12.into()));
    let mut owned = Vec::new();
    for (number, owner) in told["owners"].as_array().unwrap().iter().enumerate() {
        let node = &site.network.nodes()[number];
        assert_eq!(owner["node"], format!("n{}", number + 1));
        assert_eq!(
            (&owner["alive"], &owner["relay"]),
            (&true.into(), &format!("{}:2120", node.v4()).into())
        );
        let ports = ports(&owner["ports"]);
        assert_eq!(owner["blocks"], ports.len() / 4);
        let mut wire = node.run(|| Wire::connect(SocketAddr::from((node.v4(), 21))));
        wire.expect(220);
        wire.login("alice");
        assert!(ports.contains(&wire.epsv().port()), "{ports:?}");
        owned.extend(ports);
    }
    owned.sort_unstable();
    let free = told["free"].as_u64().unwrap();
    assert_eq!(owned.len() as u64 + 4 * free, u64::from(PASSIVE.1 - PASSIVE.0 + 1));
    owned.dedup();
    assert_eq!(owned.len() as u64 + 4 * free, 48, "no port has two owners");
    let all = site.fleet[1].tell(&["ports"]);
    assert_eq!((&all["mode"], &all["range"]), (&"shared".into(), &"61000-61047".into()));
    let nodes = all["nodes"].as_array().unwrap();
    let sum =
        |key: &str| nodes.iter().map(|node| node["relays"][key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("sent"), sum("active")), (site.sum("flotilla_relay_sent_total"), 0));
    assert!(nodes.iter().all(|node| !ports(&node["blocks"]).is_empty()), "{nodes:?}");
    let table = site.fleet[0].verb(&["ports"]).succeed().stdout;
    assert!(table.contains("12 blocks of 4") && table.contains("10.0.0.13:2120"), "{table}");
}

/// What is on the path, as configured, and what comes of it.
#[test]
fn the_timers_of_the_path_are_told() {
    let plan = |plan: flotilla_tests::fleet::Plan| {
        plan.set("ingress.balancer", "classic").set("ingress.idle_timeout", "90s")
    };
    let Some(site) = Site::shared(2, plan) else { return };
    let told = wait::told(DEADLINE, "a policy", || {
        let told = site.fleet[1].tell(&["policy"]);
        (told["revision"].as_u64()? > 0).then_some(told)
    });
    let keepalive = &told["keepalive"];
    assert_eq!(keepalive["smallest_ms"], 90_000);
    assert_eq!(keepalive["timers"][0]["source"], "ingress.idle_timeout");
    assert_eq!(keepalive["probes"]["idle_ms"], 30_000);
    assert!(!keepalive["cuts"].as_array().unwrap().is_empty());
    assert_eq!(told["listeners"][0]["reason"], "ingress.mode");
    let text = site.fleet[0].verb(&["policy"]).succeed().stdout;
    assert!(text.contains("silent connections are lost after 1m 30s"), "{text}");
}

//! The pool's names in Route 53 (issue 6, "DNS"): clients ask for a name by `dig`, as anybody does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::route53::{Record, Routing};
use flotilla_aws_fake::{Fault, Kind};
use flotilla_tests::fleet::Plan;
use flotilla_tests::network::public;
use flotilla_tests::{Wire, wait};

use super::site::Site;

const ZONE: &str = "example.com";
const NAME: &str = "ftp.example.com";
/// From the start of a pool to its records: a leader, a look each second, a batch that takes a second, a busy machine.
const MADE: Duration = Duration::from_secs(20);
/// Design, I4: a node that died is out of the answers.
const OUT: Duration = Duration::from_secs(30);
/// Route 53 takes a minute to tell all its servers, and a record goes after that.
const GONE: Duration = Duration::from_secs(90);
/// A health check that was failing needs three good looks, ten seconds apart, and the record a batch.
const WELL: Duration = Duration::from_secs(60);
/// Issue 6: the service is away for a minute.
const AWAY: Duration = Duration::from_secs(60);
/// Metadata are asked every half minute.
const MOVED: Duration = Duration::from_secs(45);

/// A pool with a name, whose health checks reach it.
#[track_caller]
fn site(nodes: usize, change: impl FnOnce(Plan) -> Plan) -> Option<Site> {
    Site::open(nodes, |plan, fake| {
        let mut world = fake.world();
        world.add_zone(ZONE).unwrap();
        // Nobody has these addresses where the checkers are.
        for node in 0..10_u8 {
            let private = Ipv4Addr::new(10, 0, 0, 11 + node);
            world.names.reach.insert(public(node.into()).into(), private.into());
        }
        change(
            plan.set("aws.security_groups", false)
                .set("aws.dns_name", NAME)
                .set("aws.dns_ttl", "5s")
                .set("aws.dns_check_interval", "10s")
                .set("health.tcp", "0.0.0.0:8082")
                .set("timeouts.drain_notice", "1s"),
        )
    })
}

/// What this many questions are answered.
fn dig(site: &Site, questions: usize) -> Vec<Ipv4Addr> {
    let server = site.fake.dns();
    let told = site.network.clients().run(|| {
        let mut dig = Command::new("dig");
        dig.args(["+short", "+tries=2", &format!("@{}", server.ip()), "-p"]);
        dig.arg(server.port().to_string());
        dig.args(std::iter::repeat_n(NAME, questions)).output()
    });
    let told = told.expect("dig is installed");
    assert!(told.status.success(), "{told:?}");
    let text = String::from_utf8(told.stdout).unwrap();
    text.lines().map(|line| line.parse().unwrap_or_else(|_| panic!("{text}"))).collect()
}

/// The addresses that are answered at all.
fn answers(site: &Site) -> BTreeSet<Ipv4Addr> {
    dig(site, 60).into_iter().collect()
}

fn all(nodes: impl IntoIterator<Item = usize>) -> BTreeSet<Ipv4Addr> {
    nodes.into_iter().map(public).collect()
}

#[track_caller]
fn wait_for(site: &Site, deadline: Duration, nodes: &BTreeSet<Ipv4Addr>) {
    wait::told(deadline, &format!("the answers to be {nodes:?}"), || {
        (answers(site) == *nodes).then_some(())
    });
}

/// The A records of the pool, by node: address, weight, whether there is a check.
fn records(site: &Site) -> BTreeMap<String, (String, u8, bool)> {
    let world = site.fake.world();
    let zone = world.names.zones.values().next().unwrap();
    let own = zone.records.values().filter(|record| record.kind == "A");
    own.filter_map(|record| {
        let key = record.identifier.as_ref()?.rsplit('/').next()?;
        let Routing::Weighted(weight) = record.routing else { return None };
        Some((key.to_owned(), (record.values[0].clone(), weight, record.check.is_some())))
    })
    .collect()
}

fn writes(site: &Site) -> usize {
    let world = site.fake.world();
    let batches = world.log.since(0);
    batches.filter(|call| call.action == "ChangeResourceRecordSets" && call.outcome == "ok").count()
}

/// A client asks for the name and logs in where the answer leads: to all nodes, each as often as its weight says.
#[test]
fn clients_reach_all_nodes_by_weight() {
    let Some(site) = site(3, |plan| plan.set_apart("aws.dns_weight", [50, 50, 200])) else {
        return;
    };
    wait_for(&site, MADE, &all(0..3));
    wait::told(MADE, "health checks on the records", || {
        records(&site).values().all(|(.., checked)| *checked).then_some(())
    });
    for address in all(0..3) {
        let from = site.network.client(1);
        let at = SocketAddr::from((address, 21));
        let mut wire = site.network.clients().run(|| Wire::connect_from(from, at));
        wire.expect(220);
        wire.login("alice");
        assert_eq!(wire.pasv().ip(), IpAddr::from(address));
        wire.ask("QUIT", 221);
    }
    let weights = records(&site);
    let asked = 600;
    let mut found = BTreeMap::<String, usize>::new();
    for address in dig(&site, asked) {
        *found.entry(address.to_string()).or_default() += 1;
    }
    let sum: usize = weights.values().map(|(_, weight, _)| usize::from(*weight)).sum();
    for (node, (address, weight, _)) in &weights {
        let due = asked * usize::from(*weight) / sum;
        let got = found.get(address).copied().unwrap_or(0);
        // Five times the deviation of a fair coin of that many throws.
        assert!(got.abs_diff(due) < 62, "{node} of weight {weight}: {got}, not {due}; {weights:?}");
    }
    assert!(weights["n3"].1 > weights["n1"].1, "{weights:?}");
    // Nothing moves, so nothing is written.
    let before = writes(&site);
    assert!(before <= 4, "{before} batches for three nodes");
}

/// A node that is killed is out of the answers, and in them again when it is back.
#[test]
fn the_dead_leave_and_come_back() {
    let Some(mut site) = site(3, |plan| plan) else { return };
    wait_for(&site, MADE, &all(0..3));
    site.fleet[1].kill();
    let killed = Instant::now();
    wait_for(&site, OUT, &all([0, 2]));
    assert!(killed.elapsed() < OUT, "{:?}", killed.elapsed());
    wait::told(OUT, "the weight of n2 to be 0", || (records(&site)["n2"].1 == 0).then_some(()));
    site.fleet[1].start_again();
    wait_for(&site, WELL, &all(0..3));
}

/// Where the machine of a silent node is gone, its record and its check go too. What others have under the name stays.
#[test]
fn a_terminated_machine_leaves_nothing() {
    let Some(mut site) = site(3, |plan| plan) else { return };
    let foreign = |kind: &str, weight, value: &str| Record {
        name: format!("{NAME}."),
        kind: kind.to_owned(),
        identifier: Some("somebody".to_owned()),
        routing: Routing::Weighted(weight),
        ttl: Some(300),
        values: vec![value.to_owned()],
        alias: None,
        check: None,
    };
    // The one of the pool's own type is answered to nobody, so that the answers tell of the pool.
    let foreign = [foreign("TXT", 1, "\"hands off\""), foreign("A", 0, "192.0.2.1")];
    for record in &foreign {
        let mut world = site.fake.world();
        world.names.zones.values_mut().next().unwrap().put(record.clone());
    }
    wait_for(&site, MADE, &all(0..3));
    site.fleet[2].kill();
    let instance = site.instances[2].clone();
    site.fake.world().cloud.terminate(&instance);
    wait_for(&site, OUT, &all([0, 1]));
    wait::told(GONE, "the record of n3 to go", || {
        (!records(&site).contains_key("n3")).then_some(())
    });
    wait::told(GONE, "its check to go", || {
        (site.fake.world().names.checks.len() == 2).then_some(())
    });
    let world = site.fake.world();
    let zone = world.names.zones.values().next().unwrap();
    for foreign in &foreign {
        let stays = zone.records.values().any(|record| record == foreign);
        assert!(stays, "a record of somebody else is gone: {foreign:?}");
    }
}

/// A node that drains gets nobody from its DNS, is forgotten, and has no record any more.
#[test]
fn a_drained_node_is_forgotten_and_goes() {
    let Some(mut site) = site(2, |plan| plan.unset("timeouts.drain_notice")) else { return };
    wait_for(&site, MADE, &all(0..2));
    site.fleet[1].tell(&["drain"]);
    wait_for(&site, MADE, &all([0]));
    // Whoever asked before still comes, and is served.
    let at = SocketAddr::from((public(1), 21));
    let from = site.network.client(1);
    let mut late = site.network.clients().run(|| Wire::connect_from(from, at));
    late.expect(220);
    late.login("alice");
    late.ask("QUIT", 221);
    wait::told(GONE, "the record of n2 to go", || {
        (!records(&site).contains_key("n2")).then_some(())
    });
    site.fleet[1].tell(&["undrain"]);
    wait_for(&site, WELL, &all(0..2));
    // The last one stays, whatever becomes of it.
    site.fleet[0].kill();
    site.fleet[1].kill();
    assert!(!records(&site).is_empty());
}

/// By hand: the plan shows what is missing, apply makes it, and then nothing is left to do.
#[test]
fn names_are_made_by_hand_too() {
    let Some(site) = site(2, |plan| plan.unset("aws.dns_name")) else { return };
    // Without a name, a node tells nobody its place: this machine's is all that is known.
    let name = format!("aws.dns_name={NAME}");
    let tell = |verb: &str| site.fleet[0].tell(&["aws", verb, "--set", &name]);
    let planned = tell("plan");
    let records = planned["changes"].as_array().unwrap().iter();
    let of_names = |what: &str| what.contains("ftp.example.com A flotilla/");
    assert!(records.clone().any(|of| of_names(of["what"].as_str().unwrap())), "{planned:#}");
    let applied = tell("apply");
    for change in applied["changes"].as_array().unwrap() {
        assert_eq!(change["outcome"], "made", "{applied:#}");
    }
    let again = tell("plan");
    assert_eq!(again["changes"].as_array().map(Vec::len), Some(0), "{again:#}");
}

/// An elastic address that moves is in the records, without a restart.
#[test]
fn a_moved_address_is_in_the_answers() {
    let Some(site) = site(1, |plan| plan) else { return };
    wait_for(&site, MADE, &all([0]));
    site.fake.world().cloud.move_address(&site.instances[0], Some(public(7)));
    wait_for(&site, MOVED, &all([7]));
}

/// Route 53 refuses, is away, or loses its answer in the middle of a batch whose sender dies: the nodes serve, what
/// is missing is told once, and in the end the names are right.
#[test]
fn trouble_with_the_service_is_survived() {
    let Some(mut site) = site(3, |plan| plan) else { return };
    wait_for(&site, MADE, &all(0..3));
    let refuse =
        Fault::new(Kind::Refuse).service(Service::Route53).action("ChangeResourceRecordSets");
    let refuse = site.fake.world().add_fault(refuse);
    site.fleet[2].kill();
    let leader = |site: &mut Site| {
        let told = site.fleet[0].tell(&["nodes"]);
        let name = told["leader"].as_str().unwrap().to_owned();
        name.trim_start_matches('n').parse::<usize>().unwrap() - 1
    };
    wait::told(OUT, "the refusal to be told", || {
        let logs = site.fleet[0].log() + &site.fleet[1].log();
        let words = "needs route53:ChangeResourceRecordSets";
        logs.contains(words).then_some(())
    });
    // The leader dies with a batch under way, and the service with it.
    site.fake.world().faults.remove(refuse);
    let before = writes(&site);
    let lose = Fault::new(Kind::Slow { delay_ms: 4_000 }).service(Service::Route53);
    site.fake.world().add_fault(lose.action("ChangeResourceRecordSets").times(1));
    wait::told(GONE, "a batch under way", || (writes(&site) > before).then_some(()));
    let first = leader(&mut site);
    if first < 2 {
        site.fleet[first].kill();
        site.fleet[first].start_again();
    }
    site.fleet[2].start_again();
    let down = Fault::new(Kind::Down).service(Service::Route53).lasting(AWAY);
    site.fake.world().add_fault(down);
    let from = site.network.client(2);
    let at = SocketAddr::from((public(0), 21));
    let mut wire = site.network.clients().run(|| Wire::connect_from(from, at));
    wire.expect(220);
    wire.login("alice");
    wait_for(&site, AWAY + GONE, &all(0..3));
    wire.ask("NOOP", 200);
}

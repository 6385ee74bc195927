//! Load balancers (issue 6, "Balancers").

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::balancing::{Health, NewBalancer, NewTargetGroup, Target};
use flotilla_aws_fake::classic::{Classic, Port};
use flotilla_aws_fake::ec2::NewInstance;
use flotilla_aws_fake::{Fake, Fault, Kind};
use flotilla_tests::fleet::Plan;
use flotilla_tests::network::public;
use flotilla_tests::{Server, Wire, wait};
use serde_json::Value;

use super::site::Site;

/// From the start of the pool, or a reload, to what was read: a leader, a look each two seconds, some calls, a policy.
const READ: Duration = Duration::from_secs(30);

/// A network balancer `ftp` whose listeners lead to groups of the same ports.
struct Front {
    /// By listener.
    groups: Vec<String>,
    listeners: Vec<String>,
}

impl Front {
    fn new(fake: &Fake, listeners: &[(u16, &str)]) -> Self {
        let mut world = fake.world();
        let places = vec![("a".to_owned(), Some(ADDRESS.into()))];
        let wanted = NewBalancer { name: "ftp".to_owned(), places, ..NewBalancer::default() };
        let balancer = world.add_balancer(wanted);
        let mut front = Self { groups: Vec::new(), listeners: Vec::new() };
        for (port, protocol) in listeners {
            let (name, port) = (format!("port-{port}"), *port);
            let wanted = NewTargetGroup { name, port, tags: tags(), ..Default::default() };
            let group = world.add_target_group(wanted);
            let made = world.new_listener(&balancer, port, protocol, &group).unwrap();
            world.balancers.listeners.get_mut(&made).unwrap().tags = tags();
            front.listeners.push(made);
            front.groups.push(group);
        }
        front
    }

    /// Makes all instances targets of all groups.
    fn register(self, fake: &Fake) -> Self {
        let instances: Vec<String> = fake.world().cloud.instances.keys().cloned().collect();
        for group in &self.groups {
            for instance in &instances {
                target(fake, group, instance);
            }
        }
        self
    }
}

/// What makes something the pool's.
fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([("flotilla:pool".to_owned(), POOL.to_owned())])
}

const POOL: &str = "front";
/// Where clients find the balancer.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);

fn target(fake: &Fake, group: &str, instance: &str) {
    let mut world = fake.world();
    let group = world.balancers.target_groups.get_mut(group).unwrap();
    let (id, port) = (instance.to_owned(), group.port);
    let since = Instant::now();
    group.targets.push(Target { id, port, since, health: Health::Healthy, draining_until: None });
}

/// Who is a target of a group, and who was one.
fn targets(fake: &Fake, group: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let world = fake.world();
    let all = &world.balancers.target_groups[group].targets;
    let (stay, go): (Vec<_>, Vec<_>) = all.iter().partition(|of| of.draining_until.is_none());
    let ids = |of: Vec<&Target>| of.iter().map(|it| it.id.clone()).collect();
    (ids(stay), ids(go))
}

/// A site whose groups are nobody's concern. The pool is the one in whose name balancers are tagged.
fn site(nodes: usize, change: impl FnOnce(Plan, &Fake) -> Plan) -> Option<Site> {
    Site::open(nodes, |plan, fake| {
        change(plan.set("aws.security_groups", false).set("pool.name", POOL), fake)
    })
}

/// Timer of the policy whose source has these words: name, milliseconds.
fn timer(node: &Server, words: &str) -> Option<(String, u64)> {
    let policy = node.tell(&["policy"]);
    let timers = policy["keepalive"]["timers"].as_array().unwrap();
    let of = timers.iter().find(|of| of["source"].as_str().unwrap().contains(words))?;
    Some((of["name"].as_str().unwrap().to_owned(), of["after_ms"].as_u64().unwrap()))
}

fn reload(site: &Site) {
    site.fleet.nodes().iter().for_each(Server::reload);
}

/// Whole readings that have begun: by name, or by targets.
fn readings(fake: &Fake) -> usize {
    let world = fake.world();
    let begins = world.log.since(0).filter(|call| match call.action.as_str() {
        "DescribeLoadBalancers" => call.request.contains_key("Names.member.1"),
        "DescribeTargetGroups" => !call.request.contains_key("LoadBalancerArn"),
        _ => false,
    });
    begins.count()
}

/// Has all read once more, and waits until what was found is told: when the next reading begins.
fn read_again(site: &Site) {
    for round in ["another reading", "one more"] {
        let before = readings(&site.fake);
        reload(site);
        wait::told(READ, round, || (readings(&site.fake) > before).then_some(()));
    }
}

fn findings(node: &Server) -> Vec<Value> {
    let plan = node.tell(&["aws", "plan"]);
    plan["balancers"]["findings"].as_array().unwrap().clone()
}

fn codes(findings: &[Value], severity: &str) -> Vec<String> {
    let of = findings.iter().filter(|of| of["severity"] == severity);
    of.map(|of| of["code"].as_str().unwrap().to_owned()).collect()
}

/// The balancer is found by its targets; its idle timeout is in the policy of all nodes, with where it came from, and
/// another one after the next reading. When AWS is away the last one stays.
#[test]
fn the_idle_timeout_of_the_balancer_is_in_the_policy() {
    let mut front = None;
    let made = site(2, |plan, fake| {
        front = Some(Front::new(fake, &[(21, "TCP")]).register(fake));
        plan.set("ingress.balancer", "network")
    });
    let Some(site) = made else { return };
    let front = front.unwrap();
    let listener = "tcp.idle_timeout.seconds of listener 21, DescribeListenerAttributes";
    let name = "network load balancer ftp".to_owned();
    let all = |after: u64| {
        let told = (name.clone(), after);
        let knows = |node: &Server| timer(node, listener) == Some(told.clone());
        site.fleet.nodes().iter().all(knows).then_some(())
    };
    wait::told(READ, "its idle timeout in the policy", || all(350_000));
    assert_eq!(timer(&site.fleet[0], "ingress.balancer"), None, "what is read goes before it");
    let set = |after: &str| {
        let mut world = site.fake.world();
        let listener = world.balancers.listeners.get_mut(&front.listeners[0]).unwrap();
        listener.attributes.insert("tcp.idle_timeout.seconds".to_owned(), after.to_owned());
    };
    set("200");
    reload(&site);
    wait::told(READ, "another one after another reading", || all(200_000));
    set("100");
    site.fake.world().add_fault(Fault::new(Kind::Down).service(Service::Balancing).action("*"));
    reload(&site);
    wait::told(READ, "the log", || {
        let told = |node: &Server| node.log().contains("load balancers can not be looked after");
        site.fleet.nodes().iter().any(told).then_some(())
    });
    assert_eq!(all(200_000), Some(()), "the last known one stays");
}

/// TLS in front of FTP is refused with the reason, in the log once, in the plan and by the doctor; and nobody is
/// registered there.
#[test]
fn tls_in_front_of_ftp_is_refused_with_its_reason() {
    let mut front = None;
    let made = site(1, |plan, fake| {
        front = Some(Front::new(fake, &[(21, "TLS")]));
        plan.set("aws.balancer", "ftp").set("aws.balancer_changes", true)
    });
    let Some(site) = made else { return };
    let (front, node) = (front.unwrap(), &site.fleet[0]);
    node.wait_for_log("TLS in front of FTP");
    read_again(&site);
    assert_eq!(node.log().matches("TLS in front of FTP").count(), 1);
    let found = findings(node);
    assert!(codes(&found, "error").contains(&"tls-listener".to_owned()), "{found:#?}");
    let doctor = node.verb(&["doctor"]).run();
    assert_ne!(doctor.code, Some(0));
    assert!(
        doctor.stdout.contains(
            "BAD  load balancer: network load balancer ftp, listener 21: TLS in front of FTP"
        ),
        "{doctor}"
    );
    assert!(targets(&site.fake, &front.groups[0]).0.is_empty(), "registered behind TLS");
}

/// A header that the node does not take is told once, with the key to set.
#[test]
fn a_wrong_proxy_setting_is_told_once() {
    let made = site(1, |plan, fake| {
        let front = Front::new(fake, &[(21, "TCP")]).register(fake);
        let mut world = fake.world();
        let group = world.balancers.target_groups.get_mut(&front.groups[0]).unwrap();
        group.attributes.insert("proxy_protocol_v2.enabled".to_owned(), "true".to_owned());
        plan
    });
    let Some(site) = made else { return };
    let node = &site.fleet[0];
    let words = "it sends a PROXY header that ingress.proxy_protocol";
    node.wait_for_log(words);
    read_again(&site);
    assert_eq!(node.log().matches(words).count(), 1);
    let found = findings(node);
    let proxy = found.iter().find(|of| of["code"] == "proxy").unwrap();
    assert_eq!(proxy["fix"], "ingress.proxy_protocol = \"late\"");
}

/// Nodes become targets of a balancer that is named, settings that would cut sessions are mended, who drained goes, and
/// who ended; the last one stays; what is not the pool's is left alone.
#[test]
fn targets_come_and_go_with_the_nodes() {
    let mut made = None;
    let open = site(3, |plan, fake| {
        let front = Front::new(fake, &[(21, "TCP"), (8080, "TCP")]);
        let ended = fake.world().add_instance(NewInstance::default());
        for group in &front.groups {
            target(fake, group, &ended);
        }
        fake.world().cloud.terminate(&ended);
        made = Some((front, ended));
        plan.set("aws.balancer", "ftp").set("aws.balancer_changes", true)
    });
    let Some(site) = open else { return };
    let (front, ended) = made.unwrap();
    let nodes: BTreeSet<String> = site.instances.iter().cloned().collect();
    wait::told(READ * 2, "all nodes as targets", || {
        (targets(&site.fake, &front.groups[0]).0.is_superset(&nodes)).then_some(())
    });
    // The one that is no more goes once there is another.
    reload(&site);
    // Two answers of EC2, a minute apart.
    wait::told(READ * 5, "the one that ended", || {
        (targets(&site.fake, &front.groups[0]).0 == nodes).then_some(())
    });
    let attribute = |key: &str| {
        let world = site.fake.world();
        world.balancers.target_groups[&front.groups[0]].attributes[key].clone()
    };
    let cuts = "target_health_state.unhealthy.connection_termination.enabled";
    assert_eq!(attribute(cuts), "false");
    site.fleet[2].verb(&["drain"]).succeed();
    let left: BTreeSet<String> = site.instances[..2].iter().cloned().collect();
    wait::told(READ * 2, "the drained one is none", || {
        (targets(&site.fake, &front.groups[0]).0 == left).then_some(())
    });
    site.fleet[2].verb(&["undrain"]).succeed();
    wait::told(READ * 2, "it is back", || {
        (targets(&site.fake, &front.groups[0]).0 == nodes).then_some(())
    });
    let foreign = targets(&site.fake, &front.groups[1]);
    assert_eq!(foreign, (BTreeSet::from([ended]), BTreeSet::new()), "a foreign group");
    let world = site.fake.world();
    let other = &front.groups[1];
    let touched = world.log.since(0).find(|call| {
        let changes = ["Modify", "Register", "Deregister"];
        changes.iter().any(|verb| call.action.starts_with(verb))
            && call.request.values().any(|value| value == other)
    });
    assert_eq!(touched, None);
}

/// Where the balancer is found by its targets, a node that drains stays one, for nobody would put it in again; and
/// what does not bear the tag of the pool is left alone, once told.
#[test]
fn a_balancer_that_is_found_keeps_its_targets() {
    let mut front = None;
    let made = site(2, |plan, fake| {
        front = Some(Front::new(fake, &[(21, "TCP"), (22, "TCP")]).register(fake));
        let mut world = fake.world();
        let other = front.as_ref().map(|front: &Front| front.groups[1].clone()).unwrap();
        world.balancers.target_groups.get_mut(&other).unwrap().tags.clear();
        plan.set("aws.balancer_changes", true)
    });
    let Some(site) = made else { return };
    let front = front.unwrap();
    let cuts = "target_health_state.unhealthy.connection_termination.enabled";
    let attribute =
        |group: &String| site.fake.world().balancers.target_groups[group].attributes[cuts].clone();
    wait::told(READ * 2, "the group of the pool is mended", || {
        (attribute(&front.groups[0]) == "false").then_some(())
    });
    assert_ne!(attribute(&front.groups[1]), "false", "a group without the tag");
    let words = "group port-22 does not bear the tag flotilla:pool = front";
    let count = |node: &Server| node.log().matches(words).count();
    let logs = || site.fleet.nodes().iter().map(count).collect::<Vec<_>>();
    wait::told(READ, "the tag to set", || (logs().iter().sum::<usize>() == 1).then_some(()));
    let nodes: BTreeSet<String> = site.instances.iter().cloned().collect();
    site.fleet[1].verb(&["drain"]).succeed();
    read_again(&site);
    assert_eq!(targets(&site.fake, &front.groups[0]), (nodes, BTreeSet::new()));
    // Another node may lead since this one drains, and says it too.
    assert!(logs().iter().all(|count| *count <= 1), "{:?}", logs());
}

/// Without permission nothing is changed, and what would be is said; an operator may ask for it.
#[test]
fn nothing_is_changed_that_nobody_allowed() {
    let mut front = None;
    let made = site(1, |plan, fake| {
        front = Some(Front::new(fake, &[(21, "TCP")]));
        plan.set("aws.balancer", "ftp")
    });
    let Some(site) = made else { return };
    let (front, node) = (front.unwrap(), &site.fleet[0]);
    node.wait_for_log("aws.balancer_changes = true would permit");
    assert!(targets(&site.fake, &front.groups[0]).0.is_empty());
    let plan = node.tell(&["aws", "plan"]);
    let services = plan["changes"].as_array().unwrap().iter().map(|of| of["service"].to_string());
    assert!(services.into_iter().all(|service| service == "\"ec2\""), "{plan:#}");
    node.tell(&["aws", "apply", "--balancers"]);
    let known = targets(&site.fake, &front.groups[0]).0;
    assert_eq!(known, site.instances.iter().cloned().collect());
}

/// A classic balancer counts payload, and its minute is in the policy: sessions that do nothing end before.
#[test]
fn the_minute_of_a_classic_balancer_is_seen() {
    let made = site(1, |plan, fake| {
        let port = Port {
            protocol: "TCP".to_owned(),
            port: 21,
            instance_protocol: "TCP".to_owned(),
            instance_port: 21,
        };
        let mut world = fake.world();
        let instances = world.cloud.instances.keys().cloned().collect();
        let name = "old".to_owned();
        world.add_classic(Classic { name, ports: vec![port], instances, ..Classic::default() });
        plan
    });
    let Some(site) = made else { return };
    let node = &site.fleet[0];
    let told =
        wait::told(READ, "its idle timeout in the policy", || timer(node, "ConnectionSettings"));
    assert_eq!(told, ("classic load balancer old".to_owned(), 60_000));
    let policy = node.tell(&["policy"]);
    assert_eq!(policy["keepalive"]["ftp_idle"]["after_ms"], 54_000, "{policy:#}");
}

/// Where nodes are private, clients are told the address of the balancer in the zone of their node; when nobody can
/// read it any more it stays.
#[test]
fn clients_are_told_the_address_of_the_balancer() {
    let made = Site::with(
        1,
        |_| None,
        |plan, fake| {
            Front::new(fake, &[(21, "TCP"), (61_000, "TCP"), (61_001, "TCP")]).register(fake);
            plan.set("aws.security_groups", false)
                .set("ftp.passive.ports", "61000-61001")
                .set("ftp.passive.block", 2)
        },
    );
    let Some(site) = made else { return };
    let node = &site.fleet[0];
    wait::told(READ, "the address in the policy", || {
        let policy = node.tell(&["policy"]);
        (policy["front"]["addresses"][0]["address"] == ADDRESS.to_string()).then_some(())
    });
    let from = site.network.client(1);
    let door = SocketAddr::from((public(0), 21));
    let mut wire = site.network.clients().run(|| Wire::connect_from(from, door));
    wire.expect(220);
    wire.login("alice");
    wait::told(READ, "the address in a reply", || (wire.pasv().ip() == ADDRESS).then_some(()));
}

/// What a pool needs of listeners is printed without AWS: a hundred passive ports are more than there is room for.
#[test]
fn listeners_are_planned_without_aws() {
    let setup = Server::builder().set("ftp.passive.ports", "61000-61099").set("health.listen", "");
    let said = setup.verb(&["aws", "listeners"]).arg("--json").succeed();
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    let rows = told["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 50, "{told:#}");
    let control = rows.iter().filter(|row| row["passive"] == false).count();
    let capacity = &told["capacity"];
    assert_eq!((&capacity["wanted"], &capacity["ports"]), (&100.into(), &(50 - control).into()));
    let notes = told["notes"].as_array().unwrap();
    let advice = format!("ftp.passive.ports = \"61000-{}\"", 61_000 + 50 - control - 1);
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains(&advice)), "{told:#}");
    let said = setup.verb(&["aws", "listeners", "--commands"]).succeed();
    assert_eq!(said.stdout.matches("elbv2 create-listener ").count(), 50, "{said}");
}

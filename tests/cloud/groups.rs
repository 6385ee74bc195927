//! Security groups (issue 6, "Security groups").

use std::collections::BTreeSet;
use std::time::Duration;

use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::ec2::{Rule, Source};
use flotilla_aws_fake::{Fake, Fault, Kind};
use flotilla_tests::wait;
use serde_json::Value;

use super::site::Site;

/// From the start of the pool to its groups: a leader, a look each two seconds, a busy machine.
const MADE: Duration = Duration::from_secs(20);

/// The inbound rules of a group of this name, as text.
fn rules(fake: &Fake, name: &str) -> BTreeSet<String> {
    let world = fake.world();
    let group = world.cloud.groups.values().find(|group| group.name.ends_with(name));
    let inbound = group.into_iter().flat_map(|group| &group.rules).filter(|rule| !rule.egress);
    inbound
        .map(|rule| {
            let (first, last) = rule.ports.unwrap_or_default();
            let source = match &rule.source {
                Source::V4(network) => network.to_string(),
                Source::V6(network) => network.to_string(),
                Source::List(id) | Source::Group(id) => id.clone(),
            };
            format!("{} {first}-{last} {source}", rule.protocol)
        })
        .collect()
}

/// Whether all interfaces of an instance have a group of this name.
fn has(fake: &Fake, instance: &str, name: &str) -> bool {
    let world = fake.world();
    let of_name = |id: &String| world.cloud.groups[id].name.ends_with(name);
    world.cloud.interfaces_of(instance).iter().all(|interface| interface.groups.iter().any(of_name))
}

fn plan(site: &Site) -> Value {
    site.fleet[0].tell(&["aws", "plan"])
}

/// The leader makes the groups with exactly what the nodes listen on, and every node gets them; a second look finds
/// nothing to do.
#[test]
fn the_pool_has_what_it_listens_on() {
    let Some(site) = Site::open(3, |plan, _| plan) else { return };
    wait::told(MADE, "the groups at all nodes", || {
        site.instances.iter().all(|id| has(&site.fake, id, "-ftp")).then_some(())
    });
    let ftp = rules(&site.fake, "-ftp");
    let anywhere = ["0.0.0.0/0", "::/0"];
    for ports in ["21-21", "990-990", "61000-61047"] {
        for source in anywhere {
            assert!(ftp.contains(&format!("tcp {ports} {source}")), "{ports} {source}: {ftp:?}");
        }
    }
    assert!(ftp.iter().all(|rule| !rule.contains(" 20-")), "{ftp:?}");
    let told = plan(&site);
    assert_eq!(told["changes"].as_array().map(Vec::len), Some(0), "{told:#}");
    // One node wrote, whichever leads.
    let world = site.fake.world();
    let writes = world.log.since(0).filter(|call| call.action.starts_with("AuthorizeSecurity"));
    let writers: BTreeSet<_> = writes.map(|call| call.identity.clone()).collect();
    assert_eq!(writers.len(), 1, "{writers:?}");
}

/// What others made stays, whatever it is; what was taken away comes back.
#[test]
fn others_rules_stay_and_ours_are_mended() {
    let Some(site) = Site::open(1, |plan, _| plan.set("aws.security_groups", false)) else {
        return;
    };
    let applied = site.fleet[0].tell(&["aws", "apply"]);
    let outcomes: BTreeSet<_> =
        applied["changes"].as_array().unwrap().iter().map(|of| of["outcome"].to_string()).collect();
    assert_eq!(outcomes, BTreeSet::from(["\"made\"".to_owned()]), "{applied:#}");
    let before = rules(&site.fake, "-ftp");
    let foreign = {
        let mut world = site.fake.world();
        let group =
            world.cloud.groups.values_mut().find(|group| group.name.ends_with("-ftp")).unwrap();
        let own = group.rules.iter().position(|rule| rule.ports == Some((21, 21))).unwrap();
        let own = group.rules.remove(own);
        let foreign = Rule {
            id: "sgr-0f0f0f0f0f0f0f0f0".to_owned(),
            ports: Some((8443, 8443)),
            tags: Default::default(),
            description: None,
            ..own
        };
        group.rules.push(foreign.clone());
        foreign
    };
    let told = plan(&site);
    assert_eq!(told["changes"].as_array().map(Vec::len), Some(1), "{told:#}");
    site.fleet[0].tell(&["aws", "apply"]);
    let mut after = rules(&site.fake, "-ftp");
    assert!(after.remove("tcp 8443-8443 0.0.0.0/0") || after.remove("tcp 8443-8443 ::/0"));
    assert_eq!(after, before);
    let world = site.fake.world();
    let kept =
        world.cloud.groups.values().flat_map(|group| &group.rules).any(|rule| *rule == foreign);
    assert!(kept, "a rule of somebody else is gone");
}

/// A dry run asks for every permission and changes nothing.
#[test]
fn a_dry_run_changes_nothing() {
    let Some(site) = Site::open(1, |plan, _| plan.set("aws.security_groups", false)) else {
        return;
    };
    let told = site.fleet[0].tell(&["aws", "apply", "--dry-run"]);
    let outcomes: BTreeSet<_> =
        told["changes"].as_array().unwrap().iter().map(|of| of["outcome"].to_string()).collect();
    assert!(outcomes.contains("\"permitted\""), "{told:#}");
    assert!(!outcomes.contains("\"failed\"") && !outcomes.contains("\"made\""), "{told:#}");
    assert!(site.fake.world().cloud.groups.values().all(|group| !group.name.ends_with("-ftp")));
}

/// A missing permission is told once, with what is missing, and keeps nobody from serving.
#[test]
fn a_refusal_is_told_once() {
    let refused = |plan, fake: &Fake| {
        let fault = Fault::new(Kind::Refuse).service(Service::Ec2);
        fake.world().add_fault(fault.action("CreateSecurityGroup"));
        plan
    };
    let Some(site) = Site::open(1, refused) else { return };
    site.fleet[0].wait_for_log("needs ec2:CreateSecurityGroup: flotilla gen iam");
    // Several rounds have failed by the time that the calls show a third.
    wait::told(MADE, "further rounds", || {
        let world = site.fake.world();
        let tries = world.log.since(0).filter(|call| call.action == "CreateSecurityGroup");
        (tries.count() >= 3).then_some(())
    });
    let log = site.fleet[0].log();
    assert_eq!(log.matches("needs ec2:CreateSecurityGroup").count(), 1, "{log}");
    let host = &site.network.nodes()[0];
    let mut wire =
        site.network.store().run(|| flotilla_tests::Wire::connect((host.v4(), 21).into()));
    wire.expect(220);
    wire.login("alice");
}

/// The API is away, answers late, or loses answers: when it is back, all is as it should be, once.
#[test]
fn an_outage_is_outlived() {
    let troubled = |plan, fake: &Fake| {
        let mut world = fake.world();
        world.add_fault(Fault::new(Kind::Down).service(Service::Ec2).lasting(MADE / 4));
        world.add_fault(
            Fault::new(Kind::Lose).service(Service::Ec2).action("AuthorizeSecurity*").times(2),
        );
        world
            .add_fault(Fault::new(Kind::Throttle).service(Service::Ec2).action("Create*").times(1));
        plan
    };
    let Some(site) = Site::open(1, troubled) else { return };
    wait::told(MADE * 4, "the groups", || {
        (has(&site.fake, &site.instances[0], "-ftp") && rules(&site.fake, "-ftp").len() == 6)
            .then_some(())
    });
    let told = plan(&site);
    assert_eq!(told["changes"].as_array().map(Vec::len), Some(0), "{told:#}");
}

//! Balancers in front of an instance.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::balancing::{Check, NewBalancer, NewTargetGroup};
use flotilla_aws_fake::classic::{Classic, Port};
use flotilla_aws_fake::{Fault, Kind as FaultKind};
use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::balancers::{Balancers, Query};
use flotilla_cluster::balancer::{
    Accepts, Change, Drains, Header, Kind, Mode, Permitted, Registration, State, Want, addresses,
    check, drains, leave, plan, timers,
};
use flotilla_cluster::keepalive;

use crate::support::Place;

/// A network balancer with control and two passive ports, to which nobody has done anything yet, and a classic one.
fn place() -> Result<Place> {
    let place = Place::new()?;
    let mut world = place.fake.world();
    let balancer = world.add_balancer(NewBalancer {
        name: "ftp".to_owned(),
        places: vec![
            ("a".to_owned(), Some([203, 0, 113, 7].into())),
            ("b".to_owned(), Some([203, 0, 113, 8].into())),
        ],
        ..NewBalancer::default()
    });
    for (port, target) in [(21, 2121), (61_000, 61_000), (61_001, 61_001)] {
        let group = world.add_target_group(NewTargetGroup {
            name: format!("ftp-{target}"),
            port: target,
            check: Check { port: "8082".to_owned(), ..Check::default() },
            tags: tags(),
            ..NewTargetGroup::default()
        });
        let listener = world.new_listener(&balancer, port, "TCP", &group).unwrap();
        world.balancers.listeners.get_mut(&listener).unwrap().tags = tags();
    }
    world.add_classic(Classic {
        name: "old".to_owned(),
        ports: vec![Port {
            protocol: "TCP".to_owned(),
            port: 21,
            instance_protocol: "TCP".to_owned(),
            instance_port: 2121,
        }],
        backends: BTreeMap::from([(2121, vec!["header".to_owned()])]),
        policies: BTreeMap::from([(
            "header".to_owned(),
            (
                "ProxyProtocolPolicyType".to_owned(),
                BTreeMap::from([("ProxyProtocol".to_owned(), "true".to_owned())]),
            ),
        )]),
        instances: vec![place.instances[0].clone()],
        check: "TCP:8082".to_owned(),
        tags: tags(),
        ..Classic::default()
    });
    drop(world);
    Ok(place)
}

/// Of the pool `main`.
fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([("flotilla:pool".to_owned(), "main".to_owned())])
}

fn want(place: &Place) -> Want {
    Want {
        pool: "main".to_owned(),
        ids: vec![place.instances[0].clone()],
        zone: Some("eu-central-1a".to_owned()),
        ftp: vec![2121],
        implicit_tls: Vec::new(),
        ssh: Vec::new(),
        passive: Some("61000-61001".parse().unwrap()),
        health: vec![8082],
        mode: Mode::Shared,
        proxy: Accepts::Off,
        data_proxy: Accepts::Off,
        trusted: Vec::new(),
        balancer: keepalive::Balancer::Network,
        idle_timeout: Some(Duration::from_secs(900)),
        addresses: Vec::new(),
        drain: Duration::from_secs(600),
    }
}

fn permitted() -> Permitted {
    Permitted { changes: true, register: true, passive: true, gone: Vec::new() }
}

fn named(name: &str) -> Query {
    Query::Named(name.to_owned())
}

fn codes(state: &State, want: &Want) -> Vec<&'static str> {
    let mut codes: Vec<_> = check(state, want).iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

async fn apply(balancers: &Balancers, changes: &[Change]) -> Result<()> {
    for change in changes {
        balancers.apply(change, true).await?;
        balancers.apply(change, false).await?;
        // Nothing breaks if nobody knows whether it was done.
        balancers.apply(change, false).await?;
    }
    Ok(())
}

#[test]
fn a_network_balancer_is_mended() -> Result<()> {
    let place = place()?;
    let want = want(&place);
    place.run(async |session| {
        let balancers = Balancers::new(session);
        let before = balancers.read(&named("ftp")).await?;
        assert_eq!(before.unread, Vec::<String>::new());
        let found = codes(&before, &want);
        for code in ["idle-timeout", "unhealthy-cuts", "deregistration-delay", "not-registered"] {
            assert!(found.contains(&code), "{code} in {found:?}");
        }
        assert_eq!(timers(&before, &want)[0].after, Duration::from_secs(350));
        let told: Vec<_> = addresses(&before.balancers[0]);
        assert_eq!(told[0], (Some("eu-central-1a".to_owned()), [203, 0, 113, 7].into()));
        let planned = plan(&before, &want, &permitted());
        assert_eq!(planned.changes.len(), 3 + 3 + 3, "{:?}", planned.changes);
        apply(&balancers, &planned.changes).await?;
        let after = balancers.read(&named("ftp")).await?;
        assert_eq!(plan(&after, &want, &permitted()).changes, []);
        assert_eq!(timers(&after, &want)[0].after, Duration::from_secs(900));
        assert_eq!(drains(&after, &want), Drains::Health);
        // Now it is found by its target.
        let ids = want.ids.clone();
        let by_target = balancers.read(&Query::Targets { ids, vpc: String::new() }).await?;
        let kinds: Vec<_> = by_target.balancers.iter().map(|balancer| balancer.kind).collect();
        assert_eq!(kinds, [Kind::Network, Kind::Classic]);
        assert_eq!(by_target.balancers[0], after.balancers[0]);
        apply(&balancers, &leave(&after, &want)).await?;
        let left = balancers.read(&named("ftp")).await?;
        assert_eq!(leave(&left, &want), []);
        Ok(())
    })
}

#[test]
fn a_classic_balancer_is_mended() -> Result<()> {
    let place = place()?;
    let classic = Want {
        mode: Mode::Balanced,
        proxy: Accepts::V1,
        balancer: keepalive::Balancer::Classic,
        idle_timeout: None,
        ..want(&place)
    };
    place.run(async |session| {
        let balancers = Balancers::new(session);
        let before = balancers.read(&named("old")).await?;
        let [balancer] = before.balancers.as_slice() else { panic!("{before:?}") };
        assert_eq!(balancer.groups[0].attributes.proxy, Header::V1);
        assert_eq!(balancer.groups[0].health.port, Some(8082));
        assert_eq!(timers(&before, &classic)[0].resets, keepalive::Resets::Payload);
        assert!(codes(&before, &classic).contains(&"idle-payload"));
        let planned = plan(&before, &classic, &permitted());
        assert!(planned.changes.contains(&Change::ClassicIdle {
            balancer: "old".to_owned(),
            to: Duration::from_secs(3600)
        }));
        apply(&balancers, &planned.changes).await?;
        let after = balancers.read(&named("old")).await?;
        assert_eq!(plan(&after, &classic, &permitted()).changes, []);
        apply(&balancers, &leave(&after, &classic)).await?;
        let left = balancers.read(&named("old")).await?;
        assert_eq!(leave(&left, &classic), []);
        Ok(())
    })
}

/// What bears no tag, or that of another pool, or may not be asked for it.
#[test]
fn what_is_not_the_pools_is_left_alone() -> Result<()> {
    let place = place()?;
    let want = want(&place);
    let other = || BTreeMap::from([("flotilla:pool".to_owned(), "other".to_owned())]);
    {
        let mut world = place.fake.world();
        world.balancers.listeners.values_mut().for_each(|listener| listener.tags.clear());
        let groups = world.balancers.target_groups.values_mut();
        groups.filter(|group| group.port != 2121).for_each(|group| group.tags = other());
        world.classics.get_mut("old").unwrap().tags.clear();
    }
    place.run(async |session| {
        let balancers = Balancers::new(session);
        let state = balancers.read(&named("ftp")).await?;
        let own = plan(&state, &want, &permitted());
        assert_eq!(own.changes.len(), 2, "attributes and a target of one group: {own:?}");
        assert_eq!(own.notes.len(), 3 + 2, "{:?}", own.notes);
        let classic = balancers.read(&named("old")).await?;
        assert_eq!(plan(&classic, &want, &permitted()).changes, []);
        let refuse = Fault::new(FaultKind::Refuse).service(Service::Balancing);
        place.fake.world().add_fault(refuse.action("DescribeTags"));
        let state = balancers.read(&named("ftp")).await?;
        assert_eq!(state.unread.len(), 1, "{:?}", state.unread);
        assert_eq!(plan(&state, &want, &permitted()).changes, []);
        Ok(())
    })
}

#[test]
fn what_is_not_there_is_told_apart() -> Result<()> {
    let place = place()?;
    let want = want(&place);
    place.run(async |session| {
        let balancers = Balancers::new(session);
        let missing = balancers.read(&named("none")).await.unwrap_err();
        assert!(matches!(missing, Trouble::Missing(_)), "{missing:?}");
        // Nobody sends anything to this one.
        let ids = vec![place.instances[1].clone()];
        let none = balancers.read(&Query::Targets { ids, vpc: String::new() }).await?;
        assert!(none.is_empty() && none.unread.is_empty(), "{none:?}");
        let gone = Change::Deregister(Registration {
            group: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/none/0123456789abcdef"
                .to_owned(),
            classic: false,
            name: "none".to_owned(),
            id: want.ids[0].clone(),
            port: None,
            why: "it leaves",
        });
        balancers.apply(&gone, false).await?;
        Ok(())
    })
}

#[test]
fn what_is_refused_and_useful_is_told_and_the_rest_is_read() -> Result<()> {
    let place = place()?;
    place.run(async |session| {
        let balancers = Balancers::new(session);
        let refuse = |service, action| {
            let fault = Fault::new(FaultKind::Refuse).service(service).action(action);
            place.fake.world().add_fault(fault)
        };
        refuse(Service::Ec2, "DescribeNetworkInterfaces");
        refuse(Service::Balancing, "DescribeListenerAttributes");
        let state = balancers.read(&named("ftp")).await?;
        assert_eq!(state.unread.len(), 2, "{:?}", state.unread);
        assert_eq!(state.balancers[0].groups.len(), 3);
        refuse(Service::Balancing, "DescribeTargetGroupAttributes");
        let trouble = balancers.read(&named("ftp")).await.unwrap_err();
        let action = "elasticloadbalancing:DescribeTargetGroupAttributes";
        assert!(
            matches!(&trouble, Trouble::Refused { action: of, .. } if *of == action),
            "{trouble:?}"
        );
        Ok(())
    })
}

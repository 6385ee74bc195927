//! An instance in its group.

use anyhow::Result;
use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::scaling::Hook;
use flotilla_aws_fake::{Fault, Kind};
use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::scaling::{Answer, Scaling};
use flotilla_cluster::lifecycle::{Call, Outcome};

use crate::support::Place;

fn place() -> Result<Place> {
    let place = Place::new()?;
    let hook = |name: &str, launching| Hook {
        name: name.to_owned(),
        launching,
        heartbeat: 300,
        result: "ABANDON".to_owned(),
    };
    let mut world = place.fake.world();
    world.add_scaling_group("ftp", vec![hook("flotilla-drain", false)]);
    world.join_scaling_group("ftp", &place.instances[0]).unwrap();
    drop(world);
    Ok(place)
}

fn call(heartbeat: bool) -> Call {
    let (group, hook) = ("ftp".to_owned(), "flotilla-drain".to_owned());
    if heartbeat { Call::Heartbeat { group, hook } } else { Call::Complete { group, hook } }
}

#[test]
fn an_instance_is_held_and_let_go() -> Result<()> {
    let place = place()?;
    place.run(async |session| {
        let scaling = Scaling::new(session, &place.instances[0]);
        let look = async || match scaling.call(&Call::Look).await {
            Ok(Answer::Placement(Some(placement))) => placement,
            other => panic!("{other:?}"),
        };
        let before = look().await;
        assert_eq!((before.group.as_str(), before.state.as_str()), ("ftp", "InService"));
        assert!(!before.waits() && !before.protected);
        let hook = before.own().next().unwrap();
        assert_eq!((hook.heartbeat.as_secs(), hook.total().as_secs()), (300, 30_000));
        // Nothing waits yet.
        let early = scaling.call(&call(true)).await.unwrap_err();
        assert_eq!(Outcome::from(&early), Outcome::Gone, "{early:?}");
        assert!(place.fake.world().scale_in("ftp", &place.instances[0]));
        assert!(look().await.waits());
        assert_eq!(scaling.call(&call(true)).await, Ok(Answer::Done));
        assert_eq!(scaling.call(&call(false)).await, Ok(Answer::Done));
        // It is a member no more.
        assert_eq!(scaling.call(&Call::Look).await, Ok(Answer::Placement(None)));
        let again = scaling.call(&call(false)).await.unwrap_err();
        assert_eq!(Outcome::from(&again), Outcome::Gone, "{again:?}");
        Ok(())
    })
}

#[test]
fn an_instance_is_protected() -> Result<()> {
    let place = place()?;
    place.run(async |session| {
        let scaling = Scaling::new(session, &place.instances[0]);
        let protect = |on| Call::Protect { group: "ftp".to_owned(), on };
        assert_eq!(scaling.call(&protect(true)).await, Ok(Answer::Done));
        assert!(!place.fake.world().scale_in("ftp", &place.instances[0]));
        assert_eq!(scaling.call(&protect(false)).await, Ok(Answer::Done));
        assert!(place.fake.world().scale_in("ftp", &place.instances[0]));
        Ok(())
    })
}

#[test]
fn one_that_is_in_no_group_is_told_so() -> Result<()> {
    let place = place()?;
    place.run(async |session| {
        let scaling = Scaling::new(session, &place.instances[1]);
        assert_eq!(scaling.call(&Call::Look).await, Ok(Answer::Placement(None)));
        Ok(())
    })
}

#[test]
fn what_went_wrong_is_told_apart() -> Result<()> {
    let place = place()?;
    place.run(async |session| {
        let scaling = Scaling::new(session, &place.instances[0]);
        for (kind, outcome) in [
            (Kind::Refuse, Outcome::Refused),
            (Kind::Throttle, Outcome::Failed),
            (Kind::Down, Outcome::Failed),
        ] {
            let fault = Fault::new(kind.clone()).service(Service::Scaling).action("Describe*");
            let number = place.fake.world().add_fault(fault);
            let trouble = scaling.call(&Call::Look).await.unwrap_err();
            assert_eq!(Outcome::from(&trouble), outcome, "{trouble:?}");
            assert_eq!(trouble.is_unknown(), kind == Kind::Down);
            if let Trouble::Refused { action, .. } = trouble {
                assert_eq!(action, "autoscaling:DescribeAutoScalingInstances");
            }
            place.fake.world().faults.remove(number);
        }
        Ok(())
    })
}

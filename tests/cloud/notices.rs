//! What AWS announces for an instance (issue 6, "Lifecycle"): spot and rebalance notices, scale-in with a hook,
//! protection.

use std::net::SocketAddr;
use std::time::Duration;

use flotilla_aws_fake::api::Service;
use flotilla_aws_fake::scaling::Hook;
use flotilla_aws_fake::{Entry, Fault, Kind};
use flotilla_tests::content::assert_same;
use flotilla_tests::fleet::Plan;
use flotilla_tests::server::BEGUN_BYTES;
use flotilla_tests::{Content, Data, Wire, wait};

use super::site::Site;

/// Notices are asked for every three seconds, and a calm node is told at once; on a busy machine.
const NOTICED: Duration = Duration::from_secs(20);
/// More than what sockets hold.
const BIG: usize = 32 << 20;
const GROUP: &str = "ftp";
const HOOK: &str = "flotilla-drain";

fn content() -> Vec<u8> {
    Content::new(6).bytes(BIG)
}

/// Nodes with a large file, without duties of a leader.
#[track_caller]
fn open(nodes: usize, change: impl FnOnce(Plan) -> Plan) -> Option<Site> {
    Site::open(nodes, |plan, _| {
        let plan = plan.set("aws.security_groups", false).set("timeouts.drain", "60s");
        change(plan.file("big", content()))
    })
}

impl Site {
    /// The first node is in a group whose hook waits so long for a sign of life.
    fn group(&self, hooks: &[u64]) {
        let hook = |heartbeat: &u64| Hook {
            name: HOOK.to_owned(),
            launching: false,
            heartbeat: *heartbeat,
            result: "CONTINUE".to_owned(),
        };
        let mut world = self.fake.world();
        world.add_scaling_group(GROUP, hooks.iter().map(hook).collect());
        world.join_scaling_group(GROUP, &self.instances[0]).unwrap();
    }

    fn scale_in(&self) -> bool {
        self.fake.world().scale_in(GROUP, &self.instances[0])
    }

    fn set_target_state(&self, state: &str) {
        let mut world = self.fake.world();
        let instance = world.cloud.instances.get_mut(&self.instances[0]).unwrap();
        instance.target_state = Some(state.to_owned());
    }

    /// What the group says of the first node; nothing, once it is terminated.
    fn state_in_group(&self) -> Option<String> {
        let world = self.fake.world();
        world.scaling[GROUP].members.get(&self.instances[0]).map(|member| member.state.clone())
    }

    fn is_protected(&self) -> bool {
        self.fake.world().scaling[GROUP].members[&self.instances[0]].protected
    }

    fn calls(&self, action: &str) -> Vec<Entry> {
        let world = self.fake.world();
        world.log.since(0).filter(|call| call.action == action).cloned().collect()
    }

    /// A download from the first node of which the first bytes are read, and no more.
    #[track_caller]
    fn begin_download(&self) -> (Wire, Data) {
        self.network.store().run(|| self.fleet[0].begin_download("big"))
    }

    #[track_caller]
    fn wait_for_state(&self, state: &str) {
        self.fleet.wait_for_state(NOTICED, 0, "n1", state);
    }

    /// A client that comes now is told why it can not stay.
    #[track_caller]
    fn expect_refusal(&self) {
        let address = SocketAddr::from((self.network.nodes()[0].v4(), 21));
        let mut wire = self.network.store().run(|| Wire::connect(address));
        let said = wire.expect(421).text();
        assert!(said.contains("draining"), "{said}");
    }
}

/// The rest comes, and the session ends after it.
#[track_caller]
fn expect_whole((mut wire, data): (Wire, Data)) {
    assert_same("the rest", &data.read_all().unwrap(), &content()[BEGUN_BYTES..]);
    wire.expect(226);
    wire.expect(421);
}

/// A spot instance that is taken back: the node lets nobody in, what is under way ends, within what is left of the two
/// minutes.
#[test]
fn a_spot_instance_drains_in_its_time() {
    let Some(mut site) = open(1, |plan| plan.set("timeouts.drain", "1h")) else { return };
    let download = site.begin_download();
    site.fake.world().take_away(&site.instances[0], "terminate", Duration::from_secs(120));
    site.wait_for_state("draining");
    let (status, said) = site.fleet[0].get("/readyz");
    assert_eq!(status, 503);
    let left = said.split("seconds left: ").nth(1).and_then(|rest| rest.split(')').next());
    let left: u64 = left.and_then(|left| left.parse().ok()).expect("it says how long is left");
    assert!((60..=110).contains(&left), "{said}");
    site.expect_refusal();
    expect_whole(download);
    assert!(site.fleet[0].is_running(), "AWS ends it");
    assert!(site.fleet[0].log().contains("AWS takes this spot instance back"));
}

/// An instance that its group terminates: its hook is held for longer than it waits by itself, as long as a transfer
/// lasts, and completed after it. The other node goes on.
#[test]
fn the_hook_waits_for_a_transfer() {
    let Some(site) = open(2, |plan| plan) else { return };
    site.group(&[8]);
    let download = site.begin_download();
    assert!(site.scale_in());
    site.wait_for_state("draining");
    site.expect_refusal();
    wait::told(NOTICED * 2, "heartbeats for longer than the hook waits", || {
        let beats = site.calls("RecordLifecycleActionHeartbeat");
        let (first, last) = (beats.first()?.at_ms, beats.last()?.at_ms);
        (last - first > 10_000).then_some(())
    });
    assert_eq!(site.state_in_group().as_deref(), Some("Terminating:Wait"));
    assert!(site.calls("CompleteLifecycleAction").is_empty());
    assert_eq!(site.fleet[1].state_of("n2"), "ready");
    expect_whole(download);
    wait::told(NOTICED, "the end of the instance", || {
        site.state_in_group().is_none().then_some(())
    });
    let completed = site.calls("CompleteLifecycleAction");
    assert_eq!(completed.len(), 1, "{completed:?}");
    assert_eq!(completed[0].outcome, "ok");
    assert_eq!(completed[0].request["InstanceId"], site.instances[0]);
    assert_eq!(completed[0].request["LifecycleActionResult"], "CONTINUE");
    let by: Vec<_> = site.calls("RecordLifecycleActionHeartbeat");
    assert!(by.iter().all(|call| call.identity == site.instances[0] && call.outcome == "ok"));
    assert_eq!(site.fleet[1].state_of("n2"), "ready");
}

/// What is withdrawn takes its own drain back, and none that an operator ordered.
#[test]
fn an_order_outlasts_a_notice() {
    let Some(site) = open(1, |plan| plan) else { return };
    site.set_target_state("Standby");
    site.wait_for_state("draining");
    site.set_target_state("InService");
    site.wait_for_state("ready");
    site.set_target_state("Standby");
    site.wait_for_state("draining");
    site.fleet[0].tell(&["drain"]);
    site.set_target_state("InService");
    site.fleet[0].wait_for_log("the cloud needs no drain any more");
    assert_eq!(site.fleet[0].state_of("n1"), "draining");
    site.expect_refusal();
    site.fleet[0].tell(&["undrain"]);
    site.wait_for_state("ready");
}

/// An instance that may be taken back gets fewer clients than others, until that is over.
#[test]
fn a_recommendation_makes_it_lighter() {
    let Some(site) = open(1, |plan| plan) else { return };
    let weighs = |weight: u64| {
        wait::told(NOTICED, "another weight", || {
            let row = site.fleet[0].knows("n1")?;
            (row["weight"] == weight && row["state"] == "ready").then_some(())
        });
    };
    let usual = site.fleet[0].knows("n1").unwrap()["weight"].as_u64().unwrap();
    assert!(usual > 1, "{usual}");
    let recommend = |is: bool| {
        let mut world = site.fake.world();
        let instance = world.cloud.instances.get_mut(&site.instances[0]).unwrap();
        instance.rebalance = is.then(std::time::SystemTime::now);
    };
    recommend(true);
    weighs(usual.div_ceil(4));
    recommend(false);
    weighs(usual);
}

/// While a transfer takes longer than a minute its instance is not scaled in. One call a minute is the most.
#[test]
fn a_long_transfer_protects_its_instance() {
    let Some(site) = open(1, |plan| plan.set("aws.protect", true)) else { return };
    site.group(&[]);
    let (mut wire, data) = site.begin_download();
    let minute = Duration::from_secs(60);
    wait::told(minute + NOTICED, "protection", || site.is_protected().then_some(()));
    assert!(!site.scale_in());
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    wire.expect(226);
    wire.ask("NOOP", 200);
    wait::told(minute + NOTICED, "the end of it", || (!site.is_protected()).then_some(()));
    let calls = site.calls("SetInstanceProtection");
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls[1].at_ms - calls[0].at_ms >= 60_000);
    assert_eq!(site.fleet[0].state_of("n1"), "ready");
    assert!(site.scale_in());
}

/// A permission that is missing is told once, with what is missing; the drain needs none.
#[test]
fn a_refusal_keeps_nobody_from_draining() {
    let Some(site) = open(1, |plan| plan) else { return };
    site.group(&[100]);
    let refuse = Fault::new(Kind::Refuse).service(Service::Scaling);
    site.fake.world().add_fault(refuse.action("CompleteLifecycleAction"));
    let download = site.begin_download();
    assert!(site.scale_in());
    site.wait_for_state("draining");
    expect_whole(download);
    site.fleet[0].wait_for_log("needs autoscaling:CompleteLifecycleAction: flotilla gen iam");
    // It is told again, and the hook is not asked for again, that goes its way.
    site.set_target_state("InService");
    site.wait_for_state("ready");
    site.set_target_state("Terminated");
    wait::told(NOTICED, "another attempt", || {
        (site.calls("CompleteLifecycleAction").len() == 2).then_some(())
    });
    site.set_target_state("InService");
    site.wait_for_state("ready");
    let log = site.fleet[0].log();
    assert_eq!(log.matches("needs autoscaling:CompleteLifecycleAction").count(), 1, "{log}");
}

/// Auto Scaling is away, throttles, and loses an answer: the hook is completed all the same.
#[test]
fn an_outage_delays_the_hook() {
    let Some(site) = open(1, |plan| plan) else { return };
    site.group(&[100]);
    let fault = |kind: Kind, action: &str, times: u32| {
        let fault = Fault::new(kind).service(Service::Scaling).action(action);
        site.fake.world().add_fault(fault.times(times));
    };
    fault(Kind::Down, "DescribeAutoScalingInstances", 1);
    fault(Kind::Throttle, "DescribeLifecycleHooks", 1);
    fault(Kind::Lose, "CompleteLifecycleAction", 1);
    assert!(site.scale_in());
    wait::told(NOTICED * 4, "the end of the instance", || {
        site.state_in_group().is_none().then_some(())
    });
    wait::told(NOTICED, "the answer that was lost", || {
        let outcomes: Vec<_> =
            site.calls("CompleteLifecycleAction").into_iter().map(|call| call.outcome).collect();
        (outcomes == ["closed", "ValidationError"]).then_some(())
    });
    let log = site.fleet[0].log();
    for trouble in ["SendRequest", "Rate exceeded"] {
        assert!(log.contains(trouble), "{log}");
    }
}

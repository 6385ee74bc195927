use super::super::fixture::{classic, group, network, seconds, state, want, want_classic};
use super::super::{Accepts, Attributes, Health, check};
use super::*;

fn permitted() -> Permitted {
    Permitted { changes: true, register: true, passive: true, gone: Vec::new() }
}

fn texts(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| change.step().what).collect()
}

#[test]
fn what_is_right_is_left_alone() {
    assert_eq!(plan(&state(network()), &want(), &permitted()), Plan::default());
    assert_eq!(plan(&state(classic()), &want_classic(), &permitted()), Plan::default());
    assert_eq!(drains(&state(network()), &want()), Drains::Health);
}

#[test]
fn attributes_are_mended_and_never_lowered() {
    let mut balancer = network();
    balancer.groups[0].attributes = Attributes::default();
    balancer.groups[1].attributes.unhealthy_draining = seconds(9000);
    balancer.groups[1].attributes.deregistration_delay = Some(seconds(3600));
    balancer.groups[1].attributes.cuts_deregistered = true;
    let mended = plan(&state(balancer), &want(), &permitted());
    assert_eq!(
        texts(&mended),
        [
            "target group ftp-2121: target_health_state.unhealthy.connection_termination.enabled = false, \
             target_health_state.unhealthy.draining_interval_seconds = 600, deregistration_delay.timeout_seconds = 600",
            "target group ftp-22: deregistration_delay.connection_termination.enabled = false",
        ]
    );
    let step = mended.changes[0].step();
    assert_eq!(
        step.command[..5],
        ["aws", "elbv2", "modify-target-group-attributes", "--target-group-arn", "arn:group/2121"]
    );
    assert!(step.terraform.unwrap().contains("unhealthy_draining_interval             = 600"));
}

#[test]
fn without_permission_it_is_only_said() {
    let mut balancer = network();
    balancer.groups[0].attributes = Attributes::default();
    let told = plan(&state(balancer), &want(), &Permitted::default());
    assert_eq!((told.changes.len(), told.notes.len()), (0, 1));
    assert!(told.notes[0].contains("ftp-2121"), "{:?}", told.notes);
}

#[test]
fn idle_timeouts_are_raised_to_what_is_configured() {
    let longer = Want { idle_timeout: Some(seconds(900)), ..want() };
    let raised = plan(&state(network()), &longer, &permitted());
    assert_eq!(raised.changes.len(), 6, "each listener of ours");
    assert_eq!(
        texts(&raised)[0],
        "network load balancer ftp, listener 21: tcp.idle_timeout.seconds = 900"
    );
    for beyond in [30, 7000] {
        let beyond = Want { idle_timeout: Some(seconds(beyond)), ..want() };
        assert_eq!(plan(&state(network()), &beyond, &permitted()).changes, []);
    }
    let short = Balancer { idle_timeout: Some(seconds(60)), draining: None, ..classic() };
    let raised = plan(&state(short), &want_classic(), &permitted());
    assert_eq!(
        raised.changes,
        [
            Change::ClassicIdle { balancer: "ftp".to_owned(), to: seconds(3600) },
            Change::ClassicDraining { balancer: "ftp".to_owned(), to: seconds(600) },
        ]
    );
    assert!(raised.changes[0].step().command.last().unwrap().contains("{\"IdleTimeout\":3600}"));
}

#[test]
fn a_ready_node_becomes_a_target_of_its_groups() {
    let mut balancer = network();
    for group in &mut balancer.groups {
        group.targets.retain(|target| target.id != "i-1");
    }
    let all = plan(&state(balancer.clone()), &want(), &permitted());
    assert_eq!(all.changes.len(), 6);
    assert_eq!(texts(&all)[0], "target i-1 of ftp-2121");
    let control = Permitted { passive: false, ..permitted() };
    assert_eq!(plan(&state(balancer.clone()), &want(), &control).changes.len(), 2);
    let unready = Permitted { register: false, ..permitted() };
    assert_eq!(plan(&state(balancer.clone()), &want(), &unready).changes, []);
    // Where targets are addresses it is one.
    balancer.groups[0].targets_are = TargetKind::Ip;
    let by_address = plan(&state(balancer), &want(), &control);
    assert_eq!(texts(&by_address)[0], "target 10.0.1.5 of ftp-2121");
    let mut classic = classic();
    for group in &mut classic.groups {
        group.targets.clear();
    }
    let once = plan(&state(classic), &want_classic(), &permitted());
    assert_eq!(texts(&once), ["target i-1 of ftp"], "one call for all ports");
    assert_eq!(
        once.changes[0].step().action,
        "elasticloadbalancing:RegisterInstancesWithLoadBalancer"
    );
}

#[test]
fn who_is_gone_is_a_target_no_more() {
    let gone = Permitted { gone: vec!["i-2".to_owned()], ..permitted() };
    let mut balancer = network();
    // Somebody deregisters it there already.
    balancer.groups[1].targets[1].health = Health::Draining;
    let changes = plan(&state(balancer.clone()), &want(), &gone).changes;
    assert_eq!(changes.len(), 5);
    assert!(
        changes.iter().all(|change| matches!(change, Change::Deregister(of) if of.id == "i-2"))
    );
    // Groups of somebody else are not touched.
    let mut foreign = group(443);
    foreign.arn = "arn:group/foreign".to_owned();
    balancer.listeners[0].port = 443;
    balancer.listeners[0].groups = vec![foreign.arn.clone()];
    balancer.groups.push(foreign);
    let changes = plan(&state(balancer), &want(), &gone).changes;
    assert_eq!(changes.len(), 4);
}

#[test]
fn a_node_drains_by_its_health_only_where_that_cuts_nobody() {
    let broken: [fn(&mut Group); 4] = [
        |group| group.attributes.cuts_unhealthy = Some(true),
        |group| group.attributes.unhealthy_draining = seconds(10),
        |group| group.health.port = None,
        |group| group.health.port = Some(22),
    ];
    for change in broken {
        let mut balancer = network();
        change(&mut balancer.groups[0]);
        let Drains::Deregister(changes) = drains(&state(balancer.clone()), &want()) else {
            panic!("{:?}", balancer.groups[0]);
        };
        assert_eq!(changes, leave(&state(balancer), &want()));
        assert_eq!(changes.len(), 6);
        assert_eq!(changes[0].step().what, "target i-1, port 2121 of ftp-2121");
    }
    // Where this node is no target nothing can happen to it.
    let mut other = network();
    other.groups[0].attributes.cuts_unhealthy = Some(true);
    other.groups[0].targets.remove(0);
    assert_eq!(drains(&state(other), &want()), Drains::Health);
}

/// What is mended is found no more.
#[test]
fn a_plan_leaves_nothing_to_be_done() {
    let mut balancer = network();
    for group in &mut balancer.groups {
        group.attributes = Attributes { cuts_deregistered: true, ..Attributes::default() };
    }
    let longer = Want { idle_timeout: Some(seconds(900)), proxy: Accepts::Off, ..want() };
    assert!(!check(&state(balancer.clone()), &longer).is_empty());
    for change in plan(&state(balancer.clone()), &longer, &permitted()).changes {
        match change {
            Change::Attributes { group, set, .. } => {
                let group = balancer.groups.iter_mut().find(|of| of.arn == group).unwrap();
                let pairs = set.iter().map(|(key, value)| (*key, value.as_str()));
                group.attributes = Attributes::read(pairs, group.targets_are, group.protocol);
            }
            Change::ListenerIdle { listener, to, .. } => {
                let listener = balancer.listeners.iter_mut().find(|of| of.arn == listener);
                listener.unwrap().idle_timeout = Some(to);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(plan(&state(balancer.clone()), &longer, &permitted()), Plan::default());
    let left: Vec<_> = check(&state(balancer), &longer).iter().map(|of| of.code).collect();
    assert_eq!(left, ["hairpin"]);
}

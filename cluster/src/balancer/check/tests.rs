use std::time::Duration;

use super::super::fixture::{classic, network, seconds, state, want, want_classic};
use super::super::{
    Accepts, Balancer, Group, Header, Health, Mode, Permitted, Plan, Protocol, Severity,
    TargetKind, addresses, plan, timers,
};
use super::*;

fn codes(balancer: Balancer, want: &Want) -> Vec<(Severity, &'static str)> {
    let mut codes: Vec<_> = check(&state(balancer), want)
        .into_iter()
        .filter(|finding| finding.severity > Severity::Note)
        .map(|finding| (finding.severity, finding.code))
        .collect();
    codes.dedup();
    codes
}

/// What is found once this was done to the group of FTP.
fn of_group(change: impl Fn(&mut Group)) -> Vec<(Severity, &'static str)> {
    let mut balancer = network();
    change(balancer.groups.first_mut().unwrap());
    codes(balancer, &want())
}

/// And once this was done to the listener with that number.
fn of_listener(index: usize, protocol: Protocol) -> Vec<(Severity, &'static str)> {
    let mut balancer = network();
    balancer.listeners[index].protocol = protocol;
    codes(balancer, &want())
}

#[test]
fn nothing_is_wrong_with_what_the_manual_recommends() {
    assert_eq!(codes(network(), &want()), []);
    assert_eq!(codes(classic(), &want_classic()), []);
    let notes: Vec<_> = check(&state(network()), &want()).iter().map(|of| of.code).collect();
    assert_eq!(notes, ["hairpin"]);
}

#[test]
fn listeners_that_shake_hands_or_speak_http_are_refused_with_the_reason() {
    use Severity::Error;
    assert_eq!(of_listener(0, Protocol::Tls), [(Error, "tls-listener")]);
    assert_eq!(of_listener(1, Protocol::Tls), [(Error, "tls-listener")]);
    assert_eq!(of_listener(2, Protocol::Tls), [(Error, "tls-listener")]);
    assert_eq!(of_listener(0, Protocol::Http), [(Error, "http-listener")]);
    assert_eq!(of_listener(0, Protocol::Https), [(Error, "http-listener")]);
    assert_eq!(of_listener(0, Protocol::Udp), [(Error, "udp-listener")]);
    let mut balancer = network();
    balancer.listeners[0].protocol = Protocol::Tls;
    let found = check(&state(balancer.clone()), &want());
    assert!(found[0].seen.contains("AUTH TLS"), "{found:?}");
    // The same port with TLS from the beginning is another matter, and no better.
    let implicit = Want { ftp: vec![21], implicit_tls: vec![2121], ..want() };
    let found = check(&state(balancer), &implicit);
    assert!(found[0].seen.contains("implicit FTPS ends at the balancer"), "{found:?}");
    for kind in [Kind::Application, Kind::Gateway] {
        assert_eq!(codes(Balancer { kind, ..network() }, &want()), [(Error, "kind")]);
    }
}

#[test]
fn a_balancer_must_not_cut_who_is_unready() {
    use Severity::{Error, Warning};
    let cuts = |group: &mut Group| group.attributes.cuts_unhealthy = Some(true);
    assert_eq!(of_group(cuts), [(Error, "unhealthy-cuts")]);
    let soon = |group: &mut Group| group.attributes.unhealthy_draining = seconds(599);
    assert_eq!(of_group(soon), [(Error, "unhealthy-draining")]);
    let forgets = |group: &mut Group| group.attributes.deregistration_delay = Some(seconds(300));
    assert_eq!(of_group(forgets), [(Warning, "deregistration-delay")]);
    let cuts = |group: &mut Group| group.attributes.cuts_deregistered = true;
    assert_eq!(of_group(cuts), [(Warning, "deregistration-cuts")]);
    let mut balancer = classic();
    balancer.draining = None;
    assert_eq!(codes(balancer, &want_classic()), [(Warning, "draining")]);
}

#[test]
fn a_drain_that_takes_no_time_needs_none() {
    let mut balancer = network();
    for group in &mut balancer.groups {
        group.attributes.deregistration_delay = Some(Duration::ZERO);
        group.attributes.unhealthy_draining = Duration::ZERO;
    }
    let at_once = Want { drain: Duration::ZERO, ..want() };
    assert_eq!(codes(balancer.clone(), &at_once), []);
    let second = Want { drain: seconds(1), ..want() };
    let found = codes(balancer.clone(), &second);
    assert!(found.contains(&(Severity::Error, "unhealthy-draining")), "{found:?}");
    let all = Permitted { changes: true, ..Permitted::default() };
    assert_eq!(plan(&state(balancer), &at_once, &all), Plan::default());
    // A classic one can not be set to none.
    let off = Balancer { draining: None, ..classic() };
    let at_once = Want { drain: Duration::ZERO, ..want_classic() };
    assert_eq!(codes(off.clone(), &at_once), []);
    assert_eq!(plan(&state(off), &at_once, &all), Plan::default());
}

#[test]
fn health_is_asked_for_where_it_is_told() {
    use Severity::Error;
    assert_eq!(of_group(|group| group.health.port = None), [(Error, "health-port")]);
    assert_eq!(of_group(|group| group.health.port = Some(21)), [(Error, "health-port")]);
    assert_eq!(of_group(|group| group.health.port = Some(9090)), []);
    assert_eq!(of_group(|group| group.health.protocol = Protocol::Http), []);
    assert_eq!(
        of_group(|group| group.health.protocol = Protocol::Https),
        [(Error, "health-protocol")]
    );
    let mut slow = network();
    slow.groups[0].health.interval = seconds(30);
    let found = check(&state(slow), &want());
    assert!(found.iter().any(|of| of.code == "health-slow" && of.seen.contains("60 s")));
}

#[test]
fn headers_are_as_the_node_takes_them() {
    const WRONG: (Severity, &str) = (Severity::Error, "proxy");
    const LATE: (Severity, &str) = (Severity::Error, "proxy-late");
    const HIDDEN: (Severity, &str) = (Severity::Error, "client-address");
    // What the balancer does, whether it keeps addresses, what the node takes; what is found for FTP and for SSH.
    let table: [(Header, bool, Accepts, Option<_>, Option<_>); 14] = [
        (Header::Off, true, Accepts::Off, None, None),
        (Header::Off, false, Accepts::Off, Some(HIDDEN), Some(HIDDEN)),
        (Header::Off, false, Accepts::V2, Some(WRONG), Some(WRONG)),
        (Header::Off, true, Accepts::V2, None, None),
        (Header::Late, false, Accepts::Off, Some(WRONG), Some(WRONG)),
        (Header::Late, false, Accepts::V1, Some(WRONG), Some(WRONG)),
        (Header::Late, false, Accepts::V2, Some(LATE), None),
        (Header::Late, false, Accepts::Any, Some(LATE), None),
        (Header::Late, false, Accepts::Late, None, None),
        (Header::V2, false, Accepts::V2, None, None),
        (Header::V2, false, Accepts::Late, None, None),
        (Header::V2, false, Accepts::V1, Some(WRONG), Some(WRONG)),
        (Header::V1, false, Accepts::Any, None, None),
        (Header::V1, false, Accepts::Late, Some(WRONG), Some(WRONG)),
    ];
    for (header, keeps, takes, ftp, ssh) in table {
        for (port, expected) in [(2121, ftp), (22, ssh)] {
            let mut balancer = network();
            let group = balancer.groups.iter_mut().find(|group| group.port == port).unwrap();
            group.attributes.proxy = header;
            group.attributes.preserve_client_ip = keeps;
            // Only this group is looked at: the others have no header.
            balancer.listeners.retain(|of| of.groups == [group.arn.clone()]);
            let want = Want { proxy: takes, mode: Mode::Balanced, ..want() };
            let found = codes(balancer, &want);
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(found, expected, "{header:?} {keeps} {takes:?} {port}");
        }
    }
}

#[test]
fn headers_come_from_where_they_are_believed() {
    let mut balancer = network();
    balancer.groups[0].attributes.proxy = Header::V2;
    let strict = Want {
        proxy: Accepts::V2,
        trusted: vec!["10.0.1.0/24".parse().unwrap()],
        mode: Mode::Balanced,
        ..want()
    };
    let found = check(&state(balancer), &strict);
    assert_eq!(found[0].code, "proxy-trust");
    assert!(found[0].seen.contains("10.0.2.9") && !found[0].seen.contains("10.0.1.9"));
}

#[test]
fn data_connections_look_like_their_session() {
    let mut balancer = network();
    for group in balancer.groups.iter_mut().filter(|group| group.port > 60_000) {
        group.attributes.preserve_client_ip = false;
    }
    let found = codes(balancer.clone(), &want());
    assert!(found.contains(&(Severity::Error, "data-peer")), "{found:?}");
    for group in &mut balancer.groups {
        group.attributes.proxy = Header::Late;
    }
    let late = Want { proxy: Accepts::Late, ..want() };
    assert!(codes(balancer, &late).contains(&(Severity::Error, "proxy-late")));
}

#[test]
fn passive_ports_have_listeners_as_far_as_there_may_be() {
    let mut balancer = network();
    balancer.listeners.truncate(4);
    let found = check(&state(balancer.clone()), &want());
    assert_eq!(found[0].code, "passive-missing");
    assert!(found[0].seen.ends_with("61002-61003"), "{found:?}");
    // More than there may be.
    let wide = Want { passive: Some("61000-61999".parse().unwrap()), ..want() };
    let found = check(&state(balancer.clone()), &wide);
    assert_eq!(found[0].code, "passive-room");
    assert!(found[0].fix.contains("61000-61047"), "{found:?}");
    // Nobody dials them.
    let direct = Want { mode: Mode::Balanced, ..want() };
    assert_eq!(codes(balancer.clone(), &direct), []);
    let found = check(&state(balancer), &direct);
    assert!(found.iter().any(|of| of.code == "passive-useless" && of.seen.contains("61000-61001")));
    // What clients are told must be what the node hears.
    let mut moved = network();
    moved.listeners[2].port = 61_100;
    let found = codes(moved, &want());
    assert!(found.contains(&(Severity::Error, "passive-port")), "{found:?}");
}

#[test]
fn a_balancer_for_something_else_is_told_apart() {
    let mut balancer = network();
    balancer.listeners.retain(|of| of.port == 22);
    assert_eq!(codes(balancer.clone(), &want()), [], "SSH alone");
    balancer.listeners[0].port = 443;
    balancer.groups[1].port = 443;
    for target in &mut balancer.groups[1].targets {
        target.port = 443;
    }
    assert_eq!(codes(balancer, &want()), [(Severity::Error, "no-listener")]);
    let mut odd = network();
    odd.groups[0].targets_are = TargetKind::Other;
    assert!(codes(odd, &want()).contains(&(Severity::Error, "group-targets")));
}

#[test]
fn who_is_no_target_or_an_unhealthy_one_is_told() {
    use Severity::{Error, Warning};
    assert_eq!(
        of_group(|group| group.targets.retain(|target| target.id != "i-1")),
        [(Warning, "zone-empty"), (Warning, "not-registered")]
    );
    let mut balancer = network();
    let target = balancer.groups[0].targets.first_mut().unwrap();
    target.health = Health::Unhealthy;
    target.reason = "Target.FailedHealthChecks".to_owned();
    let found = check(&state(balancer), &want());
    assert_eq!((found[0].severity, found[0].code), (Error, "target"));
    assert!(found[0].seen.contains("FailedHealthChecks"));
}

#[test]
fn zones_lead_to_their_own_nodes() {
    let away = Want { zone: Some("eu-west-1c".to_owned()), ..want() };
    assert_eq!(codes(network(), &away), [(Severity::Error, "zone")]);
    let crossing = Balancer { cross_zone: true, ..network() };
    assert_eq!(codes(crossing.clone(), &away), []);
    let zoned = |zone: &str, address: [u8; 4]| (Some(zone.to_owned()), address.into());
    assert_eq!(
        addresses(&network()),
        [zoned("eu-west-1a", [203, 0, 113, 7]), zoned("eu-west-1b", [203, 0, 113, 8])]
    );
    assert!(addresses(&crossing).iter().all(|(zone, _)| zone.is_none()));
    assert_eq!(addresses(&classic()), []);
    let inside = Balancer { public: false, ..network() };
    assert_eq!(addresses(&inside)[0], zoned("eu-west-1a", [10, 0, 1, 9]));
    // What is configured is held against it.
    let told = |addresses: Vec<(Option<String>, std::net::Ipv4Addr)>| {
        codes(network(), &Want { addresses, ..want() })
    };
    assert_eq!(told(vec![zoned("eu-west-1a", [203, 0, 113, 7])]), []);
    assert_eq!(told(vec![(None, [203, 0, 113, 7].into())]), [(Severity::Error, "address-zone")]);
    assert_eq!(told(vec![(None, [203, 0, 113, 9].into())]), [(Severity::Error, "address")]);
}

#[test]
fn idle_timeouts_are_held_against_what_is_configured() {
    use Severity::{Error, Warning};
    let configured =
        |seconds: u64| Want { idle_timeout: Some(Duration::from_secs(seconds)), ..want() };
    assert_eq!(codes(network(), &configured(350)), []);
    assert_eq!(codes(network(), &configured(300)), []);
    assert_eq!(codes(network(), &configured(600)), [(Error, "idle-timeout")]);
    let short = Balancer { idle_timeout: Some(seconds(60)), ..classic() };
    assert_eq!(codes(short, &want_classic()), [(Warning, "idle-payload")]);
    let wrong = Want { balancer: keepalive::Balancer::Classic, ..want() };
    assert_eq!(codes(network(), &wrong), [(Error, "configured-kind")]);
}

#[test]
fn timers_are_those_of_our_listeners() {
    let after = |balancer: Balancer, want: &Want| {
        let timers = timers(&state(balancer), want);
        timers.first().map(|timer| (timer.after.as_secs(), timer.resets))
    };
    use keepalive::Resets::{Packets, Payload};
    let mut balancer = network();
    for listener in &mut balancer.listeners {
        listener.idle_timeout = Some(seconds(6000));
    }
    assert_eq!(after(balancer.clone(), &want()), Some((6000, Packets)));
    balancer.listeners[3].idle_timeout = Some(seconds(60));
    assert_eq!(after(balancer.clone(), &want()), Some((60, Packets)));
    // Not ours.
    balancer.listeners[3].port = 443;
    balancer.listeners[3].groups.clear();
    assert_eq!(after(balancer.clone(), &want()), Some((6000, Packets)));
    // TLS does not heed it.
    balancer.listeners[0].protocol = Protocol::Tls;
    assert_eq!(after(balancer, &want()), Some((350, Packets)));
    assert_eq!(after(classic(), &want_classic()), Some((3600, Payload)));
    let usual = Balancer { idle_timeout: None, ..classic() };
    assert_eq!(after(usual, &want_classic()), Some((60, Payload)));
}

#[test]
fn many_targets_are_told_before_they_are_too_many() {
    let mut balancer = Balancer { cross_zone: true, ..network() };
    let target = balancer.groups[2].targets[0].clone();
    balancer.groups[2].targets.resize(400, target);
    assert!(codes(balancer, &want()).contains(&(Severity::Warning, "targets")));
}

#[test]
fn what_could_not_be_read_is_not_taken_for_absent() {
    let unread = State { unread: vec!["no attributes".to_owned()], ..State::default() };
    let found = check(&unread, &want());
    assert_eq!((found.len(), found[0].code), (1, "unread"));
    assert_eq!(check(&State::default(), &want())[0].code, "no-balancer");
    assert_eq!(check(&State::default(), &Want { mode: Mode::Direct, ..want() }), []);
}

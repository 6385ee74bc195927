//! One state and one plan each.

use super::*;

fn noted(plan: &Plan, words: &str) -> bool {
    plan.notes.iter().any(|note| note.contains(words))
}

#[test]
fn a_first_node_gets_groups_rules_and_them() {
    let mut wants = passive();
    wants.push(want(Kind::Pool, 2120, 2120, Origin::Nodes));
    wants.push(want(Kind::Pool, 8082, 8082, Origin::Checkers { v6: false }));
    let mut state = bare();
    let made = plan(&state, &scope(), &wants);
    assert_eq!(
        lines(&made),
        [
            "+ group flotilla-main-ftp in vpc-1",
            "- rule everything to everywhere in flotilla-main-ftp",
            "+ group flotilla-main-pool in vpc-1",
            "- rule everything to everywhere in flotilla-main-pool",
            "+ rule tcp 21 from 0.0.0.0/0 in flotilla-main-ftp",
            "+ rule tcp 61000-61999 from 0.0.0.0/0 in flotilla-main-ftp",
            "+ rule tcp 2120 from flotilla-main-pool in flotilla-main-pool",
            "+ rule tcp 8082 from pl-53 in flotilla-main-pool",
            "~ interface eni-1 gets flotilla-main-ftp, flotilla-main-pool",
        ]
    );
    assert_eq!(made.notes, [""; 0]);
    made.changes.iter().for_each(|change| apply(&mut state, change));
    assert_eq!(plan(&state, &scope(), &wants), Plan::default());

    // A second node needs no more than to be given the groups; one that serves no FTP gets no passive ports.
    state.interfaces.push(interface("eni-2", &[Kind::Pool], &["sg-0"]));
    let made = plan(&state, &scope(), &wants);
    assert_eq!(lines(&made), ["~ interface eni-2 gets sg-new2"]);
    assert_eq!(state.group("sg-new2").unwrap().name, "flotilla-main-pool");
}

#[test]
fn drift_is_mended() {
    let mut state = bare();
    let wants = passive();
    for change in plan(&state, &scope(), &wants).changes {
        apply(&mut state, &change);
    }
    let lost = state.rules.pop().unwrap();
    let made = plan(&state, &scope(), &wants);
    assert_eq!(made.changes.len(), 1);
    assert!(matches!(&made.changes[0], Change::Add(add) if add.reach == lost.reach));
    made.changes.iter().for_each(|change| apply(&mut state, change));
    state.interfaces[0].groups = vec!["sg-0".to_owned()];
    assert_eq!(lines(&plan(&state, &scope(), &wants)), ["~ interface eni-1 gets sg-new1"]);
}

#[test]
fn what_others_open_is_not_opened_again() {
    let mut state = bare();
    state.rules.push(rule("sgr-1", "sg-0", tcp(20, 21, net("0.0.0.0/0"))));
    state.rules.push(rule("sgr-2", "sg-0", tcp(60_000, 65_535, net("0.0.0.0/0"))));
    let made = plan(&state, &scope(), &passive());
    assert_eq!(lines(&made), [""; 0]);
    assert!(
        noted(
            &made,
            "tcp 21 from 0.0.0.0/0 is open already, not by a rule of the pool: sgr-1 in sg-0 (default)"
        ),
        "{made:?}"
    );
    assert!(noted(&made, "tcp 61000-61999 from 0.0.0.0/0 is open already"), "{made:?}");
    assert!(noted(&made, "sgr-1 in sg-0 (default) opens port 20, for nothing"), "{made:?}");
    // The slip of many guides: the group ends one port before the server does.
    let wants = [want(Kind::Ftp, 60_000, 65_535, anyone())];
    state.rules[2].reach = tcp(60_000, 65_534, net("0.0.0.0/0"));
    let made = plan(&state, &scope(), &wants);
    assert!(
        noted(
            &made,
            "only a part of tcp 60000-65535 from 0.0.0.0/0 is open at eni-1: 65535 is not"
        ),
        "{made:?}"
    );
    assert!(
        lines(&made)
            .contains(&"+ rule tcp 60000-65535 from 0.0.0.0/0 in flotilla-main-ftp".to_owned())
    );
    // Another interface of the pool lacks the group that opens it at the first.
    state.rules[2].reach = tcp(60_000, 65_535, net("0.0.0.0/0"));
    state.groups.push(group("sg-9", "other", None));
    state.interfaces.push(interface("eni-2", &Kind::ALL, &["sg-9"]));
    let made = plan(&state, &scope(), &wants);
    assert_eq!(lines(&made).last().unwrap(), "~ interface eni-2 gets flotilla-main-ftp");
}

#[test]
fn a_moved_range_is_moved_in_place() {
    let mut state = bare();
    state.groups.push(group("sg-1", "flotilla-main-ftp", Some(Kind::Ftp)));
    state.interfaces[0].groups.push("sg-1".to_owned());
    state.rules.push(own("sgr-1", "sg-1", tcp(60_000, 61_000, net("0.0.0.0/0"))));
    let wants = [want(Kind::Ftp, 61_000, 61_999, anyone())];
    let made = plan(&state, &scope(), &wants);
    let moved = "~ rule sgr-1 in sg-1 (flotilla-main-ftp): tcp 60000-61000 becomes 61000-61999, from 0.0.0.0/0";
    assert_eq!(lines(&made), [moved]);
    assert!(made.changes[0].takes_away());
    // Transfers may run over it: then both are there until none does.
    let busy = Scope { busy: true, ..scope() };
    let made = plan(&state, &busy, &wants);
    assert_eq!(lines(&made), ["+ rule tcp 61000-61999 from 0.0.0.0/0 in sg-1 (flotilla-main-ftp)"]);
    assert!(noted(&made, "sgr-1 in sg-1 (flotilla-main-ftp) stays as it is while transfers run"));
    made.changes.iter().for_each(|change| apply(&mut state, change));
    assert_eq!(plan(&state, &busy, &wants).changes, []);
    let made = plan(&state, &scope(), &wants);
    assert_eq!(
        lines(&made),
        ["- rule tcp 60000-61000 from 0.0.0.0/0 (sgr-1) in sg-1 (flotilla-main-ftp)"]
    );
    // To grow ends nothing.
    state.rules.retain(|rule| rule.id == "sgr-1");
    let made = plan(&state, &busy, &[want(Kind::Ftp, 60_000, 62_000, anyone())]);
    assert!(lines(&made)[0].contains("becomes 60000-62000") && !made.changes[0].takes_away());
    // Connections from a known network are tracked, and outlive their rule.
    state.rules.push(own("sgr-2", "sg-1", tcp(990, 990, net("10.0.0.0/8"))));
    let made = plan(&state, &busy, &[]);
    assert_eq!(
        lines(&made),
        ["- rule tcp 990 from 10.0.0.0/8 (sgr-2) in sg-1 (flotilla-main-ftp)"]
    );
}

#[test]
fn what_is_not_ours_stays() {
    let mut state = bare();
    state.groups.push(group("sg-1", "flotilla-main-ftp", Some(Kind::Ftp)));
    state.interfaces[0].groups.push("sg-1".to_owned());
    let mut other = own("sgr-2", "sg-1", tcp(3, 3, net("10.0.0.0/8")));
    other.tags.insert(POOL_TAG.to_owned(), "other".to_owned());
    state.rules.extend([rule("sgr-1", "sg-1", tcp(1, 1, net("10.0.0.0/8"))), other]);
    assert_eq!(plan(&state, &scope(), &[]).changes, []);
}

#[test]
fn groups_are_adopted_by_id_by_tag_and_by_name() {
    let wants = [want(Kind::Ftp, 21, 21, anyone())];
    let place = |state: &State, scope: &Scope| match plan(state, scope, &wants).changes.first() {
        Some(Change::Add(add)) => Some(add.place.to_string()),
        Some(Change::Create(create)) => Some(create.name.clone()),
        _ => None,
    };
    let mut state = bare();
    assert_eq!(place(&state, &scope()).unwrap(), "flotilla-main-ftp");
    state.groups.push(group("sg-3", "flotilla-main-ftp", None));
    assert_eq!(place(&state, &scope()).unwrap(), "sg-3");
    assert!(noted(&plan(&state, &scope(), &wants), "has no tag flotilla:pool=main"));
    state.groups.push(group("sg-2", "renamed", Some(Kind::Ftp)));
    assert_eq!(place(&state, &scope()).unwrap(), "sg-2");
    let adopted = |id: &str| Scope { adopted: [(Kind::Ftp, id.to_owned())].into(), ..scope() };
    assert_eq!(place(&state, &adopted("sg-0")).unwrap(), "sg-0");
    assert_eq!(place(&state, &adopted("sg-7")), None);
    assert!(noted(&plan(&state, &adopted("sg-7"), &wants), "sg-7 (aws.group_ftp) is not in vpc-1"));
    // The name is taken by another pool.
    let mut state = bare();
    let mut taken = group("sg-3", "flotilla-main-ftp", Some(Kind::Ftp));
    taken.tags.insert(POOL_TAG.to_owned(), "other".to_owned());
    state.groups.push(taken);
    assert_eq!(place(&state, &scope()), None);
    // One group for everything.
    let both = Scope { adopted: Kind::ALL.map(|kind| (kind, "sg-0".to_owned())).into(), ..scope() };
    let wants = [wants[0].clone(), want(Kind::Ssh, 21, 21, anyone())];
    let made = plan(&state, &both, &wants);
    assert_eq!(lines(&made), ["+ rule tcp 21 from 0.0.0.0/0 in sg-0 (default)"]);
}

#[test]
fn what_does_not_fit_is_said_and_keeps_what_there_is() {
    let mut state = bare();
    state.groups.push(group("sg-1", "flotilla-main-ftp", Some(Kind::Ftp)));
    state.interfaces[0].groups.push("sg-1".to_owned());
    let network = |n: u16| net(&format!("10.{}.{}.0/24", n / 256, n % 256));
    state.rules.extend((0..59).map(|n| rule(&format!("sgr-x{n}"), "sg-1", tcp(1, 1, network(n)))));
    state.rules.push(own("sgr-1", "sg-1", tcp(60_000, 65_535, net("10.0.0.0/8"))));
    let made = plan(&state, &scope(), &[want(Kind::Ftp, 61_000, 61_999, anyone())]);
    assert_eq!(lines(&made), [""; 0]);
    assert!(
        noted(
            &made,
            "does not fit into sg-1: it counts as 1 of 60 rules, and there are 60 of IPv4"
        ),
        "{made:?}"
    );
    assert!(noted(&made, "sgr-1 in sg-1 (flotilla-main-ftp) stays, although nobody wants it so"));
    // Families count apart.
    let v6 = want(Kind::Ftp, 61_000, 61_999, Origin::Network("::/0".parse().unwrap()));
    assert_eq!(
        lines(&plan(&state, &scope(), &[v6]))[0],
        "+ rule tcp 61000-61999 from ::/0 in sg-1 (flotilla-main-ftp)"
    );
    // A list of 25 does not fit where 40 are.
    let mut state = bare();
    state.groups.push(group("sg-1", "flotilla-main-pool", Some(Kind::Pool)));
    state.rules.extend((0..40).map(|n| rule(&format!("sgr-x{n}"), "sg-1", tcp(1, 1, network(n)))));
    let checks = [want(Kind::Pool, 8082, 8082, Origin::Checkers { v6: false })];
    assert!(noted(&plan(&state, &scope(), &checks), "it counts as 25 of 60 rules"));
    state.rules.truncate(36);
    assert_eq!(plan(&state, &scope(), &checks).changes.len(), 2);
    // Five groups are there already, or the interface is another service's.
    state.interfaces[0].groups = (0..5).map(|n| format!("sg-a{n}")).collect();
    assert!(noted(
        &plan(&state, &scope(), &checks),
        "eni-1 needs sg-1 and has 5 groups of at most 5"
    ));
    state.interfaces[0].groups.pop();
    state.interfaces[0].managed = true;
    assert!(noted(&plan(&state, &scope(), &checks), "put it into the task or service definition"));
    // A thousand rules at one interface.
    state.interfaces[0].managed = false;
    let rules = (0..1000).map(|n| rule(&format!("sgr-y{n}"), "sg-a0", tcp(2, 2, network(n))));
    state.rules.extend(rules);
    assert!(noted(&plan(&state, &scope(), &checks), "rules of at most 1000"));
}

#[test]
fn odd_rules_are_named() {
    let mut state = bare();
    state.rules = vec![
        rule("sgr-1", "sg-0", everything(net("0.0.0.0/0"))),
        rule("sgr-2", "sg-0", tcp(0, 65_535, net("::/0"))),
        rule("sgr-3", "sg-0", tcp(0, 65_535, net("10.0.0.0/8"))),
        rule("sgr-4", "sg-0", tcp(20, 20, net("10.0.0.0/8"))),
        rule("sgr-5", "sg-0", tcp(1, 65_000, net("10.0.0.0/8"))),
        outbound("sgr-6", "sg-0", tcp(443, 443, net("0.0.0.0/0"))),
    ];
    let made = plan(&state, &scope(), &[]);
    assert_eq!(made.changes, []);
    assert_eq!(made.notes.len(), 4, "{made:?}");
    assert!(noted(
        &made,
        "sgr-1 in sg-0 (default) opens everything from 0.0.0.0/0: that is every port"
    ));
    assert!(noted(&made, "sgr-2 in sg-0 (default) opens tcp 0-65535 from ::/0"));
    assert!(noted(&made, "sgr-4 in sg-0 (default) opens port 20"));
    assert!(noted(&made, "eni-1 may not reach all of tcp 1024-65535: active data connections"));
    state.rules.pop();
    assert!(noted(&plan(&state, &scope(), &[]), "eni-1 may not reach tcp 443"));
    // Nothing is known of the checkers here.
    state.lists.clear();
    let made =
        plan(&state, &scope(), &[want(Kind::Pool, 8082, 8082, Origin::Checkers { v6: true })]);
    assert!(noted(&made, "there is no prefix list com.amazonaws.REGION.ipv6.route53-healthchecks"));
    assert!(noted(&plan(&State::default(), &scope(), &passive()), "no network interface"));
}

//! What always holds of a plan, over states and wants by chance.

use proptest::prelude::*;

use super::*;

fn span() -> impl Strategy<Value = Span> {
    (1u16..12, 0u16..4).prop_map(|(first, more)| Span::new(first, first + more))
}

fn source() -> impl Strategy<Value = Source> {
    let texts = ["0.0.0.0/0", "0.0.0.0/0", "::/0", "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/1"];
    prop_oneof![
        8 => prop::sample::select(texts.to_vec()).prop_map(net),
        1 => Just(Source::List("pl-53".to_owned())),
        1 => Just(Source::Group(Place::Id("sg-3".to_owned()))),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    let texts = ["0.0.0.0/0", "0.0.0.0/0", "::/0", "10.1.2.3/8", "10.1.0.0/16"];
    prop_oneof![
        6 => prop::sample::select(texts.to_vec()).prop_map(|text| Origin::Network(text.parse().unwrap())),
        1 => Just(Origin::Nodes),
        1 => Just(Origin::Checkers { v6: false }),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(&Kind::ALL[..])
}

fn wants() -> impl Strategy<Value = Vec<Want>> {
    let want = (kind(), span(), origin()).prop_map(|(kind, span, from)| {
        let kind = if from == Origin::Nodes { Kind::Pool } else { kind };
        want(kind, span.first(), span.last(), from)
    });
    prop::collection::vec(want, 0..6)
}

/// Groups of the pool or not, rules of the pool or not, two nodes with some of the groups.
fn state() -> impl Strategy<Value = State> {
    let rule = (0usize..4, span(), source(), prop::bool::weighted(0.6));
    let serves = || prop::collection::btree_set(kind(), 1..=3);
    let groups = || prop::collection::btree_set(0usize..4, 1..4);
    let rules = prop::collection::vec(rule, 0..10);
    (rules, prop::collection::vec((serves(), groups()), 1..3), prop::bool::ANY).prop_map(
        |(rules, nodes, made)| {
            let mut state = bare();
            for (at, kind) in Kind::ALL.into_iter().enumerate() {
                let name = kind.group_name(if made { "main" } else { "old" });
                state.groups.push(group(&format!("sg-{}", at + 1), &name, made.then_some(kind)));
            }
            state.interfaces.clear();
            for (at, (serves, groups)) in nodes.into_iter().enumerate() {
                let groups = groups.iter().map(|at| format!("sg-{at}")).collect();
                state.interfaces.push(Interface {
                    serves,
                    groups,
                    ..interface(&format!("eni-{at}"), &[], &[])
                });
            }
            for (at, (group, ports, source, ours)) in rules.into_iter().enumerate() {
                let (id, group) = (format!("sgr-{at}"), format!("sg-{group}"));
                let reach = Reach { protocol: Protocol::Tcp, ports, source };
                // EC2 has no rule twice.
                let twice =
                    |rule: &Rule| !rule.outbound && rule.group == group && rule.reach == reach;
                if !state.rules.iter().any(twice) {
                    let make = if ours { own } else { super::rule };
                    state.rules.push(make(&id, &group, reach));
                }
            }
            state
        },
    )
}

/// What of the wants is open at which interface. That of the nodes is asked for with the group that they have in
/// the end.
fn open(state: &State, wants: &[Want]) -> BTreeSet<(usize, String)> {
    let pool = state.groups.iter().find(|group| group.name == "flotilla-main-pool");
    let mut open = BTreeSet::new();
    for (at, want) in wants.iter().enumerate() {
        let source = match &want.from {
            Origin::Network(network) => Source::network(*network),
            Origin::Checkers { .. } => Source::List("pl-53".to_owned()),
            // Where there is no such group yet, nobody has it.
            Origin::Nodes => {
                let id = pool.map_or("sg-none", |pool| &pool.id);
                Source::Group(Place::Id(id.to_owned()))
            }
        };
        let wanted = Reach { protocol: Protocol::Tcp, ports: want.ports, source };
        for own in state.own().filter(|own| own.serves.contains(&want.kind)) {
            let rules = state.inbound(&own.groups).map(|rule| &rule.reach).collect::<Vec<_>>();
            if closed(&wanted, &rules, state).is_empty() {
                open.insert((at, own.id.clone()));
            }
        }
    }
    open
}

fn ours(state: &State) -> impl Iterator<Item = &Rule> {
    state.rules.iter().filter(|rule| rule.pool() == Some("main"))
}

fn foreign(state: &State) -> Vec<Rule> {
    state.rules.iter().filter(|rule| rule.pool() != Some("main")).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Done, everything wanted is open, what was open stayed so all the way, nothing of others was touched, and
    /// there is nothing left to do.
    #[test]
    fn a_plan_reaches_its_end_and_closes_nothing_on_the_way(
        before in state(),
        wants in wants(),
        busy in prop::bool::ANY,
    ) {
        // Room for all that chance wants; the test of quotas has none.
        let limits = Limits { rules_max: 200, groups_max: 16, interface_rules_max: 3200 };
        let scope = Scope { busy, limits, ..scope() };
        let made = plan(&before, &scope, &wants);
        let mut now = before.clone();
        let mut opened = open(&now, &wants);
        for change in &made.changes {
            apply(&mut now, change);
            let next = open(&now, &wants);
            prop_assert!(opened.is_subset(&next), "{:?} closes {:?}", change, opened.difference(&next));
            opened = next;
        }
        let needed = wants.iter().enumerate().flat_map(|(at, want)| {
            let own = now.own().filter(|own| own.serves.contains(&want.kind));
            own.map(move |own| (at, own.id.clone())).collect::<Vec<_>>()
        });
        prop_assert_eq!(&needed.collect::<BTreeSet<_>>(), &opened);
        prop_assert_eq!(foreign(&before), foreign(&now));
        let again = plan(&now, &scope, &wants);
        prop_assert_eq!(&again.changes, &[], "{:?}", made);
        if busy {
            // Whatever came in from everybody still does.
            for rule in ours(&before).filter(|rule| rule.reach.source.is_everybody()) {
                let kept = now.rules.iter().find(|other| other.id == rule.id).unwrap();
                prop_assert!(kept.reach.ports.contains(rule.reach.ports));
            }
        }
    }

    /// Whatever of the additions fails, and nothing that takes away is done after it, nothing is closed.
    #[test]
    fn what_fails_closes_nothing(before in state(), wants in wants(), fails in 0usize..10) {
        let made = plan(&before, &scope(), &wants);
        let mut now = before.clone();
        let opened = open(&before, &wants);
        let mut failed = false;
        for (at, change) in made.changes.iter().enumerate() {
            failed = failed || at == fails;
            // What stands on a group that was not made can not be done either.
            if at < fails || (failed && at != fails && !change.takes_away() && !is_of_new(change)) {
                apply(&mut now, change);
            }
        }
        prop_assert!(opened.is_subset(&open(&now, &wants)));
    }

    /// However little room there is, no plan passes a quota, and none closes what was open.
    #[test]
    fn no_quota_is_passed(before in state(), wants in wants(), rules_max in 1u32..8, groups_max in 1u32..4) {
        let limits = Limits { rules_max, groups_max, interface_rules_max: 12 };
        let made = plan(&before, &Scope { limits, ..scope() }, &wants);
        let mut now = before.clone();
        let mut opened = open(&now, &wants);
        for change in &made.changes {
            let (rules, groups) = fill(&now);
            apply(&mut now, change);
            let next = open(&now, &wants);
            prop_assert!(opened.is_subset(&next), "{:?}", change);
            opened = next;
            let (rules_now, groups_now) = fill(&now);
            prop_assert!(rules_now <= rules || rules_now <= rules_max || rules > rules_max);
            prop_assert!(groups_now <= groups || groups_now <= groups_max || groups > groups_max);
        }
    }
}

fn is_of_new(change: &Change) -> bool {
    let new = |place: &Place| matches!(place, Place::New { .. });
    match change {
        Change::Add(add) => {
            new(&add.place) || matches!(&add.reach.source, Source::Group(place) if new(place))
        }
        Change::Attach(attach) => attach.groups.iter().any(new),
        _ => false,
    }
}

/// The fullest group and the fullest interface.
fn fill(state: &State) -> (u32, u32) {
    let rules = state.groups.iter().map(|group| {
        let groups = [group.id.clone()];
        let weights = state.inbound(&groups).map(|rule| state.weight(&rule.reach.source));
        let (v4, v6) = weights.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
        v4.max(v6)
    });
    let groups = state.own().map(|own| u32::try_from(own.groups.len()).unwrap());
    (rules.max().unwrap_or(0), groups.max().unwrap_or(0))
}

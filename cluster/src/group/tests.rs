//! Plans against hand-made states, and against a machine that does what EC2 would.

mod random;
mod scenario;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// What EC2 does, as far as these tests ask.
pub(super) fn apply(state: &mut State, change: &Change) {
    let fresh = |prefix: &str, count: usize| format!("{prefix}-new{count}");
    match change {
        Change::Create(create) => state.groups.push(Group {
            id: fresh("sg", state.groups.len()),
            name: create.name.clone(),
            vpc: create.vpc.clone(),
            tags: BTreeMap::from([
                (POOL_TAG.to_owned(), create.pool.clone()),
                (KIND_TAG.to_owned(), create.kind.to_string()),
            ]),
            named_by: Vec::new(),
        }),
        Change::CloseOutbound { .. } => {}
        Change::Add(add) => {
            let group = found(state, &add.place);
            let reach = resolved(state, &add.reach);
            let twice = state
                .rules
                .iter()
                .any(|rule| (&rule.group, &rule.reach, rule.outbound) == (&group, &reach, false));
            assert!(!twice, "InvalidPermission.Duplicate: {reach} in {group}");
            let rule = rule(&fresh("sgr", state.rules.len()), &group, reach);
            let tags = BTreeMap::from([(POOL_TAG.to_owned(), add.pool.clone())]);
            state.rules.push(Rule { tags, ..rule });
        }
        Change::Modify(modify) => {
            let to = resolved(state, &modify.to);
            let rule = state.rules.iter_mut().find(|rule| rule.id == modify.rule).unwrap();
            assert_eq!((&rule.reach, &rule.group), (&modify.from, &modify.group));
            rule.reach = to;
        }
        Change::Attach(attach) => {
            let groups = attach.groups.iter().map(|place| found(state, place)).collect::<Vec<_>>();
            assert!(groups.len() <= 16);
            let own = state.interfaces.iter_mut().find(|own| own.id == attach.interface).unwrap();
            assert!(own.groups.iter().all(|group| groups.contains(group)));
            own.groups = groups;
        }
        Change::Remove(remove) => {
            let count = state.rules.len();
            state.rules.retain(|rule| rule.id != remove.rule);
            assert_eq!(state.rules.len(), count - 1);
        }
    }
}

fn found(state: &State, place: &Place) -> String {
    match place {
        Place::Id(id) => id.clone(),
        Place::New { name, vpc } => {
            let same = |group: &&Group| (&group.name, &group.vpc) == (name, vpc);
            state.groups.iter().find(same).unwrap().id.clone()
        }
    }
}

fn resolved(state: &State, reach: &Reach) -> Reach {
    let source = match &reach.source {
        Source::Group(place) => Source::Group(Place::Id(found(state, place))),
        other => other.clone(),
    };
    Reach { source, ..reach.clone() }
}

fn net(text: &str) -> Source {
    Source::network(text.parse().unwrap())
}

fn tcp(first: u16, last: u16, source: Source) -> Reach {
    Reach { protocol: Protocol::Tcp, ports: Span::new(first, last), source }
}

/// A rule of nobody we know.
fn rule(id: &str, group: &str, reach: Reach) -> Rule {
    let (id, group) = (id.to_owned(), group.to_owned());
    let (description, tags) = (String::new(), BTreeMap::new());
    Rule { id, group, outbound: false, reach, description, tags }
}

/// One of the pool `main`.
fn own(id: &str, group: &str, reach: Reach) -> Rule {
    let tags = BTreeMap::from([(POOL_TAG.to_owned(), "main".to_owned())]);
    Rule { tags, ..rule(id, group, reach) }
}

fn outbound(id: &str, group: &str, reach: Reach) -> Rule {
    Rule { outbound: true, ..rule(id, group, reach) }
}

fn everything(source: Source) -> Reach {
    Reach { protocol: Protocol::All, ports: Span::ALL, source }
}

fn group(id: &str, name: &str, kind: Option<Kind>) -> Group {
    let tags = kind.into_iter().flat_map(|kind| {
        [(POOL_TAG.to_owned(), "main".to_owned()), (KIND_TAG.to_owned(), kind.to_string())]
    });
    Group {
        id: id.to_owned(),
        name: name.to_owned(),
        vpc: "vpc-1".to_owned(),
        tags: tags.collect(),
        named_by: Vec::new(),
    }
}

fn interface(id: &str, serves: &[Kind], groups: &[&str]) -> Interface {
    Interface {
        id: id.to_owned(),
        vpc: "vpc-1".to_owned(),
        serves: serves.iter().copied().collect::<BTreeSet<_>>(),
        managed: false,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

/// A node in the default group, which lets everything out.
fn bare() -> State {
    State {
        interfaces: vec![interface("eni-1", &Kind::ALL, &["sg-0"])],
        groups: vec![group("sg-0", "default", None)],
        rules: vec![outbound("sgr-out", "sg-0", everything(net("0.0.0.0/0")))],
        lists: vec![List {
            id: "pl-53".to_owned(),
            name: "com.amazonaws.eu-west-1.route53-healthchecks".to_owned(),
            v6: false,
            weight: List::weight_of("com.amazonaws.eu-west-1.route53-healthchecks", None),
            networks: None,
        }],
    }
}

fn scope() -> Scope {
    Scope { pool: "main".to_owned(), ..Scope::default() }
}

fn want(kind: Kind, first: u16, last: u16, from: Origin) -> Want {
    let ports = Span::new(first, last);
    Want { kind, service: kind.to_string(), ports, from, why: "a test wants it".to_owned() }
}

fn anyone() -> Origin {
    Origin::Network("0.0.0.0/0".parse().unwrap())
}

fn passive() -> Vec<Want> {
    vec![want(Kind::Ftp, 21, 21, anyone()), want(Kind::Ftp, 61_000, 61_999, anyone())]
}

/// The plan in one line each, with signs.
fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.changes.iter().map(Change::step);
    steps.map(|step| format!("{} {}", step.sign.mark(), step.what)).collect()
}

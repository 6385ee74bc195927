//! From what is wanted and what there is to what must be done.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Add, Attach, Change, Create, Modify, Plan, Remove, description};
use super::choice::{Choice, choose};
use super::note;
use super::note::deferred;
use super::open::{apart, closed};
use super::quota::Quota;
use super::reach::{Place, Protocol, Reach, Source, Span};
use super::state::{Group, Interface, Rule, State};
use super::want::{Kind, Origin, Scope, Want, checkers_suffix};

/// What must be done so that all that is wanted is open at every interface which serves it, and nothing of the
/// pool's own is open besides.
pub fn plan(state: &State, scope: &Scope, wants: &[Want]) -> Plan {
    let mut notes = Vec::new();
    let Some(vpc) = state.own().map(|interface| interface.vpc.clone()).min() else {
        notes.push("no network interface of a node is known: no rule can be planned".to_owned());
        return Plan { changes: Vec::new(), notes };
    };
    for interface in state.own().filter(|interface| interface.vpc != vpc) {
        let (id, other) = (&interface.id, &interface.vpc);
        notes.push(format!("{id} is in {other}, not in {vpc}: its groups are not looked after"));
    }
    note::inbound(state, &mut notes);
    let choices = Kind::ALL.into_iter().filter(|kind| wants.iter().any(|want| want.kind == *kind));
    let choices =
        choices.map(|kind| (kind, choose(state, scope, kind, &vpc, &mut notes))).collect();
    let mut planner = Planner {
        state,
        scope,
        vpc,
        choices,
        goals: Vec::new(),
        obsolete: Vec::new(),
        fading: BTreeSet::new(),
        blocked: Vec::new(),
        quota: Quota::new(state, scope.limits),
        plan: Plan { changes: Vec::new(), notes },
    };
    planner.set_goals(wants);
    let missing = planner.missing();
    let (pairs, rest) = planner.pair(missing);
    planner.create(&rest);
    planner.add(rest);
    let (wider, narrower) = pairs.into_iter().partition::<Vec<_>, _>(Modify::widens);
    planner.plan.changes.extend(wider.into_iter().map(Change::Modify));
    planner.attach();
    planner.narrow(narrower);
    planner.remove();
    planner.note_useless();
    planner.plan
}

/// A rule that is wanted.
#[derive(Clone, Debug)]
struct Goal {
    kind: Kind,
    place: Place,
    reach: Reach,
    description: String,
}

struct Planner<'a> {
    state: &'a State,
    scope: &'a Scope,
    vpc: String,
    choices: BTreeMap<Kind, Choice>,
    goals: Vec<Goal>,
    /// The pool's own rules that nobody wants any more and no change has taken up.
    obsolete: Vec<&'a Rule>,
    /// All that nobody wanted as they are, taken up or not: what they open must be open without them.
    fading: BTreeSet<&'a str>,
    /// The ports of what is wanted and can not be had.
    blocked: Vec<Span>,
    quota: Quota<'a>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn set_goals(&mut self, wants: &[Want]) {
        for want in wants {
            let source = match &want.from {
                Origin::Network(network) => Some(Source::network(*network)),
                Origin::Nodes => self.place(Kind::Pool).map(Source::Group),
                Origin::Checkers { v6 } => self.checkers(want, *v6),
            };
            let place = self.place(want.kind);
            let (Some(source), Some(place)) = (source, place) else {
                self.blocked.push(want.ports);
                continue;
            };
            let reach = Reach { protocol: Protocol::Tcp, ports: want.ports, source };
            let text = description(&format!("{}: {}", want.service, want.why));
            self.goals.push(Goal { kind: want.kind, place, reach, description: text });
        }
        let wanted = |rule: &&Rule| {
            let place = Place::Id(rule.group.clone());
            self.goals.iter().any(|goal| (&goal.place, &goal.reach) == (&place, &rule.reach))
        };
        let here =
            |rule: &&Rule| self.state.group(&rule.group).is_some_and(|group| group.vpc == self.vpc);
        let own = self.state.rules.iter().filter(|rule| !rule.outbound);
        let own = own.filter(|rule| rule.pool() == Some(&self.scope.pool)).filter(here);
        self.obsolete = own.filter(|rule| !wanted(rule)).collect();
        self.fading = self.obsolete.iter().map(|rule| rule.id.as_str()).collect();
    }

    fn place(&self, kind: Kind) -> Option<Place> {
        match self.choices.get(&kind)? {
            Choice::Found(id) => Some(Place::Id(id.clone())),
            Choice::Missing(name) => Some(Place::New { name: name.clone(), vpc: self.vpc.clone() }),
            Choice::Blocked => None,
        }
    }

    fn checkers(&mut self, want: &Want, v6: bool) -> Option<Source> {
        let suffix = checkers_suffix(v6);
        let list =
            self.state.lists.iter().find(|list| list.v6 == v6 && list.name.ends_with(suffix));
        if list.is_none() {
            self.plan.notes.push(format!(
                "there is no prefix list com.amazonaws.REGION{suffix} here: open tcp {} ({}) to the \
                 health checkers of Route 53 by hand",
                want.ports, want.service
            ));
        }
        list.map(|list| Source::List(list.id.clone()))
    }

    /// The interfaces that serve a kind.
    fn serving(&self, kind: Kind) -> impl Iterator<Item = &'a Interface> {
        let own = self.state.own().filter(|interface| interface.vpc == self.vpc);
        own.filter(move |interface| interface.serves.contains(&kind))
    }

    /// The rules that an interface has and keeps.
    fn kept(&self, interface: &'a Interface) -> Vec<&'a Rule> {
        let rules = self.state.inbound(&interface.groups);
        rules.filter(|rule| !self.fading.contains(rule.id.as_str())).collect()
    }

    fn is_open(&self, goal: &Goal, interface: &'a Interface) -> bool {
        let rules = self.kept(interface);
        let rules = rules.iter().map(|rule| &rule.reach).collect::<Vec<_>>();
        closed(&goal.reach, &rules, self.state).is_empty()
    }

    fn is_there(&self, goal: &Goal) -> bool {
        let groups = goal.place.id().map(ToOwned::to_owned);
        let groups = groups.into_iter().collect::<Vec<_>>();
        self.state.inbound(&groups).any(|rule| rule.reach == goal.reach)
    }

    /// The goals for which there is no rule in their group and something is closed.
    fn missing(&mut self) -> Vec<Goal> {
        let mut missing = Vec::new();
        let mut notes = Vec::new();
        for goal in self.goals.iter().filter(|goal| !self.is_there(goal)) {
            let same = |other: &Goal| (&other.place, &other.reach) == (&goal.place, &goal.reach);
            if missing.iter().any(same) {
                continue;
            }
            match self.serving(goal.kind).find(|interface| !self.is_open(goal, interface)) {
                Some(interface) => {
                    notes.extend(self.partly(goal, interface));
                    missing.push(goal.clone());
                }
                None => notes.extend(self.elsewhere(goal)),
            }
        }
        for note in notes {
            if !self.plan.notes.contains(&note) {
                self.plan.notes.push(note);
            }
        }
        missing
    }

    /// Some ports of a range are open by rules that are not ours, some are not: off by one, often.
    fn partly(&self, goal: &Goal, interface: &'a Interface) -> Option<String> {
        let rules = self.kept(interface);
        let reaches = rules.iter().map(|rule| &rule.reach).collect::<Vec<_>>();
        let spans = closed(&goal.reach, &reaches, self.state);
        let count = spans.iter().map(|span| span.count()).sum::<u32>();
        if count >= goal.reach.ports.count() {
            return None;
        }
        let spans = spans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (reach, id) = (&goal.reach, &interface.id);
        let is = if count == 1 { "is" } else { "are" };
        Some(format!("only a part of {reach} is open at {id}: {spans} {is} not"))
    }

    /// It is open by rules of somebody else.
    fn elsewhere(&self, goal: &Goal) -> Option<String> {
        let rules = self.serving(goal.kind).flat_map(|interface| self.kept(interface));
        let others = rules.filter(|rule| rule.pool() != Some(&self.scope.pool));
        let others = others.filter(|rule| rule.reach.protocol.has_tcp());
        let others = others.filter(|rule| {
            let ports = rule.reach.tcp().overlap(goal.reach.ports);
            ports.is_some() && !apart(&rule.reach.source, &goal.reach.source)
        });
        let others = others.map(|rule| format!("{} in {}", rule.id, self.state.title(&rule.group)));
        let others = others.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
        let of = || format!("{} is open already, not by a rule of the pool: {others}", goal.reach);
        (!others.is_empty()).then(of)
    }

    /// Takes rules that nobody wants any more for what is missing in the same group, from the same source. While
    /// transfers run, those for everybody may only grow; and none may give up what another goal still waits for.
    fn pair(&mut self, missing: Vec<Goal>) -> (Vec<Modify>, Vec<Goal>) {
        let (mut pairs, mut rest) = (Vec::new(), Vec::new());
        for goal in &missing {
            let fits = |rule: &&Rule| {
                Some(rule.group.as_str()) == goal.place.id()
                    && rule.reach.protocol == Protocol::Tcp
                    && rule.reach.source == goal.reach.source
            };
            let common = |rule: &Rule| rule.reach.ports.overlap(goal.reach.ports);
            let best = self.obsolete.iter().copied().filter(fits);
            let best = best.max_by_key(|rule| common(rule).map(|span| span.count()));
            let change = best.map(|rule| Modify {
                group: rule.group.clone(),
                title: self.state.title(&rule.group),
                rule: rule.id.clone(),
                from: rule.reach.clone(),
                to: goal.reach.clone(),
                description: goal.description.clone(),
            });
            let held = self.scope.busy && goal.reach.source.is_everybody();
            let waiting = |change: &Modify| {
                let others = missing.iter().filter(|other| other.reach != goal.reach);
                let mut others =
                    others.filter(|other| !apart(&other.reach.source, &goal.reach.source));
                others.any(|other| other.reach.ports.overlap(change.from.ports).is_some())
            };
            match change.filter(|change| change.widens() || !(held || waiting(change))) {
                Some(change) => {
                    self.obsolete.retain(|rule| rule.id != change.rule);
                    pairs.push(change);
                }
                None => rest.push(goal.clone()),
            }
        }
        (pairs, rest)
    }

    /// Makes the groups that rules are missing in.
    fn create(&mut self, missing: &[Goal]) {
        let wanted = |place: &Place| {
            let named = |goal: &Goal| goal.reach.source == Source::Group(place.clone());
            missing.iter().any(|goal| goal.place == *place || named(goal))
        };
        for kind in Kind::ALL {
            let Some(place) = self.place(kind).filter(|place| wanted(place)) else { continue };
            let Place::New { name, vpc } = place.clone() else { continue };
            let pool = self.scope.pool.clone();
            let create = Create { kind, name, vpc, pool };
            self.plan.changes.extend([Change::Create(create), Change::CloseOutbound { place }]);
        }
    }

    fn add(&mut self, missing: Vec<Goal>) {
        for goal in missing {
            if let Err(note) = self.quota.add(&goal.place, &goal.reach) {
                self.plan.notes.push(note);
                self.blocked.push(goal.reach.ports);
                continue;
            }
            let title = match &goal.place {
                Place::Id(id) => self.state.title(id),
                Place::New { name, .. } => name.clone(),
            };
            self.plan.changes.push(Change::Add(Add {
                place: goal.place,
                title,
                reach: goal.reach,
                description: goal.description,
                pool: self.scope.pool.clone(),
            }));
        }
    }

    /// Gives the interfaces the groups by which something becomes open that is not.
    fn attach(&mut self) {
        let own = self.state.own().filter(|interface| interface.vpc == self.vpc);
        for interface in own {
            let mut added = Vec::<Place>::new();
            let goals = self.goals.iter().filter(|goal| interface.serves.contains(&goal.kind));
            for goal in goals.clone().filter(|goal| self.needs(goal, interface)) {
                let has =
                    goal.place.id().is_some_and(|id| interface.groups.iter().any(|own| own == id));
                if !has && !added.contains(&goal.place) {
                    added.push(goal.place.clone());
                }
            }
            if !added.is_empty() {
                let served = goals.map(|goal| goal.reach.ports).collect::<Vec<_>>();
                match self.quota.attach(interface, &added) {
                    Ok(()) => self.plan.changes.push(Change::Attach(attachment(interface, added))),
                    Err(note) => {
                        self.plan.notes.push(note);
                        self.blocked.extend(served);
                    }
                }
            }
            note::outbound(self.state, interface, &mut self.plan.notes);
        }
    }

    /// Whether an interface must have the group of a goal: it is closed there; or it is for those who have the
    /// group, which must then be all of them.
    fn needs(&self, goal: &Goal, interface: &'a Interface) -> bool {
        match &goal.reach.source {
            Source::Group(place) if *place == goal.place => {
                self.serving(goal.kind).any(|other| !self.is_open(goal, other))
                    || self.is_there(goal)
            }
            _ => !self.is_open(goal, interface),
        }
    }

    /// Moves and narrows rules.
    fn narrow(&mut self, changes: Vec<Modify>) {
        for change in changes {
            if self.is_held(&change.from) {
                self.plan.notes.push(held(&change.rule, &change.title));
                self.blocked.push(change.to.ports);
            } else {
                self.plan.changes.push(Change::Modify(change));
            }
        }
    }

    /// Removes what nobody wants any more.
    fn remove(&mut self) {
        for rule in std::mem::take(&mut self.obsolete) {
            let title = self.state.title(&rule.group);
            if self.is_held(&rule.reach) {
                self.plan.notes.push(held(&rule.id, &title));
            } else if self.scope.busy && rule.reach.source.is_everybody() {
                self.plan.notes.push(deferred(&rule.id, &title));
            } else {
                self.plan.changes.push(Change::Remove(Remove {
                    group: rule.group.clone(),
                    title,
                    rule: rule.id.clone(),
                    reach: rule.reach.clone(),
                    why: "nothing that is configured needs it",
                }));
            }
        }
    }

    fn note_useless(&mut self) {
        let chosen = |group: &&Group| {
            let found = Choice::Found(group.id.clone());
            self.choices.values().any(|choice| *choice == found)
        };
        let groups = self.state.groups.iter().filter(|group| group.vpc == self.vpc);
        let groups = groups.filter(|group| group.pool() == Some(&self.scope.pool));
        for group in groups.filter(|group| !chosen(group)) {
            let title = self.state.title(&group.id);
            self.plan.notes.push(format!("{title} is of no use to the pool any more"));
        }
    }

    /// Whether a rule opens something that is wanted, and that could not be had otherwise.
    fn is_held(&self, reach: &Reach) -> bool {
        self.blocked.iter().any(|blocked| blocked.overlap(reach.ports).is_some())
    }
}

fn attachment(interface: &Interface, added: Vec<Place>) -> Attach {
    let groups = interface.groups.iter().cloned().map(Place::Id).chain(added.clone()).collect();
    Attach { interface: interface.id.clone(), groups, added }
}

fn held(rule: &str, title: &str) -> String {
    format!(
        "{rule} in {title} stays, although nobody wants it so, until what replaces it can be had"
    )
}

//! The records as they should be: under each name of the pool a tree whose leaves are nodes.
//!
//! ```text
//! weighted      ftp.example.org -> nodes
//!               ftp.example.org -> g16-0 .. g16-15.ftp.example.org -> nodes          over 80 nodes
//! multivalue    ftp.example.org -> nodes
//! latency       ftp.example.org -> eu-west-1.ftp.example.org -> as weighted
//! geolocation   ftp.example.org -> c-eu.ftp.example.org -> as weighted;  * -> default.ftp.example.org
//! ```
//!
//! Where the top of a tree changes its shape, what is below must be there first: until then the top stays as it is
//! ([`Grower::hold`]), so that growth is no outage. So the wanted tree depends on what stands, and comes to rest in a
//! few rounds.

use std::collections::{BTreeMap, BTreeSet};

use super::check::of_node;
use super::collect::{Fate, Fates};
use super::name::{is_within, label};
use super::node::Node;
use super::record::{Kind, Location, RecordKey, RecordSet, Routing, Target};
use super::settings::{Policy, Root, Settings};
use super::shape::{RECORDS_MAX, Shape, group_key, group_name, group_of, groups_of, is_group};
use super::state::{State, is_ours};

/// The records that are wanted.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) sets: BTreeMap<RecordKey, RecordSet>,
    pub(super) notes: BTreeSet<String>,
}

/// Part of an answer: a node, or one that is gone and whose records stay.
#[derive(Clone, Debug)]
struct Share {
    key: String,
    value: String,
    weight: u8,
    check: Option<String>,
    region: String,
    location: Location,
}

/// What grows.
struct Grower<'a> {
    settings: &'a Settings,
    state: &'a State,
    fates: &'a Fates,
    living: BTreeSet<String>,
    tree: Tree,
}

/// The records that are wanted now.
pub(super) fn grow(settings: &Settings, nodes: &[Node], fates: &Fates, state: &State) -> Tree {
    let living = nodes.iter().map(|node| settings.key_of(&node.id)).collect();
    let mut grower = Grower { settings, state, fates, living, tree: Tree::default() };
    for root in settings.roots() {
        for kind in Kind::OURS {
            let shares = grower.shares(nodes, root, &kind);
            grower.root(root.name, &kind, &shares);
        }
    }
    grower.yield_to_others();
    grower.tree
}

impl Grower<'_> {
    /// The living with an address of this kind.
    fn shares(&self, nodes: &[Node], root: Root<'_>, kind: &Kind) -> Vec<Share> {
        let of = |node: &Node| {
            let value = match kind {
                Kind::A => node.v4?.to_string(),
                _ => node.v6?.to_string(),
            };
            let key = self.settings.key_of(&node.id);
            let is_out = self.fates.get(&key) == Some(&Fate::Remove);
            let check = of_node(self.settings, node, self.state).map(|check| check.id.clone());
            let (region, location) = (node.region.clone(), node.location.clone());
            let share = Share { key, value, weight: node.weight(), check, region, location };
            (node.serves(root.serves) && !is_out).then_some(share)
        };
        nodes.iter().filter_map(of).collect()
    }

    fn root(&mut self, name: &str, kind: &Kind, shares: &[Share]) {
        match self.settings.policy {
            Policy::Weighted => {
                self.branch(name, kind, shares);
            }
            Policy::Multivalue => self.multivalue(name, kind, shares),
            Policy::Latency => {
                let (placed, lost): (Vec<_>, Vec<_>) =
                    shares.iter().cloned().partition(|share| !share.region.is_empty());
                for share in lost {
                    let note = format!(
                        "{} does not know its region, and has no place in {name}",
                        share.key
                    );
                    self.tree.notes.insert(note);
                }
                let regions = |share: &Share| Routing::Latency(share.region.clone());
                self.branches(name, kind, &placed, regions);
            }
            Policy::Geolocation => {
                let location = |share: &Share| Routing::Geolocation(share.location.clone());
                let defaults =
                    |share: &&Share| share.location == Location::Default && share.weight > 0;
                let mut placed = shares.to_vec();
                if !shares.iter().any(|share| defaults(&share)) {
                    // Somebody must answer those who are nowhere.
                    placed.extend(
                        shares
                            .iter()
                            .filter(|share| share.location != Location::Default)
                            .map(|share| Share { location: Location::Default, ..share.clone() }),
                    );
                }
                self.branches(name, kind, &placed, location);
            }
        }
    }

    /// A name of its own for each region or location, and references to them.
    fn branches(
        &mut self,
        name: &str,
        kind: &Kind,
        shares: &[Share],
        routing: impl Fn(&Share) -> Routing,
    ) {
        let mut members: BTreeMap<String, (Routing, Vec<Share>)> = BTreeMap::new();
        for share in shares {
            let routing = routing(share);
            let entry = members.entry(branch_label(&routing)).or_insert((routing, Vec::new()));
            entry.1.push(share.clone());
        }
        // Where only the gone are left.
        let policy = self.settings.policy;
        let is_branch = |set: &&RecordSet| match set.routing {
            Routing::Latency(_) => policy == Policy::Latency,
            Routing::Geolocation(_) => policy == Policy::Geolocation,
            _ => false,
        };
        for set in self.state.ours_at(self.settings, name, kind).filter(is_branch) {
            let label = branch_label(&set.routing);
            members.entry(label).or_insert((set.routing.clone(), Vec::new()));
        }
        let mut aliases = Vec::new();
        for (label, (routing, shares)) in members {
            let branch = format!("{label}.{name}");
            let (weight, count) = self.branch(&branch, kind, &shares);
            if count > 0 {
                let key = format!("{}{label}", super::settings::GROUP);
                aliases.push((weight, self.alias(name, kind, &key, routing, &branch)));
            }
        }
        // Who has nobody to serve sends its clients elsewhere, while there is an elsewhere.
        if aliases.iter().any(|(weight, _)| *weight > 0) {
            aliases.retain(|(weight, _)| *weight > 0);
        }
        self.top(name, kind, aliases.into_iter().map(|(_, alias)| alias).collect());
    }

    /// Nodes by weight under a name, in groups where they are many. Says how much weight and how many there are.
    fn branch(&mut self, name: &str, kind: &Kind, shares: &[Share]) -> (u32, usize) {
        let listed = self.listed(name, kind);
        let mut wanted: Vec<Share> = shares
            .iter()
            // Nobody needs a record that sends nobody.
            .filter(|share| share.weight > 0 || listed.contains(share.key.as_str()))
            .cloned()
            .collect();
        wanted.extend(self.ghosts(name, kind));
        let weight = wanted.iter().map(|share| u32::from(share.weight)).sum();
        let stands = self
            .state
            .ours_at(self.settings, name, kind)
            .find_map(|set| groups_of(self.settings.key(set)?))
            .map_or(Shape::Flat, Shape::Groups);
        match stands.next(wanted.len()) {
            Shape::Flat => self.flat(name, kind, &wanted),
            Shape::Groups(groups) => self.groups(name, kind, &wanted, groups),
        }
        (weight, wanted.len())
    }

    /// All under the name itself, as many as it takes: those first that are there.
    fn flat(&mut self, name: &str, kind: &Kind, shares: &[Share]) {
        let foreign = self.state.at(name, kind).filter(|set| !is_ours(self.settings, set)).count();
        let mut order: Vec<_> = shares.iter().collect();
        order.sort_by_key(|share| {
            self.state.get(name, kind, &self.settings.identifier(&share.key)).is_none()
        });
        let room = RECORDS_MAX.saturating_sub(foreign);
        if order.len() > room {
            let note = format!(
                "{name} takes {RECORDS_MAX} {kind} records: {} nodes have none",
                order.len() - room
            );
            self.tree.notes.insert(note);
        }
        for share in order.into_iter().take(room) {
            let set = self.leaf(name, kind, share, Routing::Weighted(share.weight));
            self.put(set);
        }
    }

    fn groups(&mut self, name: &str, kind: &Kind, shares: &[Share], groups: u16) {
        let mut members: BTreeMap<u16, Vec<Share>> = BTreeMap::new();
        for share in shares {
            members.entry(group_of(&share.key, groups)).or_default().push(share.clone());
        }
        let weigh =
            |shares: &[Share]| shares.iter().map(|share| u32::from(share.weight)).sum::<u32>();
        let heaviest = members.values().map(|shares| weigh(shares)).max().unwrap_or(0).max(1);
        let mut aliases = Vec::new();
        for (number, shares) in members {
            let group = group_name(groups, number, name);
            let weight = match weigh(&shares) {
                0 => 0,
                sum => u8::try_from(sum * 255 / heaviest).unwrap_or(u8::MAX).max(1),
            };
            let key = group_key(groups, number);
            aliases.push(self.alias(name, kind, &key, Routing::Weighted(weight), &group));
            self.flat(&group, kind, &shares);
        }
        // Who is answered under the name now must be in its group before the name refers to groups.
        let is_placed = |set: &RecordSet| {
            let key = self.settings.node_key(set).filter(|_| set.weight() != Some(0));
            let share = key.and_then(|key| shares.iter().find(|share| share.key == key));
            share.is_none_or(|share| {
                let group = group_name(groups, group_of(&share.key, groups), name);
                self.state.get(&group, kind, &set.id).is_some()
            })
        };
        match self.state.ours_at(self.settings, name, kind).all(is_placed) {
            true => self.top(name, kind, aliases),
            false => self.hold(name, kind, shares),
        }
    }

    fn multivalue(&mut self, name: &str, kind: &Kind, shares: &[Share]) {
        let mut all = shares.to_vec();
        all.extend(self.ghosts(name, kind));
        let listed = self.listed(name, kind);
        let is_listed = |share: &Share| listed.contains(share.key.as_str());
        let mut wanted: Vec<_> = all.iter().filter(|share| share.weight > 0).collect();
        if wanted.is_empty() {
            // Those that are there, though they serve nobody: an empty answer helps nobody either.
            wanted = all.iter().filter(|share| is_listed(share)).collect();
        }
        wanted.sort_by_key(|share| !is_listed(share));
        if wanted.len() > RECORDS_MAX {
            let left = wanted.len() - RECORDS_MAX;
            let note = format!(
                "{name} takes {RECORDS_MAX} multivalue {kind} records: {left} nodes have none"
            );
            self.tree.notes.insert(note);
        }
        for share in wanted.into_iter().take(RECORDS_MAX) {
            let set = self.leaf(name, kind, share, Routing::Multivalue);
            self.tree.sets.insert(set.key(), set);
        }
    }

    /// References from a name to others: those whose target is there. Where something else stands at the name now, it
    /// stays until all are.
    fn top(&mut self, name: &str, kind: &Kind, aliases: Vec<RecordSet>) {
        let is_ready = |alias: &&RecordSet| {
            let target = alias.alias().unwrap_or_default();
            self.state.ours_at(self.settings, target, kind).next().is_some()
        };
        let ready: Vec<_> = aliases.iter().filter(is_ready).cloned().collect();
        let is_swap = self.state.ours_at(self.settings, name, kind).any(|set| {
            !aliases.iter().any(|alias| set.routing.mixes_with(&alias.routing))
                || set.alias().is_none()
                || !aliases.iter().any(|alias| of_one_shape(self.settings, set, alias))
        });
        if ready.is_empty() || is_swap && ready.len() < aliases.len() {
            return self.hold(name, kind, &[]);
        }
        for alias in ready {
            self.put(alias);
        }
    }

    /// What is ours at a name stays; nodes get the weight that they have now.
    fn hold(&mut self, name: &str, kind: &Kind, shares: &[Share]) {
        let standing: Vec<_> = self.state.ours_at(self.settings, name, kind).cloned().collect();
        for mut set in standing {
            set.check = self.carried(set.check.take());
            let key = self.settings.node_key(&set).map(str::to_owned);
            if let (Some(key), Routing::Weighted(weight)) = (&key, &mut set.routing) {
                match (shares.iter().find(|share| share.key == *key), self.fates.get(key)) {
                    (_, Some(Fate::Remove)) => continue,
                    (_, Some(Fate::Zero)) => *weight = 0,
                    (Some(share), None) => {
                        *weight = share.weight;
                        if self.state.has_checks {
                            set.check = share.check.clone();
                        }
                        if let Target::Values { values, .. } = &mut set.target {
                            *values = vec![share.value.clone()];
                        }
                    }
                    (None, None) => {}
                }
            }
            self.tree.sets.insert(set.key(), set);
        }
    }

    /// Nodes that are gone and whose records stay, under a name or its groups.
    fn ghosts(&self, name: &str, kind: &Kind) -> Vec<Share> {
        let mut ghosts: BTreeMap<String, Share> = BTreeMap::new();
        for set in self.family(name, kind) {
            let (Some(key), Some(value)) = (self.settings.node_key(set), set.value()) else {
                continue;
            };
            let fate = self.fates.get(key);
            if self.living.contains(key) || fate == Some(&Fate::Remove) {
                continue;
            }
            let weight = if fate.is_some() { 0 } else { set.weight().unwrap_or(1) };
            let (key, value) = (key.to_owned(), value.to_owned());
            let check = self.carried(set.check.clone());
            let (region, location) = (String::new(), Location::Default);
            let share = Share { key: key.clone(), value, weight, check, region, location };
            ghosts.insert(key, share);
        }
        ghosts.into_values().collect()
    }

    /// The check of a record that stays, unless it was deleted: no record that names such a one is taken.
    fn carried(&self, check: Option<String>) -> Option<String> {
        let is_there = |id: &String| self.state.checks.iter().any(|check| check.id == *id);
        check.filter(|id| !self.state.has_checks || is_there(id))
    }

    /// The nodes that have a record there.
    fn listed<'b>(&'b self, name: &'b str, kind: &'b Kind) -> BTreeSet<&'b str> {
        self.family(name, kind).filter_map(|set| self.settings.node_key(set)).collect()
    }

    /// Ours under a name or one of its groups.
    fn family<'b>(&'b self, name: &'b str, kind: &'b Kind) -> impl Iterator<Item = &'b RecordSet> {
        self.state
            .ours(self.settings)
            .filter(move |set| set.kind == *kind && (set.name == name || is_group(&set.name, name)))
    }

    fn leaf(&self, name: &str, kind: &Kind, share: &Share, routing: Routing) -> RecordSet {
        let id = self.settings.identifier(&share.key);
        let check = match self.state.has_checks {
            true => share.check.clone(),
            false => self.state.get(name, kind, &id).and_then(|set| set.check.clone()),
        };
        RecordSet {
            name: name.to_owned(),
            kind: kind.clone(),
            id,
            routing,
            target: Target::Values { ttl: self.ttl(name, kind), values: vec![share.value.clone()] },
            check,
        }
    }

    fn alias(
        &self,
        name: &str,
        kind: &Kind,
        key: &str,
        routing: Routing,
        target: &str,
    ) -> RecordSet {
        let (zone, target) = (self.settings.zone.clone(), target.to_owned());
        RecordSet {
            name: name.to_owned(),
            kind: kind.clone(),
            id: self.settings.identifier(key),
            routing,
            target: Target::Alias { zone, name: target, evaluate: true },
            check: None,
        }
    }

    fn put(&mut self, set: RecordSet) {
        self.tree.sets.insert(set.key(), set);
    }

    /// All records of one name and type have one TTL; that of others' can not be changed.
    fn ttl(&self, name: &str, kind: &Kind) -> u32 {
        let mut others = self.state.at(name, kind).filter(|set| !is_ours(self.settings, set));
        others.find_map(RecordSet::ttl).unwrap_or(self.settings.ttl)
    }

    /// Leaves out what Route 53 would refuse because of records that are not ours, and says so.
    fn yield_to_others(&mut self) {
        let (settings, state) = (self.settings, self.state);
        let foreign = |set: &&RecordSet| !is_ours(settings, set);
        let mut notes = BTreeSet::new();
        self.tree.sets.retain(|_, set| {
            let cname = Kind::Other("CNAME".to_owned());
            let at = state.at(&set.name, &set.kind).chain(state.at(&set.name, &cname));
            let stands_in_the_way = |other: &&RecordSet| {
                let is_same = match &other.routing {
                    Routing::Latency(_) | Routing::Geolocation(_) => other.routing == set.routing,
                    _ => false,
                };
                !other.routing.mixes_with(&set.routing) || is_same || other.id == set.id
            };
            let other = at.filter(foreign).find(stands_in_the_way);
            if let Some(other) = other {
                notes.insert(format!(
                    "{} {} is not changed: {} is not ours",
                    set.name,
                    set.kind,
                    described(other)
                ));
            }
            other.is_none()
        });
        let roots = settings.roots();
        let at_roots =
            state.records.values().filter(|set| roots.iter().any(|root| root.name == set.name));
        for other in at_roots.filter(foreign).filter(|set| Kind::OURS.contains(&set.kind)) {
            notes.insert(format!("{} is left alone: it is not ours", described(other)));
        }
        self.tree.notes.extend(notes);
    }
}

/// Whether two references of one name belong to one way of dividing it.
fn of_one_shape(settings: &Settings, one: &RecordSet, other: &RecordSet) -> bool {
    let groups = |set: &RecordSet| settings.key(set).and_then(groups_of);
    groups(one) == groups(other)
}

fn described(set: &RecordSet) -> String {
    match set.id.is_empty() {
        true => format!("the simple record {} {}", set.name, set.kind),
        false => format!("the record {} {} {}", set.name, set.kind, set.id),
    }
}

fn branch_label(routing: &Routing) -> String {
    match routing {
        Routing::Latency(region) => label(region),
        Routing::Geolocation(Location::Default) => "default".to_owned(),
        Routing::Geolocation(location) => label(&location.to_string()),
        _ => String::new(),
    }
}

/// The root that a name belongs to.
pub(super) fn root_of<'a>(settings: &'a Settings, name: &str) -> Option<Root<'a>> {
    let within = settings.roots().into_iter().filter(|root| is_within(name, root.name));
    within.max_by_key(|root| root.name.len())
}

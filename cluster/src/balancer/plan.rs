//! What may be mended.

use std::net::IpAddr;

use super::attribute::{
    CUTS_DEREGISTERED, CUTS_UNHEALTHY, DELAY, DELAY_MAX, UNHEALTHY_DRAINING, UNHEALTHY_DRAINING_MAX,
};
use super::change::{Change, Plan, Registration};
use super::facts::{Balancer, Group, Health, Kind, Listener, Protocol, State, Target, TargetKind};
use super::owner::own_changes;
use super::want::{Role, Want};
use super::{CLASSIC_IDLE_MAX, NETWORK_IDLE_MAX, NETWORK_IDLE_MIN};

/// What may be done.
#[derive(Clone, Debug, Default)]
pub struct Permitted {
    /// Anything at all (`aws.balancer_changes`).
    pub changes: bool,
    /// This node becomes a target: it is ready, and the balancer was named, not found by its targets.
    pub register: bool,
    /// Groups of passive ports have all nodes ([`Sharing::Shared`](super::Sharing::Shared)), not one each.
    pub passive: bool,
    /// Instances and addresses that are gone for certain: they are targets no more.
    pub gone: Vec<String>,
}

/// How this node can let its clients go without losing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drains {
    /// Its health port says that it is not ready.
    Health,
    /// It is deregistered, and its health port stays open until nobody is left: an unhealthy node would lose its
    /// connections, or nobody asks there.
    Deregister(Vec<Change>),
}

/// What would be changed, if it is permitted. Times are raised and never lowered, for nobody knows what else they
/// are good for; who the client is said to be is not touched, since nodes and firewalls must change with it. Only what
/// bears the tag of the pool is changed; the rest is a note with the tag to set.
pub fn plan(state: &State, want: &Want, permitted: &Permitted) -> Plan {
    let mut plan = Plan::default();
    for balancer in &state.balancers {
        match balancer.kind {
            Kind::Network => network(&mut plan.changes, balancer, want),
            Kind::Classic => classic(&mut plan.changes, balancer, want),
            Kind::Application | Kind::Gateway => continue,
        }
        targets(&mut plan.changes, balancer, want, permitted);
    }
    own_changes(&mut plan, state, &want.pool);
    if !permitted.changes && !plan.changes.is_empty() {
        let steps: Vec<_> = plan.changes.drain(..).map(|change| change.step().what).collect();
        plan.notes.push(format!("aws.balancer_changes = true would permit: {}", steps.join("; ")));
    }
    plan.notes.extend(state.unread.iter().cloned());
    plan
}

/// What to do for a node that goes: it is a target no more.
pub fn leave(state: &State, want: &Want) -> Vec<Change> {
    let balancers = state.balancers.iter();
    balancers.flat_map(|balancer| without(balancer, want, &want.ids, "it leaves")).collect()
}

/// How this node can let its clients go.
pub fn drains(state: &State, want: &Want) -> Drains {
    let keeps = |group: &Group| {
        let attributes = &group.attributes;
        let asked = group.health.port.unwrap_or(group.port);
        let cut = attributes.cuts_unhealthy == Some(true);
        let soon = attributes.cuts_unhealthy == Some(false)
            && attributes.unhealthy_draining < want.drain_at_most(UNHEALTHY_DRAINING_MAX);
        want.health.contains(&asked) && !cut && !soon
    };
    let mut own = state
        .balancers
        .iter()
        .flat_map(|balancer| ours(balancer, want))
        .filter(|(_, group)| group.has(&want.ids));
    if own.all(|(_, group)| keeps(group)) {
        Drains::Health
    } else {
        Drains::Deregister(leave(state, want))
    }
}

/// Groups that lead to ports of this node, each once, whosesoever they are.
pub(super) fn ours<'a>(balancer: &'a Balancer, want: &Want) -> Vec<(Role, &'a Group)> {
    let mut found: Vec<(Role, &Group)> = Vec::new();
    for listener in &balancer.listeners {
        let Some(role) = want.role_by_target(balancer, listener) else { continue };
        for group in balancer.groups_of(listener) {
            if !found.iter().any(|(_, known)| known.arn == group.arn) {
                found.push((role, group));
            }
        }
    }
    found
}

fn network(changes: &mut Vec<Change>, balancer: &Balancer, want: &Want) {
    for (_, group) in ours(balancer, want) {
        let set = attributes(group, want);
        if !set.is_empty() {
            changes.push(Change::Attributes {
                group: group.arn.clone(),
                name: group.name.clone(),
                set,
            });
        }
    }
    let Some(to) =
        want.idle_timeout.filter(|to| (NETWORK_IDLE_MIN..=NETWORK_IDLE_MAX).contains(to))
    else {
        return;
    };
    let shorter = |listener: &&Listener| {
        listener.protocol == Protocol::Tcp
            && listener.idle_timeout.is_some_and(|has| has < to)
            && want.role_by_target(balancer, listener).is_some()
    };
    for listener in balancer.listeners.iter().filter(shorter) {
        changes.push(Change::ListenerIdle {
            listener: listener.arn.clone(),
            place: format!("{balancer}, listener {}", listener.port),
            to,
        });
    }
}

fn attributes(group: &Group, want: &Want) -> Vec<(&'static str, String)> {
    let has = &group.attributes;
    let mut set = Vec::new();
    let draining = want.drain_at_most(UNHEALTHY_DRAINING_MAX);
    if has.cuts_unhealthy == Some(true)
        || (has.cuts_unhealthy == Some(false) && has.unhealthy_draining < draining)
    {
        set.push((CUTS_UNHEALTHY, "false".to_owned()));
        set.push((UNHEALTHY_DRAINING, draining.max(has.unhealthy_draining).as_secs().to_string()));
    }
    let delay = want.drain_at_most(DELAY_MAX);
    if has.deregistration_delay.is_some_and(|has| has < delay) {
        set.push((DELAY, delay.as_secs().to_string()));
    }
    if has.cuts_deregistered {
        set.push((CUTS_DEREGISTERED, "false".to_owned()));
    }
    set
}

fn classic(changes: &mut Vec<Change>, balancer: &Balancer, want: &Want) {
    if ours(balancer, want).is_empty() {
        return;
    }
    let to = want.idle_timeout.map_or(CLASSIC_IDLE_MAX, |to| to.min(CLASSIC_IDLE_MAX));
    if balancer.idle_timeout.is_some_and(|has| has < to) {
        changes.push(Change::ClassicIdle { balancer: balancer.name.clone(), to });
    }
    let to = want.drain_at_most(DELAY_MAX);
    if !to.is_zero() && balancer.draining.is_none_or(|has| has < to) {
        changes.push(Change::ClassicDraining { balancer: balancer.name.clone(), to });
    }
}

fn targets(changes: &mut Vec<Change>, balancer: &Balancer, want: &Want, permitted: &Permitted) {
    if permitted.register {
        for (role, group) in ours(balancer, want) {
            let wanted = role != Role::Passive || (permitted.passive && want.mode_is_shared());
            let wanted = wanted && !serves(group, &want.ids) && takes_tcp(balancer, group);
            let id = want.id_for(group.targets_are).filter(|_| wanted);
            let Some(id) = id else { continue };
            let of = registration(balancer, group, id, None, "it is ready");
            let change = Change::Register(of);
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    changes.extend(without(balancer, want, &permitted.gone, "it is gone"));
}

/// Whether it is a target already, and is to stay one.
fn serves(group: &Group, ids: &[String]) -> bool {
    let stays = |target: &&Target| target.health != Health::Draining;
    group.targets.iter().filter(stays).any(|target| ids.contains(&target.id))
}

/// Whether a listener leads to it that passes on what clients say: who is registered behind another one serves nobody.
fn takes_tcp(balancer: &Balancer, group: &Group) -> bool {
    balancer
        .listeners
        .iter()
        .any(|listener| listener.protocol == Protocol::Tcp && listener.groups.contains(&group.arn))
}

fn without(balancer: &Balancer, want: &Want, ids: &[String], why: &'static str) -> Vec<Change> {
    let mut changes = Vec::new();
    for (_, group) in ours(balancer, want) {
        for target in group.targets.iter().filter(|target| ids.contains(&target.id)) {
            // One that is being deregistered needs nothing.
            if target.health == Health::Draining {
                continue;
            }
            let of = registration(balancer, group, &target.id, Some(target.port), why);
            let change = Change::Deregister(of);
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    changes
}

/// A classic balancer has instances, and no groups.
fn registration(
    balancer: &Balancer,
    group: &Group,
    id: &str,
    port: Option<u16>,
    why: &'static str,
) -> Registration {
    let classic = balancer.kind == Kind::Classic;
    let (group, name) = if classic {
        (balancer.name.clone(), balancer.name.clone())
    } else {
        (group.arn.clone(), group.name.clone())
    };
    Registration { group, classic, name, id: id.to_owned(), port: port.filter(|_| !classic), why }
}

impl Want {
    /// As what this node can be a target of such a group.
    fn id_for(&self, targets_are: TargetKind) -> Option<&str> {
        let mut ids = self.ids.iter().map(String::as_str);
        match targets_are {
            TargetKind::Instance => ids.find(|id| id.starts_with("i-")),
            TargetKind::Ip => ids.find(|id| id.parse::<IpAddr>().is_ok()),
            TargetKind::Other => None,
        }
    }
}

#[cfg(test)]
mod tests;

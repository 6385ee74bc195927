//! Whose something is: by the tag that `flotilla gen iam` goes by, too.

use super::change::{Change, Plan};
use super::facts::{Balancer, Group, Kind, State};
use crate::group::POOL_TAG;

/// What a change is made at.
struct Place {
    owner: Option<String>,
    /// For people.
    name: String,
    /// What sets the tag, but for the tag.
    command: String,
}

/// Takes out of the plan what would be changed at things that do not bear the tag of the pool, and says of each once
/// how it could be.
pub(super) fn own_changes(plan: &mut Plan, state: &State, pool: &str) {
    let mut notes: Vec<String> = Vec::new();
    plan.changes.retain(|change| {
        let Some(place) = Place::of(state, change) else { return false };
        let is_own = place.owner.as_deref() == Some(pool);
        if !is_own {
            let note = place.note(pool);
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        is_own
    });
    plan.notes.extend(notes);
}

/// Whether a group bears the tag of the pool: for a classic balancer, which has none, the balancer.
pub(super) fn is_own(balancer: &Balancer, group: &Group, pool: &str) -> bool {
    let owner = if balancer.kind == Kind::Classic { &balancer.owner } else { &group.owner };
    owner.as_deref() == Some(pool)
}

impl Place {
    fn of(state: &State, change: &Change) -> Option<Self> {
        match change {
            Change::Attributes { group, .. } => Self::group(state, group),
            Change::Register(of) | Change::Deregister(of) if !of.classic => {
                Self::group(state, &of.group)
            }
            Change::Register(of) | Change::Deregister(of) => Self::classic(state, &of.group),
            Change::ClassicIdle { balancer, .. } | Change::ClassicDraining { balancer, .. } => {
                Self::classic(state, balancer)
            }
            Change::ListenerIdle { listener, place, .. } => {
                let mut all = state.balancers.iter().flat_map(|balancer| &balancer.listeners);
                let of = all.find(|of| of.arn == *listener)?;
                Some(Self::named(&of.owner, place.clone(), listener))
            }
        }
    }

    fn group(state: &State, arn: &str) -> Option<Self> {
        let mut all = state.balancers.iter().flat_map(|balancer| &balancer.groups);
        let group = all.find(|group| group.arn == arn)?;
        Some(Self::named(&group.owner, format!("group {}", group.name), arn))
    }

    fn named(owner: &Option<String>, name: String, arn: &str) -> Self {
        let command = format!("aws elbv2 add-tags --resource-arns {arn}");
        Self { owner: owner.clone(), name, command }
    }

    fn classic(state: &State, name: &str) -> Option<Self> {
        let is_it = |of: &&Balancer| of.kind == Kind::Classic && of.name == name;
        let balancer = state.balancers.iter().find(is_it)?;
        Some(Self {
            owner: balancer.owner.clone(),
            name: balancer.to_string(),
            command: format!("aws elb add-tags --load-balancer-names {name}"),
        })
    }

    fn note(&self, pool: &str) -> String {
        let Self { owner, name, command } = self;
        match owner {
            Some(other) => format!("{name} bears the tag of the pool {other}: it is left alone"),
            None => format!(
                "{name} does not bear the tag {POOL_TAG} = {pool}: it is left alone; to have it looked after: {command} \
                 --tags Key={POOL_TAG},Value={pool}"
            ),
        }
    }
}

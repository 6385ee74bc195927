//! Which group takes the rules of a kind.

use super::state::{Group, KIND_TAG, State};
use super::want::{Kind, Scope};

/// What there is for a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This one.
    Found(String),
    /// None: one may be made, of this name.
    Missing(String),
    /// None, and none may be made.
    Blocked,
}

/// Chooses: the one that somebody named, else the pool's by its tags, else one that has the name which ours would
/// have.
pub(super) fn choose(
    state: &State,
    scope: &Scope,
    kind: Kind,
    vpc: &str,
    notes: &mut Vec<String>,
) -> Choice {
    let name = kind.group_name(&scope.pool);
    if let Some(id) = scope.adopted.get(&kind) {
        let Some(group) = state.group(id).filter(|group| group.vpc == vpc) else {
            notes.push(format!("{id} ({}) is not in {vpc}: no rules for {kind} there", kind.key()));
            return Choice::Blocked;
        };
        note_tag(group, scope, notes);
        return Choice::Found(id.clone());
    }
    let here = || state.groups.iter().filter(|group| group.vpc == vpc);
    let own = here().filter(|group| group.pool() == Some(&scope.pool));
    let own = own.filter(|group| match group.tags.get(KIND_TAG) {
        Some(tag) => tag == kind.as_str(),
        None => group.name == name,
    });
    // Of several the same one is taken every time, by every leader.
    if let Some(group) = own.min_by(|one, other| one.id.cmp(&other.id)) {
        return Choice::Found(group.id.clone());
    }
    match here().find(|group| group.name == name) {
        Some(group) if group.pool().is_none() => {
            note_tag(group, scope, notes);
            Choice::Found(group.id.clone())
        }
        Some(group) => {
            let pool = group.pool().unwrap_or_default();
            notes.push(format!(
                "{} has the name but is of the pool {pool}: no rules for {kind}; name one by {}",
                group.id,
                kind.key()
            ));
            Choice::Blocked
        }
        None => Choice::Missing(name),
    }
}

fn note_tag(group: &Group, scope: &Scope, notes: &mut Vec<String>) {
    if group.pool() != Some(&scope.pool) {
        notes.push(format!(
            "{} ({}) has no tag flotilla:pool={}: a policy made by flotilla gen iam permits no rules in it",
            group.id, group.name, scope.pool
        ));
    }
}

//! What may be mended for all nodes of a pool, by the one that leads.

use std::collections::BTreeSet;

use super::change::{Change, Plan, Registration};
use super::facts::{Group, Health, Kind, State};
use super::owner::is_own;
use super::plan::{Drains, Permitted, drains, ours, plan};
use super::want::{Role, Want};

/// A node of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// As what it is known to balancers: the id of its instance, its private addresses.
    pub ids: Vec<String>,
    /// What it is about to do.
    pub stage: Stage,
}

/// What a node is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It takes clients.
    Ready,
    /// It takes none at the moment, and may soon.
    Unready,
    /// It takes none any more, and serves those that it has.
    Draining,
    /// It has none left, or is gone: nobody is cut off when it is deregistered.
    Drained,
}

/// What would be changed for all nodes, if it is permitted: settings as [`plan()`] has them; those that are ready become
/// targets, where `permitted.register` allows it; there those that are drained are targets no more, and those that drain
/// already where balancers would send them new clients ([`Drains::Deregister`]). Where nobody is registered nobody who
/// may come back is taken out, for nobody would put it in again: its health port says that it drains. `permitted.gone`
/// is who is gone for ever. No group loses the last target that it has: who is about to come may fail to.
///
/// Passive ports: `permitted.passive` only counts where their groups have the same targets all.
pub fn plan_pool(state: &State, want: &Want, nodes: &[Node], permitted: &Permitted) -> Plan {
    let leaves = |node: &&Node| permitted.register && goes(state, want, node);
    let gone = nodes.iter().filter(leaves).flat_map(|node| &node.ids);
    let gone: Vec<String> = permitted.gone.iter().chain(gone).cloned().collect();
    let own = Permitted { register: false, gone, ..permitted.clone() };
    let mut plan = plan(state, want, &own);
    if permitted.changes && permitted.register {
        let passive = permitted.passive && shares(state, want);
        let allowed = Permitted { passive, gone: Vec::new(), ..permitted.clone() };
        for node in nodes.iter().filter(|node| node.stage == Stage::Ready) {
            let want = Want { ids: node.ids.clone(), ..want.clone() };
            let of = super::plan(state, &want, &allowed);
            let registers = |change: &Change| matches!(change, Change::Register(_));
            for change in of.changes.into_iter().filter(registers) {
                if !plan.changes.contains(&change) {
                    plan.changes.push(change);
                }
            }
            for note in of.notes {
                if !plan.notes.contains(&note) {
                    plan.notes.push(note);
                }
            }
        }
        // Who comes goes before who leaves.
        plan.changes.sort_by_key(|change| matches!(change, Change::Deregister(_)));
    }
    keep_last(state, &mut plan);
    plan
}

/// Instances that are targets of groups of this pool.
pub fn instances(state: &State, want: &Want) -> BTreeSet<String> {
    let groups = state.balancers.iter().flat_map(|balancer| {
        let own = |(_, group): &(Role, &Group)| is_own(balancer, group, &want.pool);
        ours(balancer, want).into_iter().filter(own)
    });
    let targets = groups.flat_map(|(_, group)| &group.targets);
    let stay = targets.filter(|target| target.health != Health::Draining);
    stay.map(|target| &target.id).filter(|id| id.starts_with("i-")).cloned().collect()
}

/// Those of them that are none of the nodes which live: whoever asks EC2 may find that they are gone.
pub fn strangers(state: &State, want: &Want, nodes: &[Node]) -> BTreeSet<String> {
    let lives = |node: &&Node| node.stage != Stage::Drained;
    let known: BTreeSet<&String> = nodes.iter().filter(lives).flat_map(|node| &node.ids).collect();
    instances(state, want).into_iter().filter(|id| !known.contains(id)).collect()
}

/// Whether a node is to be a target no more.
fn goes(state: &State, want: &Want, node: &Node) -> bool {
    match node.stage {
        Stage::Ready | Stage::Unready => false,
        Stage::Drained => true,
        Stage::Draining => {
            let want = Want { ids: node.ids.clone(), ..want.clone() };
            matches!(drains(state, &want), Drains::Deregister(_))
        }
    }
}

/// Whether the groups of passive ports have the same targets all, so that a node which joins belongs to all of them.
fn shares(state: &State, want: &Want) -> bool {
    let groups = state.balancers.iter().flat_map(|balancer| ours(balancer, want));
    let passive = groups.filter(|(role, _)| *role == Role::Passive).map(|(_, group)| {
        group.targets.iter().map(|target| target.id.as_str()).collect::<BTreeSet<_>>()
    });
    let different: BTreeSet<_> = passive.collect();
    different.len() <= 1
}

/// Leaves out what would leave a group without a target.
fn keep_last(state: &State, plan: &mut Plan) {
    let mut kept = Vec::new();
    let going: Vec<Registration> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Deregister(of) => Some(of.clone()),
            _ => None,
        })
        .collect();
    for of in &going {
        let leaves = |id: &str| going.iter().any(|it| it.group == of.group && it.id == id);
        let stays = targets_of(state, of)
            .any(|target| target.health != Health::Draining && !leaves(&target.id));
        if !stays && !kept.contains(of) {
            kept.push(of.clone());
        }
    }
    plan.changes.retain(|change| !matches!(change, Change::Deregister(of) if kept.contains(of)));
    plan.notes.extend(kept.iter().map(|of| {
        format!(
            "{} stays a target of {} until there is another: it is the last one",
            of.id, of.name
        )
    }));
}

fn targets_of<'a>(
    state: &'a State,
    of: &'a Registration,
) -> impl Iterator<Item = &'a super::Target> {
    let groups = state.balancers.iter().flat_map(move |balancer| {
        let is_it = move |group: &&Group| match of.classic {
            true => balancer.kind == Kind::Classic && balancer.name == of.group,
            false => group.arn == of.group,
        };
        balancer.groups.iter().filter(is_it)
    });
    groups.flat_map(|group| &group.targets)
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::fixture::{network, state, want};
    use super::*;

    fn node(id: &str, stage: Stage) -> Node {
        Node { ids: vec![id.to_owned()], stage }
    }

    fn all(gone: &[&str]) -> Permitted {
        let gone = gone.iter().map(|id| (*id).to_owned()).collect();
        Permitted { changes: true, register: true, passive: true, gone }
    }

    /// What happens to whom, each once: `+i-3`, `-i-2`.
    fn targets(state: &State, nodes: &[Node], permitted: &Permitted) -> Vec<String> {
        let plan = plan_pool(state, &want(), nodes, permitted);
        let mut texts: Vec<String> = plan
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Register(of) => Some(format!("+{}", of.id)),
                Change::Deregister(of) => Some(format!("-{}", of.id)),
                _ => None,
            })
            .collect();
        texts.dedup();
        texts
    }

    #[test]
    fn who_is_ready_comes_and_who_is_drained_goes() {
        let state = state(network());
        let nodes =
            [node("i-1", Stage::Ready), node("i-3", Stage::Ready), node("i-2", Stage::Drained)];
        assert_eq!(targets(&state, &nodes, &all(&[])), ["+i-3", "-i-2"]);
        let plan = plan_pool(&state, &want(), &nodes, &all(&[]));
        // Two groups of control ports and four of passive ones, which have the same targets all.
        assert_eq!(plan.changes.len(), 12);
        let found = Permitted { register: false, ..all(&[]) };
        assert_eq!(
            targets(&state, &nodes, &found),
            [] as [&str; 0],
            "nobody would put it in again"
        );
        let ended = Permitted { register: false, ..all(&["i-2"]) };
        assert_eq!(targets(&state, &nodes, &ended), ["-i-2"]);
        assert_eq!(targets(&state, &nodes, &Permitted::default()), [] as [&str; 0]);
        let busy = [node("i-1", Stage::Ready), node("i-2", Stage::Draining)];
        assert_eq!(targets(&state, &busy, &all(&[])), [] as [&str; 0], "its health says so");
        assert_eq!(targets(&state, &busy, &all(&["i-2"])), ["-i-2"]);
    }

    #[test]
    fn who_drains_goes_at_once_where_nobody_asks_for_its_health() {
        let mut balancer = network();
        balancer.groups.iter_mut().for_each(|group| group.health.port = None);
        let nodes = [node("i-1", Stage::Ready), node("i-2", Stage::Draining)];
        let state = state(balancer);
        assert_eq!(targets(&state, &nodes, &all(&[])), ["-i-2"]);
        let found = Permitted { register: false, ..all(&[]) };
        assert_eq!(targets(&state, &nodes, &found), [] as [&str; 0], "it may come back");
    }

    #[test]
    fn what_does_not_bear_the_tag_is_left_alone() {
        let mut balancer = network();
        balancer.groups.iter_mut().skip(1).for_each(|group| group.owner = None);
        balancer.groups[1].owner = Some("other".to_owned());
        let nodes = [node("i-1", Stage::Ready), node("i-3", Stage::Ready)];
        let plan = plan_pool(&state(balancer.clone()), &want(), &nodes, &all(&["i-2"]));
        let groups: Vec<_> = plan.changes.iter().map(|change| change.step().what).collect();
        assert_eq!(groups, ["target i-3 of ftp-2121", "target i-2, port 2121 of ftp-2121"]);
        assert_eq!(plan.notes.len(), 5, "{:?}", plan.notes);
        assert!(plan.notes[0].contains("group ftp-22 bears the tag of the pool other"));
        assert!(
            plan.notes[1].contains(
                "aws elbv2 add-tags --resource-arns arn:group/61000 --tags Key=flotilla:pool,Value=main"
            ),
            "{:?}",
            plan.notes
        );
        balancer.groups[0].owner = None;
        assert!(strangers(&state(balancer), &want(), &nodes).is_empty());
    }

    #[test]
    fn the_last_target_stays() {
        let state = state(network());
        let both = [node("i-1", Stage::Drained), node("i-2", Stage::Drained)];
        assert_eq!(targets(&state, &both, &all(&[])), [] as [&str; 0]);
        let notes = plan_pool(&state, &want(), &both, &all(&[])).notes;
        assert!(notes[0].contains("the last one"), "{notes:?}");
        let third = [both[0].clone(), both[1].clone(), node("i-3", Stage::Ready)];
        assert_eq!(targets(&state, &third, &all(&[])), ["+i-3"], "the others one look later");
        let mut draining = network();
        draining.groups.iter_mut().for_each(|group| group.targets[0].health = Health::Draining);
        let one = [node("i-2", Stage::Drained)];
        assert_eq!(
            targets(&super::super::fixture::state(draining), &one, &all(&[])),
            [] as [&str; 0]
        );
    }

    #[test]
    fn nobody_is_registered_where_it_serves_nobody() {
        let comes = [node("i-3", Stage::Ready)];
        let mut tls = network();
        tls.listeners.iter_mut().for_each(|listener| listener.protocol = Protocol::Tls);
        assert_eq!(targets(&state(tls), &comes, &all(&[])), [] as [&str; 0]);
        // Passive ports that have a node each are somebody's layout.
        let mut single = network();
        single.groups[2].targets.truncate(1);
        let plan = plan_pool(&state(single), &want(), &comes, &all(&[]));
        assert_eq!(plan.changes.len(), 2, "control ports only: {plan:?}");
        // One that was deregistered and is ready again comes back.
        let mut back = network();
        back.groups.iter_mut().for_each(|group| group.targets[1].health = Health::Draining);
        assert_eq!(targets(&state(back), &[node("i-2", Stage::Ready)], &all(&[])), ["+i-2"]);
    }

    #[test]
    fn strangers_are_those_that_are_no_nodes() {
        let state = state(network());
        let found = strangers(&state, &want(), &[node("i-1", Stage::Ready)]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["i-2"]);
        // Who drained may be gone since.
        let left = [node("i-1", Stage::Ready), node("i-2", Stage::Drained)];
        assert_eq!(strangers(&state, &want(), &left).len(), 1);
        let mut foreign = want();
        foreign.ftp = vec![8021];
        foreign.ssh.clear();
        foreign.passive = None;
        assert!(strangers(&state, &foreign, &[]).is_empty(), "nothing of it is ours");
    }
}

//! The security groups of the pool: what the plan of the firewall needs, kept in EC2 by the leader.

use std::collections::{BTreeMap, BTreeSet};

use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::groups::{Groups, Node, Query, Site};
use flotilla_cluster::group::{Change, Kind, Limits, Plan, Scope, plan};

use crate::config::Config;
use crate::firewall;

/// What is known of the pool when its groups are planned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fleet {
    /// The instances of its nodes.
    pub(crate) instances: BTreeSet<String>,
    /// Transfers are under way, so nothing that is open to all may be narrowed.
    pub(crate) busy: bool,
}

/// Reads what there is and plans what must be done.
///
/// # Errors
/// Something could not be read.
pub(crate) async fn look(groups: &Groups, config: &Config, fleet: &Fleet) -> Result<Plan, Trouble> {
    let (wants, notes) = firewall::wants::of(&firewall::Plan::of(config), &config.aws);
    let serves: BTreeSet<Kind> = wants.iter().map(|want| want.kind).collect();
    let adopted = adopted(config);
    let node =
        |instance: &String| Node { at: Site::Instance(instance.clone()), serves: serves.clone() };
    let query = Query {
        pool: config.pool.name.clone(),
        nodes: fleet.instances.iter().map(node).collect(),
        adopted: adopted.values().cloned().collect(),
        checkers: config.aws.dns_name.is_some(),
    };
    let scope = Scope {
        pool: config.pool.name.clone(),
        adopted,
        limits: Limits::default(),
        busy: fleet.busy,
    };
    let mut plan = plan(&groups.read(&query).await?, &scope, &wants);
    plan.notes.splice(0..0, notes);
    Ok(plan)
}

fn adopted(config: &Config) -> BTreeMap<Kind, String> {
    let aws = &config.aws;
    let keys =
        [(Kind::Ftp, &aws.group_ftp), (Kind::Ssh, &aws.group_ssh), (Kind::Pool, &aws.group_pool)];
    keys.into_iter().filter_map(|(kind, id)| Some((kind, id.clone()?))).collect()
}

/// What became of a change.
pub(crate) enum Done {
    /// It was made, or would be permitted.
    Made,
    /// It failed.
    Failed(Trouble),
    /// It was left out: what was to come before it failed.
    Skipped,
}

/// Does a plan in its order. `may`: asked before each change, whether this node still has the right.
pub(crate) async fn carry_out(
    groups: &Groups,
    changes: Vec<Change>,
    dry_run: bool,
    may: impl AsyncFn() -> bool,
    mut told: impl FnMut(&Change, &Done),
) {
    let mut failed = false;
    for change in changes {
        if !may().await {
            return;
        }
        let done = match failed && change.takes_away() {
            true => Done::Skipped,
            false => match groups.apply(&change, dry_run).await {
                Ok(()) => Done::Made,
                // Nothing is missing but what a dry run does not make.
                Err(Trouble::Missing(_)) if dry_run => Done::Skipped,
                Err(trouble) => Done::Failed(trouble),
            },
        };
        failed |= matches!(done, Done::Failed(_));
        told(&change, &done);
        if matches!(done, Done::Failed(Trouble::Throttled(_) | Trouble::Credentials(_))) {
            return;
        }
    }
}

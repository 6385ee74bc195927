//! The security groups of the pool: what the plan of the firewall needs, kept in EC2 by the leader.

use std::collections::{BTreeMap, BTreeSet};

use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::groups::{Groups, Node, Query, Site};
use flotilla_cluster::aws::instance::Instance;
use flotilla_cluster::group::{Change, Interface, Kind, Limits, Plan, Scope, State, plan};

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
    let serves = serves(config);
    let node =
        |instance: &String| Node { at: Site::Instance(instance.clone()), serves: serves.clone() };
    let query = Query {
        pool: config.pool.name.clone(),
        nodes: fleet.instances.iter().map(node).collect(),
        adopted: adopted(config).into_values().collect(),
        checkers: config.aws.dns_name.is_some(),
    };
    Ok(plan_of(&groups.read(&query).await?, config, fleet))
}

/// What must be done where this is what there is.
fn plan_of(state: &State, config: &Config, fleet: &Fleet) -> Plan {
    let (wants, notes) = firewall::wants::of(&firewall::Plan::of(config), &config.aws);
    let scope = Scope {
        pool: config.pool.name.clone(),
        adopted: adopted(config),
        limits: Limits::default(),
        busy: fleet.busy,
    };
    let mut plan = plan(state, &scope, &wants);
    plan.notes.splice(0..0, notes);
    plan
}

/// What must be done for a machine of which AWS says nothing: as if it had one group, of which nothing is known.
pub(crate) fn guess(config: &Config, instance: Option<&Instance>) -> Plan {
    let told = instance.and_then(|instance| instance.interfaces.first());
    let or = |text: Option<&String>, placeholder: &str| {
        text.filter(|text| !text.is_empty()).map_or_else(|| placeholder.to_owned(), String::clone)
    };
    let interface = Interface {
        id: or(told.map(|told| &told.id), "INTERFACE"),
        vpc: or(told.map(|told| &told.vpc), "VPC"),
        serves: serves(config),
        managed: false,
        groups: told.map(|told| told.groups.clone()).unwrap_or_default(),
    };
    let state = State { interfaces: vec![interface], ..State::default() };
    plan_of(&state, config, &Fleet::default())
}

fn serves(config: &Config) -> BTreeSet<Kind> {
    let (wants, _) = firewall::wants::of(&firewall::Plan::of(config), &config.aws);
    wants.iter().map(|want| want.kind).collect()
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

/// Does a plan in its order. `may`: asked before each change, whether it still may be made.
pub(crate) async fn carry_out(
    groups: &Groups,
    changes: Vec<Change>,
    dry_run: bool,
    mut may: impl AsyncFnMut(&Change) -> bool,
    mut told: impl FnMut(&Change, &Done),
) {
    let mut failed = false;
    for change in changes {
        if !may(&change).await {
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

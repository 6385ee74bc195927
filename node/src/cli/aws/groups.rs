//! Security groups.

use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::groups::Groups;
use flotilla_cluster::group::Plan;

use super::{Outcome, Section, Site, guessed};
use crate::cloud::groups::{self, Done, Fleet};
use crate::error::ServeError;

/// What is to be done, and by whom.
pub(super) async fn look(site: &Site) -> Result<(Groups, Plan), ServeError> {
    let groups = Groups::new(&site.session);
    match groups::look(&groups, &site.config, &fleet(site)).await {
        Ok(plan) => Ok((groups, plan)),
        Err(Trouble::Credentials(_)) if site.guesses => {
            let mut plan = groups::guess(&site.config, site.settled.instance.as_ref());
            plan.notes.push(guessed("the security groups"));
            Ok((groups, plan))
        }
        Err(trouble) => Err(ServeError::Runtime(trouble.to_string())),
    }
}

/// As it is shown.
pub(super) fn section(plan: &Plan) -> Section {
    let steps = plan.changes.iter().map(|change| change.step()).collect();
    Section { steps, notes: plan.notes.clone() }
}

/// Does it.
pub(super) async fn apply(groups: &Groups, plan: Plan, dry_run: bool) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    groups::carry_out(
        groups,
        plan.changes,
        dry_run,
        async |_| true,
        |change, done| {
            let (word, reason) = match done {
                Done::Made if dry_run => ("permitted", String::new()),
                Done::Made => ("made", String::new()),
                Done::Skipped => ("left out", String::new()),
                Done::Failed(trouble) => ("failed", trouble.to_string()),
            };
            outcomes.push(Outcome { step: change.step(), word, reason });
        },
    )
    .await;
    outcomes
}

/// The nodes as a running one tells of them, and this machine.
fn fleet(site: &Site) -> Fleet {
    let busy = site.nodes.iter().any(|node| node.transfers > 0);
    let told = site.nodes.iter().filter_map(|node| node.instance.clone());
    let instances = told.chain([site.settled.id()]).filter(|id| !id.is_empty()).collect();
    Fleet { instances, busy }
}

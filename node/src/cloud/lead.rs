//! What the leader does in AWS for the whole pool: a round of reading, planning and applying, again and again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_cluster::aws::Trouble;
use flotilla_cluster::aws::groups::Groups;
use tracing::{debug, info, warn};

use super::actor::Cloud;
use super::groups::{self, Done, Fleet};
use super::session::session;
use super::told::Told;
use crate::pool::{Lead, Leading};

/// The leader's duties on one node.
#[derive(Default)]
pub(super) struct Duties {
    groups: Option<Groups>,
    notes: Told,
    troubles: Told,
    /// The nodes of the last round.
    instances: BTreeSet<String>,
    /// No round before.
    next: Option<Instant>,
    failures: u32,
}

/// What a round came to.
struct Round {
    clients: Option<Groups>,
    notes: Vec<String>,
    troubles: Vec<String>,
}

impl Cloud {
    /// Looks whether a round is due; one at a time.
    pub(super) fn lead_later(&mut self, ctx: &mut Context<Self>) {
        let pool = self.pool.clone();
        let asked = async move {
            tokio::time::sleep(LOOK).await;
            pool.send(Lead).await.ok().flatten()
        };
        ctx.spawn(asked.into_actor(self).map(|leading, cloud, ctx| match leading {
            Some(leading) if cloud.is_due(&leading) => cloud.begin_round(leading, ctx),
            _ => cloud.lead_later(ctx),
        }));
    }

    /// Nobody who joins waits for the next round.
    fn is_due(&self, leading: &Leading) -> bool {
        let Duties { next, instances, .. } = &self.duties;
        let is_time = next.is_none_or(|next| Instant::now() >= next);
        self.policy.config.aws.security_groups && (is_time || *instances != leading.instances)
    }

    fn begin_round(&mut self, leading: Leading, ctx: &mut Context<Self>) {
        self.duties.instances.clone_from(&leading.instances);
        let policy = Arc::clone(&self.policy);
        let (identity, instance) = (self.identity.clone(), self.instance.clone());
        let (pool, clients) = (self.pool.clone(), self.duties.groups.clone());
        let round = async move {
            let config = &policy.config;
            let mut round = Round { clients, notes: Vec::new(), troubles: Vec::new() };
            let groups = match &round.clients {
                Some(groups) => groups.clone(),
                None => match session(&config.aws, &identity, instance.as_ref()).await {
                    Ok(session) => Groups::new(&session),
                    Err(reason) => {
                        round.troubles.push(reason);
                        return round;
                    }
                },
            };
            round.clients = Some(groups.clone());
            let fleet = Fleet { instances: leading.instances, busy: leading.transfers > 0 };
            let plan = match groups::look(&groups, config, &fleet).await {
                Ok(plan) => plan,
                Err(trouble) => {
                    round.troubles.push(advised(&trouble));
                    return round;
                }
            };
            round.notes = plan.notes;
            let term = leading.term;
            let may = async || {
                let leads = pool.send(Lead).await.ok().flatten();
                leads.is_some_and(|leads| leads.term == term)
            };
            let troubles = &mut round.troubles;
            groups::carry_out(&groups, plan.changes, false, may, |change, done| match done {
                Done::Made => {
                    let step = change.step();
                    info!(what = step.what, why = step.why, "security groups changed");
                }
                Done::Failed(trouble) => troubles.push(advised(trouble)),
                Done::Skipped => debug!(what = change.step().what, "left for the next round"),
            })
            .await;
            round
        };
        ctx.spawn(round.into_actor(self).map(|round, cloud, ctx| {
            cloud.end_round(round);
            cloud.lead_later(ctx);
        }));
    }

    fn end_round(&mut self, round: Round) {
        let duties = &mut self.duties;
        duties.groups = round.clients;
        let pause = match round.troubles.is_empty() {
            true => {
                duties.failures = 0;
                ROUND
            }
            false => {
                duties.failures = duties.failures.saturating_add(1);
                RETRY.saturating_mul(1 << duties.failures.min(DOUBLINGS_MAX)).min(ROUND)
            }
        };
        duties.next = Some(Instant::now() + pause);
        for note in duties.notes.news(round.notes) {
            warn!(note, "security groups");
        }
        for trouble in duties.troubles.news(round.troubles) {
            warn!(trouble, "security groups can not be looked after");
        }
    }
}

/// A failure with what the operator can do about it.
fn advised(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Refused { action, .. } => {
            format!(
                "{trouble}; the role of the nodes needs {action}: flotilla gen iam prints its policy"
            )
        }
        Trouble::Credentials(_) => {
            format!("{trouble}; give the instance a role, or the environment credentials")
        }
        _ => trouble.to_string(),
    }
}

/// Between two looks whether this node leads.
const LOOK: Duration = Duration::from_secs(2);
/// Between two rounds: what somebody changed by hand is mended within it.
const ROUND: Duration = Duration::from_secs(60);
/// After a round that failed, doubled each time.
const RETRY: Duration = Duration::from_secs(2);
/// More are beyond [`ROUND`].
const DOUBLINGS_MAX: u32 = 5;

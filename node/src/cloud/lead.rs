//! What the leader does in AWS for the whole pool: a round of reading, planning and applying, again and again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_cluster::aws::Budget;
use flotilla_cluster::aws::groups::Groups;
use flotilla_cluster::group::Change;
use tracing::{Instrument, debug, info, warn};

use super::actor::Cloud;
use super::advice::{advised, chance};
use super::groups::{self, Done, Fleet};
use super::reconcile::Reconcile;
use super::session::session;
use super::told::Told;
use crate::pool::{Lead, Leading};

/// The leader's duties on one node.
#[derive(Default)]
pub(super) struct Duties {
    desk: Desk,
    notes: Told,
    troubles: Told,
    /// The nodes of the last round.
    instances: BTreeSet<String>,
    /// No round before.
    next: Option<Instant>,
    /// The configuration is another one since the round began.
    is_new: bool,
}

/// With what a round calls EC2.
struct Desk {
    /// Made by the first round, and after a reload.
    groups: Option<Groups>,
    budget: Budget,
}

/// What a round came to.
struct Round {
    desk: Desk,
    span: Reconcile,
    notes: Vec<String>,
    changed: Vec<String>,
    troubles: Vec<String>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { groups: None, budget: Budget::new(CALLS_PER_SECOND) }
    }
}

impl Round {
    fn new(desk: Desk, span: Reconcile) -> Self {
        Self { desk, span, notes: Vec::new(), changed: Vec::new(), troubles: Vec::new() }
    }
}

impl Duties {
    /// Another configuration may name another account.
    pub(super) fn reopen(&mut self) {
        self.desk.groups = None;
        self.next = None;
        self.is_new = true;
    }
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
        self.duties.is_new = false;
        let desk = std::mem::take(&mut self.duties.desk);
        let reconcile = Reconcile::begin("groups");
        let span = reconcile.span();
        let mut round = Round::new(desk, reconcile);
        let policy = Arc::clone(&self.policy);
        let (identity, instance) = (self.identity.clone(), self.instance.clone());
        let pool = self.pool.clone();
        let work = async move {
            let config = &policy.config;
            let Desk { groups, budget } = &mut round.desk;
            wait_for(budget).await;
            let groups = match groups {
                Some(groups) => groups.clone(),
                None => match session(&config.aws, &identity, instance.as_ref()).await {
                    Ok(session) => groups.insert(Groups::new(&session)).clone(),
                    Err(reason) => {
                        round.troubles.push(reason);
                        return round;
                    }
                },
            };
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
            let was_busy = fleet.busy;
            let may = async |change: &Change| {
                wait_for(budget).await;
                let Some(leads) = pool.send(Lead).await.ok().flatten() else { return false };
                // What was planned for an idle pool could cut a transfer that has begun since.
                let is_safe = was_busy || leads.transfers == 0 || !change.takes_away();
                leads.term == term && is_safe
            };
            let (changed, troubles) = (&mut round.changed, &mut round.troubles);
            groups::carry_out(&groups, plan.changes, false, may, |change, done| match done {
                Done::Made => {
                    let step = change.step();
                    info!(what = step.what, why = step.why, "security groups changed");
                    changed.push(step.what);
                }
                Done::Failed(trouble) => troubles.push(advised(trouble)),
                Done::Skipped => debug!(what = change.step().what, "left for the next round"),
            })
            .await;
            round
        };
        ctx.spawn(work.instrument(span).into_actor(self).map(|round, cloud, ctx| {
            cloud.end_round(round);
            cloud.lead_later(ctx);
        }));
    }

    fn end_round(&mut self, round: Round) {
        let (now, duties) = (Instant::now(), &mut self.duties);
        round.span.end(&round.changed, &round.troubles);
        duties.desk = round.desk;
        duties.next = match round.troubles.is_empty() {
            true => {
                duties.desk.budget.on_answer();
                Some(now + ROUND)
            }
            // The budget knows how long to wait.
            false => {
                duties.desk.budget.on_trouble(now, chance());
                None
            }
        };
        if duties.is_new {
            duties.reopen();
        }
        for note in duties.notes.news(round.notes) {
            warn!(note, "security groups");
        }
        for trouble in duties.troubles.news(round.troubles) {
            warn!(trouble, "security groups can not be looked after");
        }
    }
}

/// Until one more call is allowed.
pub(super) async fn wait_for(budget: &mut Budget) {
    while let Err(later) = budget.take(Instant::now()) {
        tokio::time::sleep_until(later.into()).await;
    }
}

/// Between two looks whether this node leads.
const LOOK: Duration = Duration::from_secs(2);
/// Between two rounds: what somebody changed by hand is mended within it.
const ROUND: Duration = Duration::from_secs(60);
/// An account has a token bucket for each action of EC2, whose size AWS does not tell ("Request throttling for the
/// Amazon EC2 API"); the pool's other tools want some of it.
const CALLS_PER_SECOND: u32 = 5;

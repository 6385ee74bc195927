//! One look at the balancers.

use std::sync::Arc;
use std::time::Instant;

use actix::Addr;
use flotilla_cluster::aws::balancers::{Balancers, Query};
use flotilla_cluster::aws::instance::Instance;
use flotilla_cluster::aws::{Budget, Trouble};
use flotilla_cluster::balancer::{
    Absences, Change, Finding, Front, Node, Permitted, State, Want, check, front, instances,
    plan_pool, strangers,
};
use flotilla_cluster::id::Fence;
use tracing::{Instrument, info};

use super::super::advice::advised;
use super::super::identity::Identity;
use super::super::lead::wait_for;
use super::super::reconcile::Reconcile;
use super::super::session::session;
use super::want::{own_ids, want};
use crate::config::{BalancerSource, Config};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::pool::nodes::LedNodes;

/// With what a round calls AWS.
pub(super) struct Desk {
    /// Made by the first round, and after a reload.
    balancers: Option<Balancers>,
    budget: Budget,
}

impl Default for Desk {
    fn default() -> Self {
        Self { balancers: None, budget: Budget::new(CALLS_PER_SECOND) }
    }
}

impl Desk {
    pub(super) fn close(&mut self) {
        self.balancers = None;
    }
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    All,
    /// Who is a target, of what is known.
    Targets,
}

/// A look, with all that it needs.
pub(super) struct Round {
    pub(super) desk: Desk,
    pub(super) policy: Arc<Policy>,
    pub(super) identity: Identity,
    pub(super) instance: Option<Instance>,
    pub(super) pool: Addr<Pool>,
    pub(super) scope: Scope,
    pub(super) known: Option<State>,
    /// Who EC2 said is gone.
    pub(super) absences: Absences,
    pub(super) term: Fence,
    /// Those that live, and those that left.
    pub(super) nodes: Vec<Node>,
}

/// What it came to.
pub(super) struct Outcome {
    pub(super) desk: Desk,
    /// `None`: it could not be read.
    pub(super) seen: Option<Seen>,
    pub(super) notes: Vec<String>,
    pub(super) troubles: Vec<String>,
    pub(super) absences: Absences,
    /// What was changed.
    pub(super) changed: Vec<String>,
    pub(super) scope: Scope,
}

/// What was read.
pub(super) struct Seen {
    pub(super) state: State,
    pub(super) findings: Vec<Finding>,
    pub(super) front: Front,
}

impl Seen {
    /// Whether the node is a target of something.
    pub(super) fn has(&self, node: &Node) -> bool {
        let mut groups = self.state.balancers.iter().flat_map(|balancer| &balancer.groups);
        groups.any(|group| group.has(&node.ids))
    }
}

impl Round {
    pub(super) async fn run(mut self) -> Outcome {
        let mut desk = std::mem::take(&mut self.desk);
        let mut outcome = Outcome {
            desk: Desk::default(),
            seen: None,
            notes: Vec::new(),
            troubles: Vec::new(),
            absences: std::mem::take(&mut self.absences),
            changed: Vec::new(),
            scope: self.scope,
        };
        let reconcile = Reconcile::begin("balancers");
        match self.look(&mut desk, &mut outcome).instrument(reconcile.span()).await {
            Ok(()) => desk.budget.on_answer(),
            Err(reason) => outcome.troubles.push(reason),
        }
        reconcile.end(&outcome.changed, &outcome.troubles);
        outcome.desk = desk;
        outcome
    }

    async fn look(&self, desk: &mut Desk, outcome: &mut Outcome) -> Result<(), String> {
        let config = &self.policy.config;
        let Desk { balancers, budget } = desk;
        wait_for(budget).await;
        let balancers = match balancers {
            Some(balancers) => balancers.clone(),
            None => {
                let session = session(&config.aws, &self.identity, self.instance.as_ref()).await?;
                balancers.insert(Balancers::new(&session)).clone()
            }
        };
        let want = want(config, own_ids(config, self.instance.as_ref()));
        let state = self.read(&balancers, &want).await.map_err(|trouble| advised(&trouble))?;
        let findings = check(&state, &want);
        let front = front(&state, &want);
        let mut gone = Vec::new();
        if config.aws.balancer_changes {
            let asked = strangers(&state, &want, &self.nodes);
            wait_for(budget).await;
            match balancers.ended(&asked).await {
                Ok(absent) => {
                    let targets = instances(&state, &want);
                    gone = outcome.absences.confirmed(Instant::now(), &absent, &targets);
                }
                Err(trouble) => outcome.troubles.push(advised(&trouble)),
            }
        }
        let plan = plan_pool(&state, &want, &self.nodes, &permitted(config, false, gone));
        outcome.notes = plan.notes;
        outcome.seen = Some(Seen { state, findings, front });
        let may = async || {
            wait_for(budget).await;
            let led = self.pool.send(LedNodes).await.ok().flatten();
            led.is_some_and(|led| led.term == self.term)
        };
        let (changed, troubles) = (&mut outcome.changed, &mut outcome.troubles);
        carry_out(&balancers, plan.changes, false, may, |change, done| match done {
            Ok(()) => {
                let step = change.step();
                info!(what = step.what, why = step.why, "load balancer changed");
                changed.push(step.what);
            }
            Err(trouble) => troubles.push(advised(trouble)),
        })
        .await;
        Ok(())
    }

    async fn read(&self, balancers: &Balancers, want: &Want) -> Result<State, Trouble> {
        if let (Scope::Targets, Some(mut state)) = (self.scope, self.known.clone()) {
            balancers.read_targets(&mut state).await?;
            return Ok(state);
        }
        let nodes = self.nodes.iter().flat_map(|node| node.ids.clone());
        let ids = want.ids.iter().cloned().chain(nodes).collect();
        read(balancers, &self.policy.config, ids, self.instance.as_ref()).await
    }
}

/// Reads the balancers that are configured, or have one of these among their targets.
///
/// # Errors
/// Something could not be read.
pub(crate) async fn read(
    balancers: &Balancers,
    config: &Config,
    ids: Vec<String>,
    instance: Option<&Instance>,
) -> Result<State, Trouble> {
    let query = match &config.aws.balancer {
        BalancerSource::Off => return Ok(State::default()),
        BalancerSource::Named(name) => Query::Named(name.clone()),
        BalancerSource::Auto => {
            let interface = instance.and_then(|instance| instance.interfaces.first());
            Query::Targets { ids, vpc: interface.map(|of| of.vpc.clone()).unwrap_or_default() }
        }
    };
    balancers.read(&query).await
}

/// What the configuration allows, or an operator who asked for it.
pub(crate) fn permitted(config: &Config, asked: bool, gone: Vec<String>) -> Permitted {
    Permitted {
        changes: config.aws.balancer_changes || asked,
        // A balancer that was found by its targets may be meant for those alone. There nobody who may come back is
        // taken out either, for nobody would put it in again.
        register: matches!(config.aws.balancer, BalancerSource::Named(_)),
        passive: true,
        gone,
    }
}

/// Does changes in their order, none of which needs another. `may`: asked before each, whether this node still has
/// the right.
pub(crate) async fn carry_out(
    balancers: &Balancers,
    changes: Vec<Change>,
    dry_run: bool,
    mut may: impl AsyncFnMut() -> bool,
    mut told: impl FnMut(&Change, Result<(), &Trouble>),
) {
    for change in changes {
        if !may().await {
            return;
        }
        let done = balancers.apply(&change, dry_run).await;
        told(&change, done.as_ref().copied());
        if matches!(done, Err(Trouble::Throttled(_) | Trouble::Credentials(_))) {
            return;
        }
    }
}

/// Calls that change something. Those that read are spread by themselves.
const CALLS_PER_SECOND: u32 = 2;

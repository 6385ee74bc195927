//! What the agent tells of, and what the node does about it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::Context;
use flotilla_cluster::agent::Event;
use flotilla_cluster::order::{Order, What};
use flotilla_cluster::policy::Policy;
use flotilla_cluster::store::{Store, Token};
use flotilla_cluster::view::Change;
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::Pool;
use super::standing::InUse;
use crate::config::Config;
use crate::registry::{self, DescribeOne, KickAll, Lifted};
use crate::system::{Phase, Progress};

impl Pool {
    pub(super) fn on_event(&mut self, event: Event, context: &mut Context<Self>) {
        match event {
            Event::Decided { ticket, result } => self.decided(ticket, result),
            Event::Pool(change) => {
                self.on_change(&change);
                self.keep_size();
            }
            Event::Led(Some(term)) => {
                self.set_sweeper(true);
                if !self.parts.alone {
                    info!(%term, "this node leads the pool");
                }
                self.look_at_mark(context);
                // A duty of the leader is among them.
                self.want_secrets(context);
            }
            Event::Led(None) => {
                self.set_sweeper(false);
                info!("this node leads the pool no more");
            }
            Event::Banned { origin, until, manual } => {
                let seconds = until.saturating_duration_since(Instant::now()).as_secs();
                warn!(client = %origin, seconds, manual, "address banned");
                if let Some(node) = &self.node {
                    node.registry.do_send(registry::Banned { address: origin, until });
                }
            }
            Event::Lifted { origin } => {
                info!(client = %origin, "ban lifted");
                if let Some(node) = &self.node {
                    node.registry.do_send(Lifted { address: origin });
                }
            }
            Event::Policy(policy) => self.on_policy(&policy, context),
            Event::Ports => self.spread_routes(),
            Event::Order(order) => self.obey(order, context),
            Event::Joined { forgotten } => self.on_joined(forgotten, context),
            Event::Away(reason) => {
                warn!(
                    store = self.parts.store.name(),
                    reason, "the pool's store is away, this node goes on alone"
                );
            }
            Event::Troubled { lane, reason } => {
                error!(?lane, reason, "the pool's store fails at this again and again");
            }
            Event::Refused(refusal) => self.on_refused(refusal, context),
        }
    }

    /// Where the storage is shared, one node cleans it up for all.
    pub(super) fn set_sweeper(&self, leads: bool) {
        let sweeps = sweeps(leads, self.parts.alone, &self.parts.policy.config);
        self.parts.sweeps.store(sweeps, Ordering::Relaxed);
    }

    fn on_change(&mut self, change: &Change) {
        if self.parts.alone {
            return;
        }
        match change {
            Change::Joined(node) => info!(%node, "a node joined the pool"),
            Change::Left(node) => warn!(%node, "a node left the pool"),
            Change::Changed { node, before, now } if before != now => {
                info!(%node, ?before, ?now, "a node of the pool changed");
            }
            Change::Changed { .. } => {}
            Change::Stale(node) => warn!(%node, "an older life of a node was dropped"),
        }
    }

    fn on_policy(&mut self, policy: &Policy, context: &mut Context<Self>) {
        info!(revision = policy.revision, by = policy.by, limits = ?policy.limits, probes = ?policy.keepalive.probes, "policy of the pool");
        if let Some(node) = &self.node {
            self.tell_front(&node.registry);
        }
        let InUse { version, name } = &self.secrets.tickets;
        if policy.has_other_tickets(*version, name) {
            self.want_secrets(context);
        }
        self.look_at_mark(context);
    }

    /// Carries an order out, and answers if somebody waits.
    pub(super) fn obey(&mut self, order: Order, context: &mut Context<Self>) {
        let order = match self.node {
            Some(_) => order,
            None => match self.early.keep(order) {
                Ok(()) => return,
                Err(order) => {
                    warn!(what = ?order.what, by = order.by, "too many orders while the node starts");
                    order
                }
            },
        };
        if !order.is_for(self.agent.generation()) {
            let Order { what, token, by, .. } = order;
            warn!(?what, by, "an order for an earlier life of this node was dropped");
            return self.answer(token, Value::Null, context);
        }
        let Order { what, token, by, .. } = order;
        if !matches!(what, What::Describe(_) | What::Ports) {
            info!(?what, by, "order of an operator");
        }
        self.carry_out(what, context, move |pool, answer, context| {
            pool.answer(token, answer, context);
        });
    }

    /// Answers a question of another node, if it is one.
    fn answer(&self, token: Token, answer: Value, context: &mut Context<Self>) {
        if token != 0 {
            let answered = self.post.answer(token, answer);
            self.wait(context, answered, |_, (), _| {});
        }
    }

    /// Carries something out on this node, then goes on with its answer.
    pub(super) fn carry_out(
        &mut self,
        what: What,
        context: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Value, &mut Context<Self>) + 'static,
    ) {
        let Some(node) = self.node.clone() else { return then(self, Value::Null, context) };
        match what {
            What::Kick(whom) => {
                let kicked = node.registry.send(KickAll(whom));
                self.wait(context, kicked, |pool, kicked, context| {
                    then(pool, json!(kicked.unwrap_or(0)), context);
                });
            }
            What::Drain { grace_ms } => {
                if !node.drain.drain(grace_ms.map(Duration::from_millis)) {
                    return then(self, Value::Null, context);
                }
                let begun = told(node.drain.progress(), |phase| phase != Phase::Serving);
                self.wait(context, begun, then);
            }
            What::Undrain => {
                if !node.drain.undrain() {
                    return then(self, Value::Null, context);
                }
                let ended = told(node.drain.progress(), |phase| phase == Phase::Serving);
                self.wait(context, ended, then);
            }
            What::Describe(number) => {
                let described = node.registry.send(DescribeOne(number));
                self.wait(context, described, |pool, described, context| {
                    let described = described.ok().flatten().unwrap_or(Value::Null);
                    then(pool, described, context);
                });
            }
            What::Ports => {
                let counts = node.ports.send(crate::ports::ReadCounts);
                self.wait(context, counts, |pool, counts, context| {
                    let told = counts.map_or(Value::Null, |counts| pool.tell_ports(&counts));
                    then(pool, told, context);
                });
            }
        }
    }
}

/// Whether the node removes old unfinished uploads: the one that leads, if the storage is shared.
pub(crate) fn sweeps(leads: bool, alone: bool, config: &Config) -> bool {
    leads || alone || !config.pool.shared_storage
}

/// How far the drain is once it has that phase, or does not reach it.
async fn told(mut progress: watch::Receiver<Progress>, is_met: fn(Phase) -> bool) -> Value {
    let met = progress.wait_for(|progress| is_met(progress.phase));
    let _ = tokio::time::timeout(OBEYS, met).await;
    let progress = *progress.borrow();
    let (state, phase) = match progress.phase {
        Phase::Serving => ("serving", "none"),
        Phase::Announced => ("draining", "announced"),
        Phase::Closing => ("draining", "closing"),
        Phase::Ending | Phase::Drained => ("draining", "ended"),
    };
    json!({
        "state": state,
        "phase": phase,
        "sessions": progress.sessions,
        "transfers": progress.transfers,
        "seconds_left": progress.seconds_left(Instant::now()),
    })
}

/// How long the node may take to hear of an order.
const OBEYS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    #[test]
    fn a_shared_storage_is_swept_by_one_node_and_another_by_each() {
        let shared = load_flags(&[]).unwrap().0;
        assert!(shared.pool.shared_storage);
        let own = load_flags(&[("pool.shared_storage", "false")]).unwrap().0;
        assert!(!sweeps(false, false, &shared));
        assert!(sweeps(true, false, &shared));
        assert!(sweeps(false, true, &shared));
        assert!(sweeps(false, false, &own));
    }
}

//! What the agent tells of, and what the node does about it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::{AsyncContext, Context};
use flotilla_cluster::agent::{Event, Link, Refusal};
use flotilla_cluster::order::{Order, What};
use flotilla_cluster::policy::Policy;
use flotilla_cluster::view::Change;
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use super::Pool;
use super::sharing::SharingError;
use crate::health::POOL;
use crate::registry::{self, DescribeOne, KickAll, Lifted};
use crate::system::{Phase, Progress};
use crate::tls::ROTATION;

impl Pool {
    pub(super) fn on_event(&mut self, event: Event, context: &mut Context<Self>) {
        match event {
            Event::Decided { ticket, result } => self.decided(ticket, result),
            Event::Pool(change) => self.on_change(&change),
            Event::Led(Some(term)) => {
                self.set_sweeper(true);
                if !self.parts.alone {
                    info!(%term, "this node leads the pool");
                }
                self.look_at_mark(context);
                self.rotate_tickets(context);
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
            Event::Order(order) => self.obey(order, context),
            Event::Joined { forgotten } => self.on_joined(forgotten, context),
            Event::Away(reason) => {
                warn!(
                    store = self.parts.store.name(),
                    reason, "the pool's store is away, this node goes on alone"
                );
                // It serves all the same.
                self.parts.readiness.clear(POOL);
            }
            Event::Troubled { lane, reason } => {
                error!(?lane, reason, "the pool's store fails at this again and again");
            }
            Event::Refused(refusal) => self.on_refused(refusal, context),
        }
    }

    /// Where the storage is shared, one node cleans it up for all.
    fn set_sweeper(&self, leads: bool) {
        let is_shared = !self.parts.alone && self.parts.policy.config.pool.shared_storage;
        self.parts.sweeps.store(leads || !is_shared, Ordering::Relaxed);
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

    fn on_joined(&mut self, forgotten: bool, context: &mut Context<Self>) {
        if !self.parts.alone {
            let store = self.parts.store.name();
            info!(store, pool = self.parts.name, forgotten, "part of the pool");
        }
        self.parts.readiness.clear(POOL);
        if forgotten {
            self.tell_settings(context);
            self.is_proved = false;
        }
        if !self.is_proved {
            self.prove(context);
        }
    }

    /// Looks whether the pool's secrets are still those of this node, and puts them there where the store has
    /// forgotten them.
    fn prove(&mut self, context: &mut Context<Self>) {
        if self.parts.alone {
            return;
        }
        let sharing = self.parts.sharing.clone();
        let store = std::rc::Rc::clone(&self.parts.store);
        let policy = std::sync::Arc::clone(&self.parts.policy);
        let proof = async move {
            let Some(sharing) = sharing else {
                return super::sharing::refuse_unsealed(&*store).await;
            };
            sharing.check().await?;
            if super::sharing::shares_host_keys(&policy.config) {
                sharing.host_keys(&policy.config).await?;
            }
            sharing.relay_key().await.map(drop)
        };
        self.wait(context, proof, |pool, proof, context| match proof {
            Ok(()) => {
                pool.is_proved = true;
                pool.fetch_tickets(context);
            }
            Err(SharingError::Refused(reason)) => {
                error!(reason, "this node must not be in its pool");
                pool.parts.readiness.set(POOL, reason.clone());
                pool.fail(reason);
            }
            // With the next Joined it is tried again.
            Err(error) => warn!(%error, "secrets of the pool not read"),
        });
    }

    fn on_refused(&mut self, refusal: Refusal, context: &mut Context<Self>) {
        error!(%refusal, "the pool does not take this node");
        self.parts.readiness.set(POOL, refusal.to_string());
        match refusal {
            Refusal::Superseded => self.fail(refusal.to_string()),
            // One that was killed is dead in a moment; one that lives is somebody else.
            Refusal::InUse(_) => {
                context.run_later(NAME_PATIENCE, |pool, _| {
                    if let Link::Refused(refusal) = pool.agent.link() {
                        pool.fail(refusal.to_string());
                    }
                });
            }
        }
    }

    /// The node ends, for it must not be in its pool.
    fn fail(&mut self, reason: String) {
        let node = self.agent.node();
        *self.parts.fault.borrow_mut() = Some(format!("{node}: {reason}"));
    }

    fn on_policy(&mut self, policy: &Policy, context: &mut Context<Self>) {
        info!(revision = policy.revision, by = policy.by, limits = ?policy.limits, "policy of the pool");
        if policy.tickets != self.tickets {
            self.fetch_tickets(context);
        }
        self.look_at_mark(context);
    }

    /// Takes the ticket keys of the pool over.
    pub(super) fn fetch_tickets(&mut self, context: &mut Context<Self>) {
        let Some(sharing) = self.parts.sharing.clone() else { return };
        let tickets = async move { sharing.tickets().await };
        self.wait(context, tickets, |pool, tickets, _| match tickets {
            Ok((version, keys)) => {
                pool.parts.tls.adopt_tickets(keys);
                pool.tickets = version;
                pool.propose();
                debug!(version, "ticket keys of the pool in use");
            }
            Err(error) => warn!(%error, "ticket keys of the pool not read"),
        });
    }

    /// A duty of the leader, now and every hour.
    pub(super) fn rotate_tickets(&mut self, context: &mut Context<Self>) {
        if self.agent.term(Instant::now()).is_none() {
            return;
        }
        let Some(sharing) = self.parts.sharing.clone() else { return };
        let rotated = async move { sharing.rotate_tickets(ROTATION).await };
        self.wait(context, rotated, |pool, version, context| match version {
            Ok(version) if version != pool.tickets => pool.fetch_tickets(context),
            Ok(_) => {}
            Err(error) => warn!(%error, "ticket keys of the pool not rotated"),
        });
    }

    /// Carries an order out, and answers if somebody waits.
    fn obey(&mut self, order: Order, context: &mut Context<Self>) {
        let Order { what, token, by, .. } = order;
        if !matches!(what, What::Describe(_) | What::Ports) {
            info!(?what, by, "order of an operator");
        }
        self.carry_out(what, context, move |pool, answer, context| {
            if token != 0 {
                let answered = pool.post.answer(token, answer);
                pool.wait(context, answered, |_, (), _| {});
            }
        });
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
                node.drain.drain(grace_ms.map(Duration::from_millis));
                let begun = told(node.drain.progress(), |phase| phase != Phase::Serving);
                self.wait(context, begun, then);
            }
            What::Undrain => {
                node.drain.undrain();
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

/// How long a name may be in use by a process that is dead already: what makes a node dead, and a beat.
const NAME_PATIENCE: Duration = Duration::from_secs(9);
/// How long the node may take to hear of an order.
const OBEYS: Duration = Duration::from_secs(1);

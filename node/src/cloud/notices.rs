//! What AWS announces for this machine, and what the node does about it: the shell of [`Machine`].
//!
//! The metadata service is asked every few seconds, and the machine is told once a second how busy the node is. What it
//! wants is done at once; a call is made beside the mailbox, so that no notice waits for an answer of Auto Scaling.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_cluster::aws::metadata;
use flotilla_cluster::aws::scaling::{Answer, Scaling};
use flotilla_cluster::dns;
use flotilla_cluster::lifecycle::{
    Call, Command, Load, Machine, Notices, Outcome, Reason, Settings, Spot,
};
use tracing::{Instrument, debug, info, warn};

use super::actor::Cloud;
use super::advice::advised;
use super::reconcile::Reconcile;
use super::session::session;
use super::told::Told;
use crate::config::Config;
use crate::ingress;
use crate::policy::Policy;
use crate::pool::Lighten;
use crate::registry::ReadLoads;
use crate::roster;
use crate::system::{DrainHandle, Phase};

/// The machine, and what surrounds it.
pub(super) struct Watch {
    machine: Machine,
    /// Since when the node drains, whoever said so.
    drains_since: Option<Instant>,
    /// What the node could not be told yet.
    order: Option<Order>,
    /// Made by the first call, and after a reload.
    scaling: Option<Scaling>,
    /// As last told.
    notices: metadata::Notices,
    /// Questions since the last one that was answered whole.
    unanswered: u32,
    /// Of each kind of call.
    told: BTreeMap<&'static str, Told>,
}

/// What the node is told.
#[derive(Clone, Copy)]
enum Order {
    /// Nobody is to be left then.
    Drain(Instant),
    Undrain,
}

/// Why a call came to nothing.
struct Failure {
    outcome: Outcome,
    /// For the operator.
    text: Option<String>,
}

impl Watch {
    /// Nothing was announced yet.
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            machine: Machine::new(settings(&policy.config)),
            drains_since: None,
            order: None,
            scaling: None,
            notices: metadata::Notices::default(),
            unanswered: 0,
            told: BTreeMap::new(),
        }
    }

    /// Another configuration may want something else, and name another account.
    pub(super) fn adopt(&mut self, policy: &Policy) {
        self.machine.on_settings(Instant::now(), settings(&policy.config));
        self.scaling = None;
    }

    /// What is announced: all that was told, whatever was not.
    fn notice(&mut self, told: metadata::Notices, failure: Option<&dyn std::fmt::Display>) {
        self.notices = told.clone();
        self.machine.on_notices(Instant::now(), notices(told));
        match failure {
            None if self.unanswered >= UNANSWERED => info!("what is announced is told again"),
            None => {}
            Some(error) if self.unanswered + 1 == UNANSWERED => {
                warn!(%error, "what AWS announces for this instance is not told, or not all of it");
            }
            Some(error) => debug!(%error, "not all that is announced was told"),
        }
        self.unanswered = failure.map_or(0, |_| self.unanswered.saturating_add(1));
    }

    /// How busy the node is.
    fn weigh(&mut self, loads: roster::Load, phase: Phase, config: &Config) {
        let now = Instant::now();
        self.drains_since = (phase != Phase::Serving).then(|| self.drains_since.unwrap_or(now));
        let forgotten = self.drains_since.map(|since| since + forgotten_after(config));
        self.machine.on_load(Load {
            transfers: loads.transfers,
            longest: loads
                .oldest
                .map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest)),
            drained: phase == Phase::Drained && forgotten.is_some_and(|forgotten| now >= forgotten),
        });
    }

    fn drain(&mut self, reason: Reason, budget: Option<Duration>, config: &Config) {
        let budget = budget.unwrap_or(config.timeouts.drain);
        let why = match reason {
            Reason::Spot => "AWS takes this spot instance back",
            Reason::Terminated => "its group terminates this instance",
            Reason::Standby => "its group put this instance aside",
            Reason::Rebalance => "AWS may take this instance back",
        };
        warn!(why, budget_s = budget.as_secs(), "draining");
        self.order = Some(Order::Drain(Instant::now() + budget));
    }

    /// Tells the node; what it does not hear it is told again.
    fn pass_on(&mut self, node: &DrainHandle) {
        let heard = match self.order {
            Some(Order::Drain(end)) => node.cloud_drain(end),
            Some(Order::Undrain) => node.cloud_undrain(),
            None => return,
        };
        if heard {
            self.order = None;
        }
    }

    /// What a call came to.
    fn hear(&mut self, call: &Call, result: Result<Answer, Failure>) {
        let now = Instant::now();
        let mut trouble = None;
        match result {
            Ok(Answer::Placement(placement)) => self.machine.on_placement(now, placement),
            Ok(Answer::Done) => {
                tell_done(call);
                self.machine.on_outcome(now, Outcome::Done);
            }
            Err(Failure { outcome, text }) => {
                trouble = text;
                self.machine.on_outcome(now, outcome);
            }
        }
        let told = self.told.entry(name(call)).or_default();
        for trouble in told.news(trouble.into_iter().collect()) {
            warn!(trouble, "Auto Scaling does not do what this node needs");
        }
    }
}

impl Cloud {
    /// Begins to watch. A task has nothing like it, and without a metadata service nobody announces anything.
    pub(super) fn watch_later(&mut self, ctx: &mut Context<Self>) {
        if self.identity.service().is_some() {
            self.ask_notices_later(ctx);
            self.weigh_later(ctx);
        }
    }

    /// One question after the other, each with its own limit. That nobody answers is no notice.
    fn ask_notices_later(&mut self, ctx: &mut Context<Self>) {
        let Some(service) = self.identity.service().cloned() else { return };
        let aws = &self.policy.config.aws;
        let is_wanted = aws.lifecycle || aws.protect;
        let last = self.watch.notices.clone();
        let asked = async move {
            tokio::time::sleep(ASK_INTERVAL).await;
            if is_wanted { Some(service.notices(last).await) } else { None }
        };
        ctx.spawn(asked.into_actor(self).map(|told, cloud, ctx| {
            if let Some((told, failure)) = told {
                let failure = failure.as_ref().map(|error| error as &dyn std::fmt::Display);
                cloud.watch.notice(told, failure);
                cloud.obey(ctx);
            }
            cloud.ask_notices_later(ctx);
        }));
    }

    fn weigh_later(&mut self, ctx: &mut Context<Self>) {
        let registry = self.policy.config.aws.protect.then(|| self.registry.clone());
        let asked = async move {
            tokio::time::sleep(TICK).await;
            // Only protection depends on what is transferred.
            let Some(registry) = registry else { return roster::Load::default() };
            registry.send(ReadLoads).await.unwrap_or_default()
        };
        ctx.spawn(asked.into_actor(self).map(|loads, cloud, ctx| {
            let phase = cloud.drain.progress().borrow().phase;
            cloud.watch.weigh(loads, phase, &cloud.policy.config);
            cloud.obey(ctx);
            cloud.weigh_later(ctx);
        }));
    }

    /// Does all that the machine wants done.
    fn obey(&mut self, ctx: &mut Context<Self>) {
        while let Some(command) = self.watch.machine.poll(Instant::now()) {
            match command {
                Command::Drain { reason, budget } => {
                    self.watch.drain(reason, budget, &self.policy.config);
                }
                Command::Undrain => {
                    info!("what this instance was drained for is withdrawn");
                    self.watch.order = Some(Order::Undrain);
                }
                Command::Lighten(is_light) => {
                    if is_light {
                        warn!("AWS may take this instance back: fewer new clients are wanted");
                    }
                    // A few in the life of a node; none may be lost.
                    self.pool.do_send(Lighten(is_light));
                }
                Command::Call(call) => self.begin_call(call, ctx),
            }
        }
        self.watch.pass_on(&self.drain);
    }

    fn begin_call(&mut self, call: Call, ctx: &mut Context<Self>) {
        let scaling = self.watch.scaling.clone();
        let policy = Arc::clone(&self.policy);
        let by = Arc::clone(&policy);
        let (identity, instance) = (self.identity.clone(), self.instance.clone());
        let work = async move {
            let scaling = match scaling {
                Some(scaling) => scaling,
                None => match instance.as_ref().filter(|instance| !instance.id.is_empty()) {
                    None => return (call, None, Err(Failure::of("no instance is known"))),
                    Some(of) => match session(&policy.config.aws, &identity, Some(of)).await {
                        Ok(session) => Scaling::new(&session, &of.id),
                        Err(reason) => return (call, None, Err(Failure::of(&reason))),
                    },
                },
            };
            let result = match tokio::time::timeout(PATIENCE, scaling.call(&call)).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(trouble)) => {
                    let outcome = Outcome::from(&trouble);
                    let is_told = !matches!(outcome, Outcome::Gone | Outcome::Done);
                    debug!(%trouble, ?call, "a call of Auto Scaling");
                    Err(Failure { outcome, text: is_told.then(|| advised(&trouble)) })
                }
                Err(_) => Err(Failure::of("no answer in time")),
            };
            (call, Some(scaling), result)
        };
        let reconcile = Reconcile::begin("lifecycle");
        let work = work.instrument(reconcile.span());
        ctx.spawn(work.into_actor(self).map(move |(call, scaling, result), cloud, ctx| {
            reconcile.end(&changed(&call, &result), &troubles(&result));
            // One of a configuration that was replaced meanwhile is of no use.
            if Arc::ptr_eq(&by, &cloud.policy) {
                cloud.watch.scaling = scaling;
            }
            cloud.watch.hear(&call, result);
            cloud.obey(ctx);
        }));
    }
}

impl Failure {
    fn of(text: &str) -> Self {
        Self { outcome: Outcome::Failed, text: Some(text.to_owned()) }
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        notices: config.aws.lifecycle,
        drain: Some(config.timeouts.drain),
        rebalance: config.aws.rebalance,
        protect: config.aws.protect.then_some(LONG),
    }
}

/// Until nobody is led to a drained node by DNS.
fn forgotten_after(config: &Config) -> Duration {
    match ingress::is_named(config) {
        true => UNWEIGHED + config.aws.dns_ttl.max(dns::PROPAGATION),
        false => Duration::ZERO,
    }
}

fn notices(told: metadata::Notices) -> Notices {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Notices {
        spot: told.spot.map(|spot| Spot::new(&spot.action, &spot.time, unix)),
        rebalance: told.rebalance.is_some(),
        target_state: told.target_state,
    }
}

/// For the span.
fn changed(call: &Call, result: &Result<Answer, Failure>) -> Vec<String> {
    match (call, result) {
        (Call::Look, _) | (_, Err(_)) => Vec::new(),
        (call, Ok(_)) => vec![name(call).to_owned()],
    }
}

fn troubles(result: &Result<Answer, Failure>) -> Vec<String> {
    result.as_ref().err().and_then(|failure| failure.text.clone()).into_iter().collect()
}

fn tell_done(call: &Call) {
    match call {
        Call::Complete { group, hook } => info!(group, hook, "the lifecycle hook is completed"),
        Call::Protect { group, on: true } => {
            info!(group, "the instance is protected from scale-in");
        }
        Call::Protect { group, on: false } => {
            info!(group, "the instance is not protected from scale-in any more");
        }
        Call::Heartbeat { .. } | Call::Look => {}
    }
}

fn name(call: &Call) -> &'static str {
    match call {
        Call::Look => "look",
        Call::Heartbeat { .. } => "heartbeat",
        Call::Complete { .. } => "complete",
        Call::Protect { .. } => "protect",
    }
}

/// Between two questions for notices: of the two minutes of a spot instance little is lost ("check for these
/// interruption notices every 5 seconds", guide of EC2).
const ASK_INTERVAL: Duration = Duration::from_secs(3);
/// So many questions that fail one after the other are told: half a minute at least.
const UNANSWERED: u32 = 10;
/// Between two looks at the node.
const TICK: Duration = Duration::from_secs(1);
/// For a call with all that it asks; shorter than the machine waits for one.
const PATIENCE: Duration = Duration::from_secs(25);
/// A transfer that takes longer protects the instance (`aws.protect`).
const LONG: Duration = Duration::from_secs(60);
/// The leader has seen that a node drains, and its weight is 0.
const UNWEIGHED: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use flotilla_cluster::lifecycle::Rebalance;

    use super::*;
    use crate::config::load_flags;

    #[test]
    fn a_recommendation_does_what_is_configured() {
        let of = |flags: &[(&str, &str)]| settings(&load_flags(flags).unwrap().0).rebalance;
        assert_eq!(of(&[]), Rebalance::Lighten);
        assert_eq!(of(&[("aws.rebalance", "drain")]), Rebalance::Drain);
        assert_eq!(of(&[("aws.rebalance", "ignore")]), Rebalance::Ignore);
        assert!(load_flags(&[("aws.rebalance", "yes")]).is_err());
    }

    #[test]
    fn a_drained_node_waits_until_dns_has_forgotten_it() {
        let mut config = load_flags(&[]).unwrap().0;
        assert_eq!(forgotten_after(&config), Duration::ZERO);
        config.aws.dns_name = Some("ftp.example.org".to_owned());
        assert_eq!(forgotten_after(&config), Duration::ZERO, "nothing is looked after");
        config.aws.enabled = true;
        assert_eq!(forgotten_after(&config), Duration::from_secs(75));
        config.aws.dns_ttl = Duration::from_secs(300);
        assert_eq!(forgotten_after(&config), Duration::from_secs(315));
    }
}

//! The whole node: the only module that knows every actor, in which order they start and how they end.
//!
//! # Start
//! First the node finds its pool (`join`). Then everything that can fail for the operator's reasons, with a clear
//! error: storage, users, certificates, listeners, health port. Then the pool is asked once, for who is banned;
//! the arbiters start, one per core, each with an [`Acceptor`], and the node becomes ready.
//!
//! # End
//! A drain makes the node unready and, `timeouts.drain_notice` later, lets nobody in, sends idle sessions away
//! with 421 and waits for the transfers, at most for `timeouts.drain`. One that an operator ordered can be taken
//! back; a stop closes the listeners and ends the process after it. What the cloud announces drains a node too, by the
//! time that it has left; see [`Control::CloudDrain`].

mod addresses;
mod bind;
mod build;
mod check;
mod drain;
mod endpoints;
mod identity;
mod join;
mod obey;
mod pooled;
mod start;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use actix_rt::Arbiter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::cloud::{Cloud, Settled};
use crate::config::Config;
use crate::error::ServeError;
use crate::health::{ACTOR, Health, Probe, Readiness};
use crate::listen::{Acceptor, Adopt};
use crate::log::LogHandle;
use crate::metrics::Counter;
use crate::policy::Policy;
use crate::pool::{Configured, Fault, Pool};
use crate::registry::Registry;
use crate::threshold::Threshold;
use crate::tls;

pub(crate) use check::{check, notes};
pub(crate) use drain::{DrainHandle, Phase, Progress};
pub(crate) use identity::node_id;

use drain::Draining;
use endpoints::Endpoints;

/// What the operator can ask of a running node.
#[derive(Debug)]
pub enum Control {
    /// Take over what can change while it runs.
    Reload(Box<Config>),
    /// Send the clients away, transfers last, and go on without any.
    Drain {
        /// How long transfers may take; `None`: `timeouts.drain`.
        grace: Option<Duration>,
    },
    /// Take clients again.
    Undrain,
    /// Send the clients away as [`Control::Drain`] does: the cloud takes the machine, or puts it aside.
    CloudDrain {
        /// Nobody is to be left then.
        end: Instant,
    },
    /// It does not, after all. What an operator ordered stays.
    CloudUndrain,
    /// Drain, then end. A second one ends at once.
    Stop,
}

/// A started node.
struct Node {
    readiness: Arc<Readiness>,
    /// Lines of the log.
    log_dropped: Counter,
    policy: Arc<Policy>,
    tls: tls::Store,
    pool: Addr<Pool>,
    registry: Addr<Registry>,
    health: Addr<Health>,
    threshold: Threshold,
    startups: Threshold,
    /// Control connections that the node takes at once.
    connections_max: usize,
    acceptors: Vec<Addr<Acceptor>>,
    arbiters: Vec<Arbiter>,
    endpoints: Option<Endpoints>,
    janitor: JoinHandle<()>,
    draining: Draining,
    /// For the parts of the node that may drain it.
    drain: DrainHandle,
    /// What they want.
    controls: mpsc::Receiver<Control>,
    addresses: addresses::Addresses,
    /// Why the pool does not want this node, if it does not.
    fault: Fault,
    /// What the start found out, which a reload does not change.
    settled: Settled,
    cloud: Option<Addr<Cloud>>,
}

/// Runs a node until `control` says stop or closes. `log` learns the node's name.
///
/// # Errors
/// Why it could not start; a running node ends without one.
pub async fn run(
    mut config: Config,
    mut control: mpsc::Receiver<Control>,
    log: Option<&LogHandle>,
) -> Result<(), ServeError> {
    let id = identity::node_id(&config)?;
    if let Some(log) = log {
        log.set_node(&id);
    }
    let settled = Settled::find(&config).await?;
    settled.apply(&mut config);
    let Some(mut joined) = join::join(&mut config, &mut control).await? else { return Ok(()) };
    let later = joined.later.take();
    let mut node = Node::start(config, joined, settled).await?;
    if let Some(config) = later {
        node.reload(*config, log);
    }
    let result = node.serve(control, log).await;
    node.end().await;
    result
}

impl Node {
    /// Whether every actor that there is one of lives. The death of one is a defect: the node turns unready and
    /// is drained, rather than go on without it.
    fn is_whole(&self) -> Result<(), ServeError> {
        if let Some(reason) = self.fault.borrow().clone() {
            return Err(ServeError::Pool(reason));
        }
        let dead = [
            ("pool", !self.pool.connected()),
            ("registry", !self.registry.connected()),
            ("health", !self.health.connected()),
            ("acceptor", !self.acceptors.iter().all(Addr::connected)),
            ("cloud", self.cloud.as_ref().is_some_and(|cloud| !cloud.connected())),
        ];
        let Some((name, _)) = dead.into_iter().find(|(_, is_dead)| *is_dead) else {
            return Ok(());
        };
        error!(name, "an actor is gone, the node is drained");
        self.readiness.set(ACTOR, format!("{name} is gone"));
        Err(ServeError::Runtime(format!("the {name} actor died")))
    }

    /// Takes a new configuration over; on any error the old one stays in force.
    fn reload(&mut self, mut config: Config, log: Option<&LogHandle>) {
        for key in build::needs_restart(&self.policy.config, &config) {
            warn!(key, "changed in the configuration, takes effect at the next start");
        }
        self.settled.apply(&mut config);
        join::take_kept_keys(&mut config);
        let policy = match build::policy(config, Some(&self.policy)) {
            Ok(policy) => Arc::new(policy),
            Err(error) => return error!(%error, "reload refused, the old configuration stays"),
        };
        if let Err(error) = self.tls.replace(&policy.config.tls, &policy.config.hosts) {
            return error!(%error, "reload refused, the old configuration stays");
        }
        let admin = self.endpoints.as_ref().map(|endpoints| endpoints.settings(&policy.config));
        let admin = match admin.transpose() {
            Ok(admin) => admin,
            Err(error) => return error!(%error, "reload refused, the old configuration stays"),
        };
        // Nothing can fail any more: from here on things change.
        if let (Some(endpoints), Some(admin)) = (&self.endpoints, admin) {
            endpoints.adopt(admin);
        }
        if let Some(Err(error)) = log.map(|log| log.reload(&policy.config.telemetry)) {
            error!(%error, "log level not changed");
        }
        if let Some(xferlog) = &policy.xferlog {
            xferlog.reopen();
        }
        self.pool.do_send(Configured {
            policy: Arc::clone(&policy),
            limits: build::limits(&policy.config),
            rules: build::rules(&policy.config),
        });
        self.startups.set_limits(build::startups(&policy.config));
        self.threshold.set_limits(build::threshold(&policy.config, self.connections_max));
        for acceptor in &self.acceptors {
            acceptor.do_send(Adopt(Arc::clone(&policy)));
        }
        if let Some(cloud) = &self.cloud {
            cloud.do_send(Adopt(Arc::clone(&policy)));
        }
        self.health.do_send(Probe(Some(Arc::clone(&policy))));
        self.policy = policy;
        info!("configuration reloaded");
    }
}

/// Spawns what there is one of and must not end: its end makes the node unready.
fn watch(
    name: &'static str,
    readiness: Arc<Readiness>,
    future: impl Future<Output = ()> + 'static,
) -> JoinHandle<()> {
    let task = actix::spawn(future);
    actix::spawn(async move {
        let cause = match task.await {
            Ok(()) => "ended".to_owned(),
            Err(error) => error.to_string(),
        };
        error!(name, cause, "a part of the node is gone");
        readiness.set(ACTOR, format!("{name}: {cause}"));
    })
}

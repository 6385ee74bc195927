//! The whole node: the only module that knows every actor, in which order they start and how they end.
//!
//! # Start
//! Everything that can fail for the operator's reasons comes first and fails with a clear error: storage,
//! users, certificates, listeners, health port. Then the arbiters start, one per core, each with an
//! [`Acceptor`], and the node becomes ready.
//!
//! # End
//! A drain makes the node unready and, `timeouts.drain_notice` later, lets nobody in, sends idle sessions away
//! with 421 and waits for the transfers, at most for `timeouts.drain`. One that an operator ordered can be taken
//! back; a stop closes the listeners and ends the process after it.

mod addresses;
mod bind;
mod build;
mod check;
mod drain;
mod identity;
mod obey;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_rt::Arbiter;
use actix_web::dev::ServerHandle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::error::ServeError;
use crate::health::http::{self, Endpoints};
use crate::health::{ACTOR, Health, Probe, Readiness, STARTING};
use crate::listen::{Acceptor, Adopt, Living, Service};
use crate::log::LogHandle;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::ports::{PortSettings, Ports, ShardSeed};
use crate::registry::{Registry, SetLimits, Subscribe};
use crate::threshold::Threshold;
use crate::tls;
use crate::worker::{Surroundings, Worker};

pub(crate) use check::check;

use drain::{DrainHandle, Draining};

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
    /// Drain, then end. A second one ends at once.
    Stop,
}

/// A started node.
struct Node {
    readiness: Arc<Readiness>,
    policy: Arc<Policy>,
    tls: tls::Store,
    registry: Addr<Registry>,
    health: Addr<Health>,
    threshold: Threshold,
    startups: Threshold,
    /// Control connections that the node takes at once.
    connections_max: usize,
    acceptors: Vec<Addr<Acceptor>>,
    arbiters: Vec<Arbiter>,
    endpoints: Option<(ServerHandle, JoinHandle<()>)>,
    janitor: JoinHandle<()>,
    draining: Draining,
    /// For the parts of the node that may drain it.
    #[cfg_attr(not(test), expect(dead_code, reason = "the pool is to have it"))]
    drain: DrainHandle,
    /// What they want.
    controls: mpsc::Receiver<Control>,
    addresses: addresses::Addresses,
}

/// Runs a node until `control` says stop or closes. `log` learns the node's name.
///
/// # Errors
/// Why it could not start; a running node ends without one.
pub async fn run(
    config: Config,
    control: mpsc::Receiver<Control>,
    log: Option<&LogHandle>,
) -> Result<(), ServeError> {
    let id = identity::node_id(&config)?;
    if let Some(log) = log {
        log.set_node(&id);
    }
    let mut node = Node::start(config).await?;
    let result = node.serve(control, log).await;
    node.end().await;
    result
}

impl Node {
    async fn start(config: Config) -> Result<Self, ServeError> {
        let descriptors = bind::raise_descriptor_limit();
        let metrics = Arc::new(Metrics::new());
        let readiness = Arc::new(Readiness::new(Arc::clone(&metrics)));
        let policy = Arc::new(build::policy(config, None)?);
        let config = &policy.config;
        bind::probe(config.health.tcp)?;
        let tls = tls::Store::load(&config.tls, &config.hosts, &config.node.data_dir)?;
        let arbiter_count = build::arbiter_count(config);
        let listeners = bind::listeners(config, arbiter_count)?;
        let endpoints = match config.health.listen {
            Some(address) => Some(
                http::bind(address, Arc::clone(&readiness), Arc::clone(&metrics))
                    .map_err(|source| ServeError::Bind { address, source })?,
            ),
            None => None,
        };
        let registry = Registry::new(build::limits(config), build::rules(config)).start();
        let settings = PortSettings::new(config.ftp.passive_ports, config.timeouts.data_connect);
        let (ports, seeds) = Ports::new(settings, arbiter_count);
        let ports = ports.start();
        let connections_max = build::connections_max(config, descriptors);
        let limits = build::threshold(config, connections_max);
        let threshold = Threshold::new(limits, metrics.unauthenticated.clone());
        let startups = Threshold::new(build::startups(config), metrics.ssh_startups.clone());
        let surroundings = Surroundings {
            registry: registry.clone(),
            metrics: Arc::clone(&metrics),
            threshold: threshold.clone(),
            startups: startups.clone(),
            policy: Arc::clone(&policy),
            sessions_made: Arc::default(),
        };
        let mut addresses = listeners.addresses;
        let sets = seeds.into_iter().zip(listeners.sets);
        let Started { arbiters, acceptors, living } =
            start_acceptors(sets, &tls, &surroundings, connections_max)?;
        let (draining, drain, controls) = Draining::new(living);
        let health = Health::new(
            Arc::clone(&readiness),
            Arc::clone(&metrics),
            Arc::clone(&policy),
            tls.clone(),
            ports,
        )
        .start();
        addresses.health = endpoints.as_ref().map(|endpoints| endpoints.address);
        let endpoints = endpoints.map(|endpoints| open(endpoints, &readiness));
        let janitor = actix::spawn(sweep(Arc::clone(&policy)));
        let node = Self {
            readiness,
            policy,
            tls,
            registry,
            health,
            threshold,
            startups,
            connections_max,
            acceptors,
            arbiters,
            endpoints,
            janitor,
            draining,
            drain,
            controls,
            addresses,
        };
        node.begin().await?;
        Ok(node)
    }

    /// The last step of the start: the acceptors answer, so the node is ready and says where.
    async fn begin(&self) -> Result<(), ServeError> {
        for acceptor in &self.acceptors {
            if acceptor.send(crate::listen::Count).await.is_err() {
                return Err(ServeError::Runtime("an acceptor did not start".to_owned()));
            }
        }
        self.readiness.clear(STARTING);
        self.health.do_send(Probe(None));
        self.addresses.write(&self.policy.config.node.data_dir)?;
        for address in &self.addresses.ftp {
            info!(%address, "ftp listens");
        }
        for address in &self.addresses.ftps {
            info!(%address, "ftps listens");
        }
        for address in &self.addresses.ssh {
            info!(%address, "ssh listens");
        }
        if let Some(address) = self.addresses.health {
            info!(%address, "health listens");
        }
        Ok(())
    }

    /// Whether every actor that there is one of lives. The death of one is a defect: the node turns unready and
    /// is drained, rather than go on without it.
    fn is_whole(&self) -> Result<(), ServeError> {
        let dead = [
            ("registry", !self.registry.connected()),
            ("health", !self.health.connected()),
            ("acceptor", !self.acceptors.iter().all(Addr::connected)),
        ];
        let Some((name, _)) = dead.into_iter().find(|(_, is_dead)| *is_dead) else {
            return Ok(());
        };
        error!(name, "an actor is gone, the node is drained");
        self.readiness.set(ACTOR, format!("{name} is gone"));
        Err(ServeError::Runtime(format!("the {name} actor died")))
    }

    /// Takes a new configuration over; on any error the old one stays in force.
    fn reload(&mut self, config: Config, log: Option<&LogHandle>) {
        for key in build::needs_restart(&self.policy.config, &config) {
            warn!(key, "changed in the configuration, takes effect at the next start");
        }
        let policy = match build::policy(config, Some(&self.policy)) {
            Ok(policy) => Arc::new(policy),
            Err(error) => return error!(%error, "reload refused, the old configuration stays"),
        };
        if let Err(error) = self.tls.replace(&policy.config.tls, &policy.config.hosts) {
            return error!(%error, "reload refused, the old configuration stays");
        }
        // Nothing can fail any more: from here on things change.
        if let Some(Err(error)) = log.map(|log| log.reload(&policy.config.telemetry)) {
            error!(%error, "log level not changed");
        }
        if let Some(xferlog) = &policy.xferlog {
            xferlog.reopen();
        }
        self.registry.do_send(SetLimits {
            limits: build::limits(&policy.config),
            rules: build::rules(&policy.config),
        });
        self.startups.set_limits(build::startups(&policy.config));
        self.threshold.set_limits(build::threshold(&policy.config, self.connections_max));
        for acceptor in &self.acceptors {
            acceptor.do_send(Adopt(Arc::clone(&policy)));
        }
        self.health.do_send(Probe(Some(Arc::clone(&policy))));
        self.policy = policy;
        info!("configuration reloaded");
    }
}

/// The arbiters, each with its acceptor and the connections that live there.
#[derive(Default)]
struct Started {
    arbiters: Vec<Arbiter>,
    acceptors: Vec<Addr<Acceptor>>,
    living: Vec<Living>,
}

/// Starts an arbiter with its acceptor for each set of listeners, and tells them of bans.
fn start_acceptors(
    sets: impl Iterator<Item = (ShardSeed, Vec<(TcpListener, Service)>)>,
    tls: &tls::Store,
    surroundings: &Surroundings,
    sessions_max: usize,
) -> Result<Started, ServeError> {
    let mut started = Started::default();
    for (index, (seed, listeners)) in sets.enumerate() {
        let arbiter = build::arbiter()?;
        let (tls, surroundings) = (tls.clone(), surroundings.clone());
        let registry = surroundings.registry.clone();
        let living = Living::default();
        let lives = Arc::clone(&living);
        let acceptor = Acceptor::start_in_arbiter(&arbiter.handle(), move |_| {
            let worker = Worker::new(seed.start(), tls, surroundings);
            Acceptor::new(index, Rc::new(worker), listeners, sessions_max, lives)
        });
        registry.do_send(Subscribe(acceptor.clone().recipient()));
        started.arbiters.push(arbiter);
        started.acceptors.push(acceptor);
        started.living.push(living);
    }
    Ok(started)
}

/// Lets the health endpoints answer.
fn open(endpoints: Endpoints, readiness: &Arc<Readiness>) -> (ServerHandle, JoinHandle<()>) {
    let Endpoints { server, handle, .. } = endpoints;
    let watched = watch("health endpoints", Arc::clone(readiness), async move {
        let _ = server.await;
    });
    (handle, watched)
}

/// Removes unfinished uploads that are too old, now and every hour.
async fn sweep(policy: Arc<Policy>) {
    let mut hours = tokio::time::interval(SWEEP);
    loop {
        hours.tick().await;
        let age = policy.config.storage.partial_max_age;
        let swept = Arc::clone(&policy.storages).sweep(age).await;
        if swept.removed > 0 {
            info!(files = swept.removed, bytes = swept.bytes, "old unfinished uploads removed");
        }
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

/// Between two looks for unfinished uploads that are too old.
const SWEEP: Duration = Duration::from_secs(3600);

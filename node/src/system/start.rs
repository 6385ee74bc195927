//! The start of a node: what can fail for the operator's reasons first, then the actors.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, Addr};
use actix_rt::Arbiter;
use flotilla_cluster::agent::Setup;
use flotilla_cluster::ban::Ban;
use tracing::info;

use super::drain::Draining;
use super::endpoints::Endpoints;
use super::join::Joined;
use super::{Node, bind, build, pooled};

use crate::cloud::{Cloud, Settled};
use crate::config::Config;
use crate::error::ServeError;
use crate::health::{Health, Probe, Readiness, STARTING};
use crate::listen::{Acceptor, Door, Living, Watch};
use crate::metrics::{CountedStore, Metrics};
use crate::policy::Policy;
use crate::pool::{self, Attach, Fault, KnownBans, Parts, Places, Pool, Traced, generation, size};
use crate::ports::{Ports, Report, ShardSeed};
use crate::registry::Registry;
use crate::threshold::Threshold;
use crate::tls;
use crate::worker::{Surroundings, Worker};

impl Node {
    pub(super) async fn start(
        config: Config,
        joined: Joined,
        settled: Settled,
    ) -> Result<Self, ServeError> {
        let descriptors = bind::raise_descriptor_limit();
        let metrics = Arc::new(Metrics::new(config.telemetry.top_users));
        let readiness = Arc::new(Readiness::new(Arc::clone(&metrics)));
        let policy = Arc::new(build::policy(config, None)?);
        let config = &policy.config;
        bind::probe(config.health.tcp)?;
        let tls = tls::Store::load(&config.tls, &config.hosts, &config.node.data_dir)?;
        let arbiter_count = build::arbiter_count(config);
        let listeners = bind::listeners(config, arbiter_count)?;
        let health_listener = bind::health(config.health.listen)?;
        let passive = pooled::passive(config, arbiter_count, &metrics, &readiness)?;
        let shared = passive.descriptors(config);
        let (ports, seeds) = Ports::with(passive.parts, passive.settings, arbiter_count);
        let ports = ports.start();
        let mut addresses = listeners.addresses;
        addresses.relay = passive.relay;
        let (instance, private) = (settled.id(), settled.private());
        let (clients, relay) = (addresses.urls(), passive.dialled);
        let places = Places { clients, relay, instance, private };
        let parts = parts(&joined, &readiness, &metrics, &policy, &tls, places);
        let (fault, sweeps) = (Rc::clone(&parts.fault), Arc::clone(&parts.sweeps));
        let pool = Pool::new(setup(joined, config)?, parts).start();
        let connections_max = build::connections_max(config, descriptors, shared);
        let surroundings = surroundings(&pool, &metrics, &policy, &settled, connections_max);
        // Who is banned in the pool is turned away from the first connection on.
        let bans = pool.send(KnownBans).await.unwrap_or_default();
        let sets = seeds.into_iter().zip(listeners.sets);
        let started = start_acceptors(sets, &tls, &surroundings, &bans, connections_max)?;
        let (draining, drain, controls) =
            Draining::new(started.living, metrics.relay.active.clone());
        let registry = Registry::new(started.acceptors.clone()).start();
        let cloud = Cloud::start(&policy, &settled, &pool, &registry, &drain);
        let (ready, counted, ruled) = (readiness.clone(), metrics.clone(), policy.clone());
        let health = Health::new(ready, counted, ruled, tls.clone(), ports.clone()).start();
        let endpoints = match health_listener {
            Some(listener) => {
                let asked = pool.clone().recipient();
                Some(Endpoints::start(listener, config, asked, &readiness, &metrics)?)
            }
            None => None,
        };
        addresses.health = endpoints.as_ref().map(|endpoints| endpoints.address);
        let janitor = actix::spawn(sweep(Arc::clone(&policy), sweeps));
        let Surroundings { threshold, startups, .. } = surroundings;
        let node = Self {
            readiness,
            log_dropped: metrics.process.log_dropped.clone(),
            policy,
            tls,
            pool,
            registry,
            health,
            threshold,
            startups,
            connections_max,
            acceptors: started.acceptors,
            arbiters: started.arbiters,
            endpoints,
            janitor,
            draining,
            drain,
            controls,
            addresses,
            fault,
            settled,
            cloud,
        };
        node.begin(ports).await?;
        Ok(node)
    }

    /// The last step of the start: the acceptors answer, so the node is ready and says where.
    async fn begin(&self, ports: Addr<Ports>) -> Result<(), ServeError> {
        for acceptor in &self.acceptors {
            if acceptor.send(Watch(self.pool.clone().recipient())).await.is_err() {
                return Err(ServeError::Runtime("an acceptor did not start".to_owned()));
            }
        }
        ports.do_send(Report(self.pool.clone().recipient()));
        let (registry, drain) = (self.registry.clone(), self.drain.clone());
        self.pool.do_send(Attach(pool::Surroundings { registry, ports, drain }));
        self.readiness.clear(STARTING);
        self.health.do_send(Probe(None));
        self.addresses.write(&self.policy.config.node.data_dir)?;
        self.addresses.log();
        Ok(())
    }
}

/// What the pool actor is made of.
fn parts(
    joined: &Joined,
    readiness: &Arc<Readiness>,
    metrics: &Arc<Metrics>,
    policy: &Arc<Policy>,
    tls: &tls::Store,
    places: Places,
) -> Parts {
    let counted = CountedStore::new(Rc::clone(&joined.store), metrics.pool.calls.clone());
    Parts {
        store: Rc::new(Traced::new(Rc::new(counted), joined.alone)),
        name: policy.config.pool.name.clone(),
        alone: joined.alone,
        sharing: joined.sharing.clone(),
        readiness: Arc::clone(readiness),
        metrics: Arc::clone(metrics),
        policy: Arc::clone(policy),
        tls: tls.clone(),
        places,
        fault: Fault::default(),
        sweeps: Arc::new(AtomicBool::new(pool::sweeps(false, joined.alone, &policy.config))),
    }
}

/// What the arbiters have in common, and what tells the metrics of it.
fn surroundings(
    pool: &Addr<Pool>,
    metrics: &Arc<Metrics>,
    policy: &Arc<Policy>,
    settled: &Settled,
    connections_max: usize,
) -> Surroundings {
    let config = &policy.config;
    let limits = build::threshold(config, connections_max);
    metrics.sessions.limit.set(connections_max);
    let wait = metrics.process.job_wait.clone();
    policy.storages.waits().tell(move |time| wait.took(time));
    Surroundings {
        pool: pool.clone(),
        metrics: Arc::clone(metrics),
        threshold: Threshold::new(limits, metrics.sessions.unauthenticated.clone()),
        startups: Threshold::new(build::startups(config), metrics.sessions.ssh_startups.clone()),
        policy: Arc::clone(policy),
        found: Arc::new(settled.found()),
        sessions_made: Arc::default(),
    }
}

/// What the agent of this node begins with.
fn setup(joined: Joined, config: &Config) -> Result<Setup, ServeError> {
    let data_dir = &config.node.data_dir;
    let lives = generation::begin(data_dir)
        .map_err(|source| ServeError::Storage { path: data_dir.join("generation"), source })?;
    let mut seed = [0; 8];
    aws_lc_rs::rand::fill(&mut seed)
        .map_err(|_| ServeError::Runtime("no random numbers".to_owned()))?;
    Ok(Setup {
        node: joined.node,
        generation: lives.this,
        previous: lives.previous,
        alone: joined.alone,
        nodes: size::kept(data_dir),
        ports: pooled::layout(config),
        port_wait: crate::ports::wait_max(config),
        path: crate::keepalive::path(config),
        reads_front: crate::pool::front::reads(config),
        limits: build::limits(config),
        rules: build::rules(config),
        seed: u64::from_ne_bytes(seed),
    })
}

/// The arbiters, each with its acceptor and the connections that live there.
#[derive(Default)]
struct Started {
    arbiters: Vec<Arbiter>,
    acceptors: Vec<Addr<Acceptor>>,
    living: Vec<Living>,
}

/// Starts an arbiter with its acceptor for each set of listeners.
fn start_acceptors(
    sets: impl Iterator<Item = (ShardSeed, Vec<Door>)>,
    tls: &tls::Store,
    surroundings: &Surroundings,
    bans: &[Ban],
    sessions_max: usize,
) -> Result<Started, ServeError> {
    let mut started = Started::default();
    for (mut seed, listeners) in sets {
        let arbiter = build::arbiter()?;
        let (tls, surroundings, bans) = (tls.clone(), surroundings.clone(), bans.to_vec());
        let living = Living::default();
        let lives = Arc::clone(&living);
        seed.living = Arc::clone(&living);
        let acceptor = Acceptor::start_in_arbiter(&arbiter.handle(), move |_| {
            let worker = Worker::new(seed.start(), tls, surroundings);
            bans.iter().for_each(|ban| worker.ban(ban.address, ban.until));
            Acceptor::new(Rc::new(worker), listeners, sessions_max, lives)
        });
        started.arbiters.push(arbiter);
        started.acceptors.push(acceptor);
        started.living.push(living);
    }
    Ok(started)
}

/// Removes unfinished uploads that are too old, now and every hour, unless another node does it for all.
async fn sweep(policy: Arc<Policy>, sweeps: Arc<AtomicBool>) {
    let mut hours = tokio::time::interval(SWEEP);
    loop {
        hours.tick().await;
        if !sweeps.load(Ordering::Relaxed) {
            continue;
        }
        let age = policy.config.storage.partial_max_age;
        let swept = Arc::clone(&policy.storages).sweep(age).await;
        if swept.removed > 0 {
            info!(files = swept.removed, bytes = swept.bytes, "old unfinished uploads removed");
        }
    }
}

/// Between two looks for unfinished uploads that are too old.
const SWEEP: Duration = Duration::from_secs(3600);

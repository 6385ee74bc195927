//! What the sessions of one arbiter share: no lock, no other thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix::Addr;
use flotilla_cluster::keepalive::Keepalive;
use tracing::debug;

use crate::address::Found;
use crate::config::ZoneAddress;
use crate::keepalive;
use crate::log::Seldom;
use crate::metrics::{ConnectionRefusal, Metrics};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::ports::PortShard;
use crate::roster::Roster;
use crate::ssh::ReadBuffers;
use crate::threshold::{Entrance, Threshold};
use crate::tls;

/// The surroundings of an arbiter's sessions.
pub(crate) struct Worker {
    /// The passive ports of this arbiter.
    pub(crate) ports: Rc<PortShard>,
    /// Admission.
    pub(crate) pool: Addr<Pool>,
    /// Certificates and tickets: this arbiter's copies.
    pub(crate) tls: tls::Store,
    /// Counters of the node.
    pub(crate) metrics: Arc<Metrics>,
    /// Who is logged in, and what they do.
    pub(crate) roster: Rc<Roster>,
    /// Who is connected and not logged in.
    pub(crate) threshold: Threshold,
    /// Of these, who speaks SSH (`ssh.startups`).
    pub(crate) startups: Threshold,
    /// One read of a control connection goes here; it is empty again before the next session's turn.
    pub(crate) scratch: RefCell<Vec<u8>>,
    /// Spare read buffers of SSH connections.
    pub(crate) ssh_buffers: Rc<ReadBuffers>,
    /// Bytes that the channels of SSH connections hold.
    pub(crate) ssh_held: Cell<usize>,
    policy: RefCell<Arc<Policy>>,
    keepalive: RefCell<Arc<Keepalive>>,
    found: RefCell<Arc<Found>>,
    /// What clients are told that can not come in, while the node drains.
    closed: Cell<Option<&'static str>>,
    bans: RefCell<HashMap<IpAddr, Instant>>,
    sessions_made: Arc<AtomicU64>,
    /// Of PROXY headers that are missing, wrong, or a stranger's.
    headers_told: Seldom,
}

/// What all arbiters have in common.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) pool: Addr<Pool>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) threshold: Threshold,
    pub(crate) startups: Threshold,
    pub(crate) policy: Arc<Policy>,
    /// Its addresses.
    pub(crate) found: Arc<Found>,
    /// Counts the sessions of the node: one atomic step per connection.
    pub(crate) sessions_made: Arc<AtomicU64>,
}

impl Worker {
    pub(crate) fn new(ports: Rc<PortShard>, tls: tls::Store, surroundings: Surroundings) -> Self {
        let Surroundings { pool, metrics, threshold, startups, policy, found, sessions_made } =
            surroundings;
        let keepalive = Arc::new(keepalive::decided(&policy.config));
        keepalive::adopt(keepalive.probes, policy.config.timeouts.stalled);
        metrics.pool.path(&keepalive);
        let roster = Rc::new(Roster::counting(metrics.transfers.bytes.clone()));
        Self {
            ports,
            pool,
            tls,
            metrics,
            roster,
            threshold,
            startups,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
            ssh_buffers: Rc::default(),
            ssh_held: Cell::new(0),
            policy: RefCell::new(policy),
            keepalive: RefCell::new(keepalive),
            found: RefCell::new(found),
            closed: Cell::default(),
            bans: RefCell::default(),
            sessions_made,
            headers_told: Seldom::default(),
        }
    }

    /// The policy for a new session; a session keeps the one that it began with.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.borrow())
    }

    /// New sessions begin with this one. Its patience with who takes no bytes is that of sockets, so those that live are
    /// to be told as after [`set_keepalive`](Self::set_keepalive).
    pub(crate) fn set_policy(&self, policy: Arc<Policy>) {
        *self.policy.borrow_mut() = policy;
        self.set_keepalive(self.keepalive());
    }

    /// How connections are kept alive: by the policy of the pool, and until there is one by this node's
    /// configuration.
    pub(crate) fn keepalive(&self) -> Arc<Keepalive> {
        Arc::clone(&self.keepalive.borrow())
    }

    /// From now on like this; listeners and relays take it over at once, sessions when they are told.
    pub(crate) fn set_keepalive(&self, keepalive: Arc<Keepalive>) {
        keepalive::adopt(keepalive.probes, self.policy().config.timeouts.stalled);
        self.metrics.pool.path(&keepalive);
        *self.keepalive.borrow_mut() = keepalive;
        self.ports.tune();
    }

    /// What the machine is told of its addresses.
    pub(crate) fn found(&self) -> Arc<Found> {
        Arc::clone(&self.found.borrow())
    }

    /// They moved: the next passive reply of every session goes by this.
    pub(crate) fn set_found(&self, found: Arc<Found>) {
        let found = found.with_balancer_of(&self.found.borrow());
        *self.found.borrow_mut() = Arc::new(found);
    }

    /// The balancer has these, by the policy of the pool; the same.
    pub(crate) fn set_fronted(&self, balancer: Arc<[ZoneAddress]>) {
        let found = self.found.borrow().with_balancer(balancer);
        *self.found.borrow_mut() = Arc::new(found);
    }

    /// A place for a connection without a login, or what its client is told. One address stands for all clients of a
    /// balancer, until a header says more.
    pub(crate) fn enter(&self, client: IpAddr) -> Result<Entrance, &'static str> {
        let entered = match self.policy.borrow().config.ingress.is_balancer(client) {
            true => self.threshold.enter_unnamed(client),
            false => self.threshold.enter(client),
        };
        entered.map_err(|crowded| {
            self.metrics.sessions.refused.of(ConnectionRefusal::Unauthenticated).inc();
            debug!(%client, ?crowded, "too many connections without a login");
            crowded.farewell()
        })
    }

    /// Why nobody is let in; `None` while everybody is.
    pub(crate) fn closed(&self) -> Option<&'static str> {
        self.closed.get()
    }

    /// From now on nobody is let in, and told this; or everybody again.
    pub(crate) fn set_closed(&self, text: Option<&'static str>) {
        self.closed.set(text);
    }

    /// Notes a ban, and forgets those that are over.
    pub(crate) fn ban(&self, address: IpAddr, until: Instant) {
        let mut bans = self.bans.borrow_mut();
        if bans.len() >= BANS_MAX {
            let now = Instant::now();
            bans.retain(|_, until| *until > now);
        }
        if bans.len() >= BANS_MAX {
            // As the pool does: the ban that ends next gives way.
            let next = bans.iter().min_by_key(|(_, until)| **until).map(|(address, _)| *address);
            next.map(|address| bans.remove(&address));
        }
        bans.insert(address, until);
    }

    /// A ban was lifted.
    pub(crate) fn unban(&self, address: IpAddr) {
        self.bans.borrow_mut().remove(&address);
    }

    /// Whether connections of this address are turned away.
    pub(crate) fn is_banned(&self, address: IpAddr, now: Instant) -> bool {
        let bans = self.bans.borrow();
        if bans.is_empty() {
            return false;
        }
        let origin = flotilla_cluster::admission::origin(address);
        bans.get(&origin).is_some_and(|&until| until > now)
    }

    /// Whether a header that was refused is to be logged, and how many were not since the last one.
    pub(crate) fn tells_header(&self) -> Option<u64> {
        self.headers_told.pass(Instant::now())
    }

    /// A number for a new session, unique in the process.
    pub(crate) fn next_session(&self) -> u64 {
        self.sessions_made.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Bans that an arbiter knows: as many as the pool keeps.
const BANS_MAX: usize = flotilla_cluster::ban::BANS_MAX;

/// One read of a control connection: four command lines of the longest kind.
const SCRATCH_BYTES: usize = 16 * 1024;

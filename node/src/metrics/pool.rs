//! The pool as the node sees it, and what it asks of the pool's store.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use flotilla_cluster::agent::Link;
use flotilla_cluster::keepalive::Keepalive;
use flotilla_cluster::member::Standing;
use flotilla_cluster::store::{Call, Hint, Request, Store, StoreError};

use super::book::Book;
use super::family::Family;
use super::histogram::{self, Histogram};
use super::instrument::{Amount, Counter, Gauge};
use super::label::label;

label! {
    /// How a node stands.
    NodeState = "state" {
        Ready = "ready",
        Unready = "unready",
        Draining = "draining",
    }
}

label! {
    /// How the store is.
    StoreState = "state" {
        /// It answers, and this node is registered.
        Fine = "fine",
        /// It does not answer.
        Away = "away",
        /// It does not take this node.
        Refused = "refused",
    }
}

label! {
    /// What the store is asked.
    StoreRequest = "request" {
        Beat = "beat",
        Leave = "leave",
        Admit = "admit",
        Publish = "publish",
        Sessions = "sessions",
        Score = "score",
        Ban = "ban",
        Bans = "bans",
        Order = "order",
        Answer = "answer",
        TakeAnswers = "take_answers",
        Configure = "configure",
        Configurations = "configurations",
        Secret = "secret",
        SetPolicy = "set_policy",
        Grant = "grant",
        Return = "return",
        Tidy = "tidy",
    }
}

label! {
    /// What it answered.
    StoreResult = "result" {
        Ok = "ok",
        Refused = "refused",
        Denied = "denied",
        /// No answer: it may have been carried out.
        Unknown = "unknown",
    }
}

/// The pool as the node sees it.
pub(crate) struct PoolState {
    nodes: Family<NodeState, Gauge>,
    pub(crate) leader: Gauge,
    store: Family<StoreState, Gauge>,
    pub(crate) lease_lag: Amount,
    pub(crate) bans: Gauge,
    pub(crate) sessions_limit: Gauge,
    path_timeout: Amount,
    pub(crate) calls: StoreCalls,
}

impl PoolState {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            nodes: book
                .family("flotilla_cluster_nodes", "Living nodes of the pool, this one included"),
            leader: book.one("flotilla_leader", "1 while this node leads the pool"),
            store: book.family(
                "flotilla_store_state",
                "1 for the state that the store of the pool is in, as this node sees it",
            ),
            lease_lag: book.one(
                "flotilla_lease_lag_seconds",
                "Time since the pool's store last renewed what this node holds",
            ),
            bans: book.one("flotilla_bans", "Banned addresses that this node knows"),
            sessions_limit: book.one(
                "flotilla_pool_sessions_limit",
                "Sessions that the pool takes at once (limits.sessions), 0 for no limit",
            ),
            path_timeout: book.one(
                "flotilla_keepalive_path_timeout_seconds",
                "The smallest idle timer on the path to the clients, 0 where none is known",
            ),
            calls: StoreCalls::new(book),
        }
    }

    /// Takes over how connections are kept alive.
    pub(crate) fn path(&self, keepalive: &Keepalive) {
        self.path_timeout.set(keepalive.smallest().map_or(0.0, |timer| timer.as_secs_f64()));
    }

    /// Takes over how the nodes stand.
    pub(crate) fn see(&self, nodes: impl Iterator<Item = Standing>) {
        let (mut ready, mut unready, mut draining) = (0, 0, 0);
        for standing in nodes {
            match standing {
                Standing::Ready => ready += 1,
                Standing::Unready | Standing::Unknown => unready += 1,
                Standing::Draining => draining += 1,
            }
        }
        self.nodes.of(NodeState::Ready).set(ready);
        self.nodes.of(NodeState::Unready).set(unready);
        self.nodes.of(NodeState::Draining).set(draining);
    }

    /// Takes over how the store is.
    pub(crate) fn link(&self, link: &Link) {
        let now = match link {
            Link::Fine { .. } => StoreState::Fine,
            Link::Away { .. } => StoreState::Away,
            Link::Refused(_) => StoreState::Refused,
        };
        for state in [StoreState::Fine, StoreState::Away, StoreState::Refused] {
            self.store.of(state).set(i64::from(state == now));
        }
    }
}

/// What the store is asked, and how fast it answers.
#[derive(Clone)]
pub(crate) struct StoreCalls {
    latency: Family<StoreRequest, Histogram>,
    answered: Family<(StoreRequest, StoreResult), Counter>,
}

impl StoreCalls {
    fn new(book: &mut Book) -> Self {
        Self {
            latency: book.histograms(
                "flotilla_store_latency_seconds",
                "How long requests to the store of the pool took, failed ones included",
                histogram::SHORT_SECONDS,
            ),
            answered: book.family(
                "flotilla_store_calls_total",
                "Requests to the store of the pool, by what it answered",
            ),
        }
    }
}

/// A store whose requests are counted.
pub(crate) struct CountedStore {
    store: Rc<dyn Store>,
    calls: StoreCalls,
}

impl CountedStore {
    /// Counts those that come through it.
    pub(crate) fn new(store: Rc<dyn Store>, calls: StoreCalls) -> Self {
        Self { store, calls }
    }
}

impl Store for CountedStore {
    fn call(&self, request: Request) -> Call {
        let of = StoreRequest::of(&request);
        let (call, calls, begun) = (self.store.call(request), self.calls.clone(), Instant::now());
        Box::pin(async move {
            let answer = call.await;
            let result = match &answer {
                Ok(_) => StoreResult::Ok,
                Err(StoreError::Refused(_)) => StoreResult::Refused,
                Err(StoreError::Denied(_)) => StoreResult::Denied,
                Err(StoreError::Unknown(_)) => StoreResult::Unknown,
            };
            calls.latency.of(of).took(begun.elapsed());
            calls.answered.of((of, result)).inc();
            answer
        })
    }

    fn hint(&self) -> Pin<Box<dyn Future<Output = Hint> + '_>> {
        self.store.hint()
    }

    fn name(&self) -> String {
        self.store.name()
    }
}

impl StoreRequest {
    fn of(request: &Request) -> Self {
        match request {
            Request::Beat(_) => Self::Beat,
            Request::Leave(_) => Self::Leave,
            Request::Admit(_) => Self::Admit,
            Request::Publish(_) => Self::Publish,
            Request::Sessions { .. } => Self::Sessions,
            Request::Score(_) => Self::Score,
            Request::Ban(_) => Self::Ban,
            Request::Bans => Self::Bans,
            Request::Order { .. } => Self::Order,
            Request::Answer { .. } => Self::Answer,
            Request::TakeAnswers(_) => Self::TakeAnswers,
            Request::Configure { .. } => Self::Configure,
            Request::Configurations => Self::Configurations,
            Request::Secret { .. } => Self::Secret,
            Request::SetPolicy { .. } => Self::SetPolicy,
            Request::Grant { .. } => Self::Grant,
            Request::Return { .. } => Self::Return,
            Request::Tidy => Self::Tidy,
        }
    }
}

//! Every metric of the node, defined once, with unit and labels.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::pipe::PIPES;
use crate::ports::PortCounts;

/// The metrics; shared by all arbiters, counted with atomics, none of them per command.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) sessions: Gauge,
    pub(crate) refused_banned: Counter,
    pub(crate) refused_connections: Counter,
    pub(crate) refused_unauthenticated: Counter,
    pub(crate) unauthenticated: Occupied,
    pub(crate) ssh_startups: Occupied,
    pub(crate) accept_errors: Counter,
    pub(crate) proxy: ProxyHeaders,
    pub(crate) relay: RelayCounts,
    pub(crate) logins_granted: Counter,
    pub(crate) logins_refused: Counter,
    pub(crate) tls_failed: Counter,
    pub(crate) key_updates: Counter,
    pub(crate) passive_refused: Counter,
    passive: Passive,
    pipes: PipeCounts,
    pub(crate) transfers: Counter,
    pub(crate) transfers_failed: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) ready: Gauge,
    pub(crate) pool: PoolState,
    pub(crate) certificate_expiry: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("flotilla");
        Self {
            sessions: gauge(&mut registry, "sessions", "Control connections that live"),
            refused_banned: counter(
                &mut registry,
                "refused_banned",
                "Connections of banned addresses",
            ),
            refused_connections: counter(
                &mut registry,
                "refused_connections",
                "Connections above limits.connections",
            ),
            refused_unauthenticated: counter(
                &mut registry,
                "refused_unauthenticated",
                "Connections above limits.unauthenticated or limits.unauthenticated_per_address",
            ),
            unauthenticated: Occupied(gauge(
                &mut registry,
                "unauthenticated",
                "Control connections that live and have no login",
            )),
            ssh_startups: Occupied(gauge(
                &mut registry,
                "ssh_startups",
                "SSH connections that live and have no login",
            )),
            proxy: ProxyHeaders::new(&mut registry),
            relay: RelayCounts::new(&mut registry),
            accept_errors: counter(&mut registry, "accept_errors", "Failed accepts of listeners"),
            logins_granted: counter(&mut registry, "logins_granted", "Logins that were let in"),
            logins_refused: counter(&mut registry, "logins_refused", "Logins that were refused"),
            tls_failed: counter(
                &mut registry,
                "tls_failed",
                "Failed handshakes of control connections",
            ),
            key_updates: counter(
                &mut registry,
                "key_updates",
                "KeyUpdates sent to keep control connections under TLS 1.3",
            ),
            passive_refused: counter(
                &mut registry,
                "passive_refused",
                "PASV and EPSV that found no free port",
            ),
            passive: Passive::new(&mut registry),
            pipes: PipeCounts::new(&mut registry),
            transfers: counter(&mut registry, "transfers", "Transfers, listings included"),
            transfers_failed: counter(&mut registry, "transfers_failed", "Transfers that failed"),
            bytes_in: bytes(&mut registry, "received", "Bytes of uploads"),
            bytes_out: bytes(&mut registry, "sent", "Bytes of downloads and listings"),
            ready: gauge(&mut registry, "ready", "1 while the node is ready"),
            pool: PoolState::new(&mut registry),
            certificate_expiry: seconds(
                &mut registry,
                "certificate_expiry",
                "When the first certificate ends, Unix time",
            ),
            registry,
        }
    }

    /// Takes over the counts of the passive ports.
    pub(crate) fn ports(&self, counts: &PortCounts) {
        for (gauge, count) in [
            (&self.passive.listening, counts.listening),
            (&self.passive.pending, counts.pending),
            (&self.passive.lingering, counts.lingering),
            (&self.passive.granted, counts.granted_total),
            (&self.passive.strangers, counts.refused_total),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// All of them in the OpenMetrics text format.
    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        self.pipes.update();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// What the relay did.
#[derive(Clone, Debug, Default)]
pub(crate) struct RelayCounts {
    /// Connections that were carried to another node.
    pub(crate) sent: Counter,
    /// Connections that another node brought, and that a session took.
    pub(crate) received: Counter,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
    /// Carried now.
    pub(crate) active: Occupied,
    /// Carried, both ways together.
    pub(crate) bytes: Counter,
}

impl RelayCounts {
    fn new(registry: &mut Registry) -> Self {
        let refused = Family::default();
        let help = "Data connections that were not carried, or not taken, by reason";
        registry.register("relay_refused", help, Family::clone(&refused));
        Self {
            sent: counter(registry, "relay_sent", "Data connections carried to another node"),
            received: counter(registry, "relay_received", "Data connections brought by others"),
            refused,
            active: Occupied(gauge(registry, "relay_active", "Data connections carried now")),
            bytes: bytes(registry, "relay", "Bytes that were carried, both ways"),
        }
    }

    /// One was not carried, or not taken, for this reason.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }
}

/// PROXY headers, by what came of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyHeaders {
    /// A client's address was taken over.
    pub(crate) taken: Counter,
    /// The connection is the balancer's own.
    pub(crate) local: Counter,
    /// Missing, wrong, or of somebody who is no balancer.
    pub(crate) refused: Counter,
    /// Nothing came in time.
    pub(crate) late: Counter,
    /// Too many are waited for.
    pub(crate) crowded: Counter,
}

impl ProxyHeaders {
    fn new(registry: &mut Registry) -> Self {
        let headers = Family::<[(&'static str, &'static str); 1], Counter>::default();
        registry.register("proxy_headers", "PROXY headers, by what came of them", headers.clone());
        let of = |result| headers.get_or_create_owned(&[("result", result)]);
        Self {
            taken: of("ok"),
            local: of("local"),
            refused: of("refused"),
            late: of("late"),
            crowded: of("crowded"),
        }
    }
}

/// The counts of the passive ports.
struct Passive {
    listening: Gauge,
    pending: Gauge,
    lingering: Gauge,
    granted: Gauge,
    strangers: Gauge,
}

impl Passive {
    fn new(registry: &mut Registry) -> Self {
        Self {
            listening: gauge(registry, "passive_listening", "Open passive listeners"),
            pending: gauge(registry, "passive_pending", "Passive ports that wait for their client"),
            lingering: gauge(
                registry,
                "passive_lingering",
                "Passive ports kept from a client for a while because it did not come",
            ),
            granted: gauge(registry, "passive_granted", "Passive ports granted since the start"),
            strangers: gauge(
                registry,
                "passive_strangers",
                "Data connections closed because nobody waited for their address, since the start",
            ),
        }
    }
}

/// The pipes of the process.
struct PipeCounts {
    exist: Gauge,
    missed: Gauge,
}

impl PipeCounts {
    fn new(registry: &mut Registry) -> Self {
        Self {
            exist: gauge(registry, "pipes", "Pipes that move bytes without a copy, or could"),
            missed: gauge(
                registry,
                "pipes_missed",
                "How often bytes were copied for a while because there was no pipe, since the start",
            ),
        }
    }

    fn update(&self) {
        self.exist.set(i64::try_from(PIPES.count()).unwrap_or(i64::MAX));
        self.missed.set(i64::try_from(PIPES.missed()).unwrap_or(i64::MAX));
    }
}

/// The pool as the node sees it.
pub(crate) struct PoolState {
    pub(crate) nodes: Gauge,
    pub(crate) leads: Gauge,
    pub(crate) store: Gauge,
    pub(crate) bans: Gauge,
}

impl PoolState {
    fn new(registry: &mut Registry) -> Self {
        Self {
            nodes: gauge(registry, "pool_nodes", "Living nodes of the pool, this one included"),
            leads: gauge(registry, "pool_leads", "1 while this node leads the pool"),
            store: gauge(
                registry,
                "pool_store_fine",
                "1 while the store of the pool answers and takes this node",
            ),
            bans: gauge(registry, "pool_bans", "Banned addresses that this node knows"),
        }
    }
}

/// A gauge that is the count itself, which a limit is held against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Occupied(Gauge);

impl Occupied {
    /// One more, unless there are `limit` already; whether there was room.
    pub(crate) fn add_below(&self, limit: u32) -> bool {
        let more = |count: i64| (count < i64::from(limit)).then_some(count.saturating_add(1));
        self.0.inner().fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// One less.
    pub(crate) fn subtract(&self) {
        self.0.dec();
    }

    /// How many there are.
    pub(crate) fn count(&self) -> i64 {
        self.0.get()
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let metric = Gauge::default();
    registry.register(name, help, metric.clone());
    metric
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let metric = Counter::default();
    registry.register(name, help, metric.clone());
    metric
}

fn seconds(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let metric = Gauge::default();
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

fn bytes(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let metric = Counter::default();
    registry.register_with_unit(name, help, Unit::Bytes, metric.clone());
    metric
}

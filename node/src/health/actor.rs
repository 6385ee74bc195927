//! The `Health` actor: probes the node and keeps the TCP port that is open only while it is ready.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use tracing::warn;

use super::exhaustion::Exhaustion;
use super::{EXHAUSTED, Readiness, STORAGE};
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::ports::{PortCounts, Ports, ReadCounts};
use crate::tls;

/// The actor.
pub(crate) struct Health {
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    policy: Arc<Policy>,
    tls: tls::Store,
    ports: Addr<Ports>,
    /// The port of `health.tcp` while it is open.
    open: Option<TcpListener>,
    exhaustion: Exhaustion,
}

impl Health {
    pub(crate) fn new(
        readiness: Arc<Readiness>,
        metrics: Arc<Metrics>,
        policy: Arc<Policy>,
        tls: tls::Store,
        ports: Addr<Ports>,
    ) -> Self {
        Self {
            readiness,
            metrics,
            policy,
            tls,
            ports,
            open: None,
            exhaustion: Exhaustion::default(),
        }
    }

    fn probe(&mut self, context: &mut Context<Self>) {
        let counts = self.ports.send(ReadCounts).into_actor(self);
        context.spawn(counts.map(|counts, health, _| {
            if let Ok(counts) = counts {
                health.metrics.data.take(&counts);
                health.judge_ports(&counts);
            }
        }));
        let health = self.policy.storages.health();
        self.metrics.process.lanes(&health);
        if health.stalled {
            let reason = format!("{} operations exceed storage.timeout", health.stuck);
            self.readiness.set(STORAGE, reason);
        } else {
            self.readiness.clear(STORAGE);
        }
        let ends = self.tls.certificates().into_iter().map(|certificate| certificate.not_after);
        let first = ends.min().and_then(|end| end.duration_since(UNIX_EPOCH).ok());
        if let Some(first) = first.and_then(|first| i64::try_from(first.as_secs()).ok()) {
            self.metrics.certificate_expiry.set(first);
        }
        self.keep_port();
    }

    fn judge_ports(&mut self, counts: &PortCounts) {
        match self.exhaustion.on_count(counts.exhausted_total, Instant::now()) {
            true => self.readiness.set(EXHAUSTED, NO_PORTS.to_owned()),
            false => self.readiness.clear(EXHAUSTED),
        }
    }

    /// Connections to the port wait in its backlog until it closes: a checker sees them established,
    /// and that is all it asks.
    fn keep_port(&mut self) {
        let Some(address) = self.policy.config.health.tcp else { return };
        match (self.readiness.reasons().is_empty(), &self.open) {
            (true, None) => match bind(address) {
                Ok(listener) => self.open = Some(listener),
                Err(error) => warn!(%address, %error, "health.tcp can not be opened"),
            },
            (true, Some(listener)) => take_out(listener),
            (false, _) => self.open = None,
        }
    }
}

/// Takes the checkers' connections out, or the backlog would fill and look like death. What one of them
/// has said, a PROXY header as a rule, is read first: a connection that is closed over unread bytes
/// ends with a reset, which a checker may take for a failure.
fn take_out(listener: &TcpListener) {
    for _ in 0..TAKEN_MAX {
        let Ok((mut checker, _)) = listener.accept() else { return };
        let _ = checker.set_nonblocking(true).and_then(|()| checker.read(&mut [0; HEADER_BYTES]));
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Probe now; the policy may be new.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Probe(pub(crate) Option<Arc<Policy>>);

impl Actor for Health {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.probe(context);
        context.run_interval(INTERVAL, Self::probe);
    }
}

impl Handler<Probe> for Health {
    type Result = ();

    fn handle(&mut self, message: Probe, context: &mut Self::Context) {
        if let Some(policy) = message.0 {
            self.policy = policy;
        }
        self.probe(context);
    }
}

const NO_PORTS: &str = "clients ask for passive ports and find none: ftp.passive.ports is too small for the \
                        transfers that one client address begins at once, or the pool has no block left";

/// Between two probes: they cost a few microseconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// Connections of checkers that one probe takes out: more than a backlog holds, so that a flood of them
/// does not hold the probe up.
const TAKEN_MAX: usize = 4096;

/// More than a PROXY header with all that balancers are known to add.
const HEADER_BYTES: usize = 4096;

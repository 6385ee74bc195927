//! Health: why the node is not ready, and the ways to ask.
//!
//! Readiness is a set of latches, each with its reason; the node is ready when none is set.
//! [`Health`] probes what can go wrong while it runs, `http` answers `/livez`, `/readyz` and
//! `/metrics` on the server of [`web`](crate::web).

mod actor;
mod exhaustion;
pub(crate) mod http;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use actor::{Health, Probe};

use crate::metrics::Metrics;

/// The latches. Locked only when one changes or somebody asks; sessions never look.
pub(crate) struct Readiness {
    reasons: Mutex<BTreeMap<&'static str, String>>,
    metrics: Arc<Metrics>,
}

impl Readiness {
    /// Not ready, because the node starts.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let readiness = Self { reasons: Mutex::default(), metrics };
        readiness.set(STARTING, "the node is starting".to_owned());
        readiness
    }

    /// Sets a latch; a second reason replaces the first.
    pub(crate) fn set(&self, latch: &'static str, reason: String) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let old = reasons.insert(latch, reason.clone());
        // The node's own start and end are no news to warn of, nor is what comes with them.
        let is_between = reasons.contains_key(STARTING) || reasons.contains_key(DRAINING);
        if old.as_ref() != Some(&reason) && !is_between {
            tracing::warn!(latch, reason, "not ready");
        }
        self.metrics.ready.set(0);
        self.metrics.draining.set(i64::from(reasons.contains_key(DRAINING)));
    }

    /// Opens a latch.
    pub(crate) fn clear(&self, latch: &'static str) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.remove(latch).is_some() {
            match reasons.is_empty() {
                true => tracing::info!("ready"),
                // What was wrong already when the start was over.
                false if latch == STARTING => {
                    for (latch, reason) in &*reasons {
                        tracing::warn!(latch, reason, "not ready");
                    }
                }
                false => {}
            }
        }
        self.metrics.ready.set(i64::from(reasons.is_empty()));
        self.metrics.draining.set(i64::from(reasons.contains_key(DRAINING)));
    }

    /// Why the node is not ready; empty when it is.
    pub(crate) fn reasons(&self) -> BTreeMap<&'static str, String> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Until all listeners serve.
pub(crate) const STARTING: &str = "starting";
/// From the first TERM on.
pub(crate) const DRAINING: &str = "draining";
/// While the storage hangs.
pub(crate) const STORAGE: &str = "storage";
/// While the pool does not take this node; a store that is away is no reason.
pub(crate) const POOL: &str = "pool";
/// While the node has no passive ports to give, of those that the pool shares.
pub(crate) const PORTS: &str = "passive_ports";
/// While passive ports run out.
pub(crate) const EXHAUSTED: &str = "passive_ports_exhausted";
/// While the storage is not that of the other nodes.
pub(crate) const MARK: &str = "shared_storage";
/// After the death of an actor that there is one of.
pub(crate) const ACTOR: &str = "actor";

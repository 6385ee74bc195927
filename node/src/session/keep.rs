//! What keeps the control connection while a request is under way: the policy of the pool, carried to this
//! session.
//!
//! Where a balancer counts payload only, a control connection under TLS 1.3 gets a KeyUpdate (RFC 8446,
//! 4.6.3) in time: new keys for what the server sends, of which the program behind the client's TLS sees nothing. A
//! clear one gets lines of its final reply, if the operator wants them; TLS 1.2 has nothing.

use std::io;
use std::time::{Duration, Instant};

use flotilla_cluster::keepalive::Resets;
use flotilla_protocol::ftp::{IdleLimit, Keepalive};

use super::actor::Session;
use super::transfer::Loss;
use crate::keepalive::Tuned;

/// What this control connection needs.
#[derive(Debug)]
pub(super) struct Keep {
    /// The options that its socket has.
    tuned: Tuned,
    /// Payload within this time, while something is under way.
    payload: Option<Duration>,
    /// When the server last sent some.
    fed: Instant,
    /// When the client last did.
    heard: Instant,
    /// A balancer ends connections that carry no payload for so long.
    cut_after: Option<Duration>,
}

impl Keep {
    pub(super) fn new(now: Instant) -> Self {
        Self { tuned: Tuned::now(), payload: None, fed: now, heard: now, cut_after: None }
    }

    /// Payload went out.
    pub(super) fn feed(&mut self, now: Instant) {
        self.fed = now;
    }

    /// Payload came in.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Who ended the control connection. A balancer that counts payload ends a silent one when its time is up, as a
    /// client would. One that counts packets does not: probes see to that. Silence itself ends what has probes, and
    /// a client that was killed is not silent.
    pub(super) fn judge(&self, error: Option<&io::Error>, now: Instant) -> Loss {
        let silent = now.duration_since(self.fed.max(self.heard));
        let is_due = self.cut_after.is_some_and(|after| silent >= after - after / DUE_PART);
        match error.map(io::Error::kind) {
            Some(
                io::ErrorKind::TimedOut
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable,
            ) => Loss::Path,
            _ if is_due => Loss::Path,
            _ => Loss::Client,
        }
    }
}

/// Clocks differ, and what the node sent last the balancer saw a little later: this part of its time.
const DUE_PART: u32 = 10;

impl Session {
    /// Goes by the policy as it is now.
    pub(super) fn take_keepalive(&mut self) {
        let keepalive = self.worker.keepalive();
        self.keep.payload = keepalive.payload;
        let cuts = keepalive.timers.iter().filter(|timer| timer.resets == Resets::Payload);
        self.keep.cut_after = cuts.map(|timer| timer.after).min();
        let lines = self.policy.config.ingress.progress_lines;
        self.machine.on_keepalive(Keepalive {
            idle_limit: keepalive.ftp_idle.as_ref().map(|limit| IdleLimit {
                after: limit.after,
                reason: limit.reason.as_str().into(),
            }),
            progress: keepalive.payload.filter(|_| lines && !self.ended),
        });
        if let Some(socket) = self.wire.socket() {
            self.keep.tuned.refresh(socket);
        }
    }

    /// When a KeyUpdate is due.
    pub(super) fn update_deadline(&self) -> Option<Instant> {
        let is_busy = self.transfer.is_some() || self.work.is_some();
        let payload = self.keep.payload.filter(|_| is_busy && !self.ended && !self.lost)?;
        self.wire.can_update_keys().then(|| self.keep.fed + payload)
    }

    /// Sends it. A connection that can not take it is found broken by whoever writes next.
    pub(super) fn update_keys(&mut self, now: Instant) {
        self.keep.feed(now);
        if self.wire.update_keys() {
            self.worker.metrics.key_updates.inc();
        }
    }
}

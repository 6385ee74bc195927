//! What keeps the control connection while a request is under way: the policy of the pool, carried to this
//! session.
//!
//! Where a balancer counts payload only, a control connection under TLS 1.3 gets a KeyUpdate (RFC 8446,
//! 4.6.3) in time: new keys for what the server sends, of which no program sees anything; its library sees all of them at
//! once if it reads nothing before the end, and takes a few (`flotilla_cluster::keepalive::cuts`). So there are as few as
//! the timer permits. A clear one gets lines of its final reply, if the operator wants them; TLS 1.2 has nothing.

use std::time::{Duration, Instant};

use flotilla_protocol::ftp::{IdleLimit, Keepalive};

use super::actor::Session;
use super::ending::Loss;
use crate::keepalive::Tuned;

/// What this control connection needs.
#[derive(Debug)]
pub(super) struct Keep {
    /// The options that its socket has.
    tuned: Tuned,
    /// Payload within this time, while something is under way.
    payload: Option<Duration>,
    /// When some last went by, either way.
    fed: Instant,
}

impl Keep {
    /// For a socket with these options.
    pub(super) fn new(tuned: Tuned, now: Instant) -> Self {
        Self { tuned, payload: None, fed: now }
    }

    /// Payload went out or came in.
    pub(super) fn feed(&mut self, now: Instant) {
        self.fed = now;
    }

    /// For how long none did.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.fed)
    }
}

impl Session {
    /// Goes by the policy as it is now.
    pub(super) fn take_keepalive(&mut self) {
        let keepalive = self.worker.keepalive();
        // A control connection that has ended is kept by nothing; what is sent there is only answered by a reset.
        let payload = keepalive.payload.filter(|_| self.loss.is_none());
        self.keep.payload = payload;
        let lines = self.policy.config.ingress.progress_lines;
        self.machine.on_keepalive(Keepalive {
            idle_limit: keepalive.ftp_idle.as_ref().map(|limit| IdleLimit {
                after: limit.after,
                reason: limit.reason.as_str().into(),
            }),
            progress: payload.filter(|_| lines),
        });
        self.tune_socket();
    }

    /// Gives the socket the options that are in force; one that is away for its handshake, when it has come back.
    pub(super) fn tune_socket(&mut self) {
        if let Some(socket) = self.wire.socket() {
            self.keep.tuned.refresh(socket);
        }
    }

    /// The control connection has ended. Only the first news of it is: later ones are what became of writing
    /// to it.
    pub(super) fn note_loss(&mut self, now: Instant) {
        if self.loss.is_some() {
            return;
        }
        let explained = self.worker.keepalive().explains(self.keep.silence(now));
        let loss = Loss { at: now, by_balancer: self.is_spliced && explained };
        self.loss = Some(loss);
        if let Some(transfer) = &self.transfer {
            transfer.control_lost(loss);
        }
        self.take_keepalive();
    }

    /// When a KeyUpdate is due.
    pub(super) fn update_deadline(&self) -> Option<Instant> {
        let is_busy = self.transfer.is_some() || self.work.is_some();
        let payload = self.keep.payload.filter(|_| is_busy)?;
        self.wire.can_update_keys().then(|| self.keep.fed + payload)
    }

    /// Sends it. A connection that can not take it is found broken by whoever writes next.
    pub(super) fn update_keys(&mut self, now: Instant) {
        self.keep.feed(now);
        if self.wire.update_keys() {
            self.worker.metrics.sessions.key_updates.inc();
        }
    }
}

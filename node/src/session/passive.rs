//! The passive port that a client was told, until a transfer takes it.
//!
//! It is kept for `timeouts.data_connect`, however often the client says something else: a port that waits can not
//! be given to others of that address, nor its block to another node.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use flotilla_protocol::ftp::Failure;
use tracing::debug;

use super::actor::Session;
use super::perform::Done;
use crate::address::advertised;
use crate::ports::{Grant, GrantRequest};
use crate::storage::Work;

/// A port that the client was told.
pub(super) struct Told {
    grant: Grant,
    /// A transfer must have begun by then.
    until: Instant,
}

impl Session {
    /// PASV and EPSV.
    pub(super) fn open_passive(&mut self, now: Instant) {
        let ports = Rc::clone(&self.worker.ports);
        // A port that nobody used yet is announced again: dropped, it would be closed to this client for a while,
        // and a range of one port would be exhausted. But not one that may be another node's by now.
        if let Some(grant) = self.take_passive().filter(|grant| ports.may_announce(grant)) {
            return self.finish_work(Done::Granted(Ok(grant)), now);
        }
        let client = self.peer.ip();
        let request = GrantRequest {
            client,
            local: self.local.ip(),
            rule: self.policy.peers.rule(client, self.machine.is_private()),
            proves: self.machine.is_private(),
        };
        match ports.grant(request) {
            Work::Ready(result) => {
                self.finish_work(Done::Granted(result.unwrap_or(Err(Failure::Internal))), now);
            }
            Work::Pending(future) => {
                self.work = Some(Box::pin(async move { Done::Granted(future.await) }));
            }
        }
    }

    /// Keeps a port that was granted; the address to tell.
    pub(super) fn keep_passive(&mut self, grant: Grant, now: Instant) -> SocketAddr {
        let told = advertised(&self.path(&self.worker.found()));
        let address = told.at(grant.port());
        debug!(%address, reason = %told.reason, "passive port");
        let until = now + self.policy.config.timeouts.data_connect;
        self.passive = Some(Told { grant, until });
        address
    }

    /// For a transfer, or for another port in its place.
    pub(super) fn take_passive(&mut self) -> Option<Grant> {
        self.passive.take().map(|told| told.grant)
    }

    /// When the port is given back.
    pub(super) fn passive_deadline(&self) -> Option<Instant> {
        self.passive.as_ref().map(|told| told.until)
    }

    /// Gives it back.
    pub(super) fn drop_passive(&mut self) {
        self.passive = None;
        debug!("passive port given back: no transfer began in time (timeouts.data_connect)");
    }
}

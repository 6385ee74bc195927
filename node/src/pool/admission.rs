//! Logins ask for a slot, and give it back; failed ones are scored.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix::{Addr, AsyncContext, Handler, Message, ResponseFuture};
use flotilla_cluster::admission::{Denied, Slot};
use flotilla_cluster::ledger::{Answer, Applicant};
use tokio::sync::oneshot;

use super::Pool;
use crate::metrics::{Mailbox, Queued};
use crate::telemetry::Context;

/// Asks for a slot after a password was right. Waits for the store of the pool where a limit concerns the
/// login, for half a second at the most.
#[derive(Debug, Message)]
#[rtype(result = "Result<Permit, Rejected>")]
pub(crate) struct Admit {
    /// The account.
    pub(crate) user: Arc<str>,
    /// The account's own limit, 0: none.
    pub(crate) account_sessions: u32,
    /// The client.
    pub(crate) address: IpAddr,
    /// The login, if its trace is sampled.
    pub(crate) trace: Option<Context>,
    queued: Queued,
}

impl Admit {
    /// For an account with its own limit (0: none), from this client.
    pub(crate) fn new(
        user: Arc<str>,
        account_sessions: u32,
        address: IpAddr,
        trace: Option<Context>,
    ) -> Self {
        Self { user, account_sessions, address, trace, queued: Queued::to(Mailbox::Pool) }
    }
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rejected {
    /// A limit is reached.
    Limit(Denied),
    /// Too many logins wait.
    Busy,
}

/// A slot; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Permit {
    slot: Option<Slot>,
    /// One that all share: an address of its own would cost each some 100 bytes.
    pool: Arc<Addr<Pool>>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            // Never refused: there are no more of these messages than there were permits.
            self.pool.do_send(Release { slot, _queued: Queued::to(Mailbox::Pool) });
        }
    }
}

/// A slot that comes back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Release {
    slot: Slot,
    _queued: Queued,
}

/// A login failed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Failed {
    address: IpAddr,
    _queued: Queued,
}

impl From<IpAddr> for Failed {
    /// The one of this client.
    fn from(address: IpAddr) -> Self {
        Self { address, _queued: Queued::to(Mailbox::Pool) }
    }
}

/// Who waits for the store's word.
pub(super) struct Waiting {
    sender: oneshot::Sender<Result<Slot, Denied>>,
    trace: Option<Context>,
}

impl Handler<Admit> for Pool {
    type Result = ResponseFuture<Result<Permit, Rejected>>;

    fn handle(&mut self, message: Admit, context: &mut Self::Context) -> Self::Result {
        let applicant = Applicant {
            user: message.user,
            account_sessions: message.account_sessions,
            address: message.address,
        };
        drop(message.queued);
        let pool = Arc::clone(self.address.get_or_init(|| Arc::new(context.address())));
        let permit = |slot| Permit { slot: Some(slot), pool };
        match self.agent.admit(applicant, Instant::now()) {
            Answer::Now(result) => {
                let result = result.map(permit).map_err(Rejected::Limit);
                Box::pin(std::future::ready(result))
            }
            Answer::Busy => Box::pin(std::future::ready(Err(Rejected::Busy))),
            Answer::Later(ticket) => {
                let (sender, answer) = oneshot::channel();
                self.waiting.insert(ticket, Waiting { sender, trace: message.trace });
                self.drive(context);
                Box::pin(async move {
                    match answer.await {
                        Ok(result) => result.map(permit).map_err(Rejected::Limit),
                        Err(_) => Err(Rejected::Busy),
                    }
                })
            }
        }
    }
}

impl Handler<Release> for Pool {
    type Result = ();

    fn handle(&mut self, message: Release, context: &mut Self::Context) {
        self.agent.release(message.slot);
        self.drive(context);
    }
}

impl Handler<Failed> for Pool {
    type Result = ();

    fn handle(&mut self, message: Failed, context: &mut Self::Context) {
        self.agent.on_failure(message.address, Instant::now());
        self.drive(context);
    }
}

impl Pool {
    /// Whose traces the request belongs to that asks the store for slots now.
    pub(super) fn asking(&self) -> Vec<Context> {
        let waiting = self.agent.asking().filter_map(|ticket| self.waiting.get(&ticket));
        waiting.filter_map(|waiting| waiting.trace).collect()
    }

    /// A login that waited is decided. Who has gone meanwhile gives the slot back.
    pub(super) fn decided(&mut self, ticket: u64, result: Result<Slot, Denied>) {
        let sent = match self.waiting.remove(&ticket) {
            Some(waiting) => waiting.sender.send(result),
            None => Err(result),
        };
        if let Err(Ok(slot)) = sent {
            self.agent.release(slot);
        }
    }
}

//! The `Registry` actor, one per node: admission slots and bans.
//!
//! Owns the [`Admission`] and [`Bans`] machines. Sessions ask it once per login and give the slot back
//! by dropping their [`Permit`]; they report failed logins to it. It tells every subscriber (the
//! acceptors) of each ban, so that a banned address is turned away at the door without a question.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Recipient};
use flotilla_cluster::admission::{Admission, Denied, Limits, Request, Slot};
use flotilla_cluster::ban::{Bans, Rules};
use tracing::warn;

/// The actor.
pub(crate) struct Registry {
    admission: Admission,
    bans: Bans,
    subscribers: Vec<Recipient<Banned>>,
}

impl Registry {
    /// A registry with nobody in it.
    pub(crate) fn new(limits: Limits, rules: Rules) -> Self {
        Self { admission: Admission::new(limits), bans: Bans::new(rules), subscribers: Vec::new() }
    }
}

/// Asks for a slot after a password was right.
#[derive(Debug, Message)]
#[rtype(result = "Result<Permit, Denied>")]
pub(crate) struct Admit {
    /// The account.
    pub(crate) user: String,
    /// The account's own limit, 0: none.
    pub(crate) account_sessions: u32,
    /// The client.
    pub(crate) address: IpAddr,
}

/// A slot; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Permit {
    slot: Option<Slot>,
    registry: Addr<Registry>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            // Never refused: there are no more of these messages than there were permits.
            self.registry.do_send(Release(slot));
        }
    }
}

/// A slot that comes back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Release(Slot);

/// A login failed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Failed {
    /// The client.
    pub(crate) address: IpAddr,
}

/// Wants to hear of bans.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Subscribe(pub(crate) Recipient<Banned>);

/// An address is banned until then.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Banned {
    /// The banned address or, for IPv6, the base of its /64.
    pub(crate) address: IpAddr,
    /// The end.
    pub(crate) until: Instant,
}

/// New limits after a reload.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetLimits {
    /// For slots.
    pub(crate) limits: Limits,
    /// For bans.
    pub(crate) rules: Rules,
}

impl Actor for Registry {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(TICK, |registry, _| registry.bans.on_tick(Instant::now()));
    }
}

impl Handler<Admit> for Registry {
    type Result = Result<Permit, Denied>;

    fn handle(&mut self, message: Admit, context: &mut Self::Context) -> Self::Result {
        let request = Request {
            user: &message.user,
            account_sessions: message.account_sessions,
            address: message.address,
        };
        let slot = self.admission.admit(request, Instant::now())?;
        Ok(Permit { slot: Some(slot), registry: context.address() })
    }
}

impl Handler<Release> for Registry {
    type Result = ();

    fn handle(&mut self, message: Release, _: &mut Self::Context) {
        self.admission.release(message.0);
    }
}

impl Handler<Failed> for Registry {
    type Result = ();

    fn handle(&mut self, message: Failed, _: &mut Self::Context) {
        let now = Instant::now();
        let Some(until) = self.bans.on_failure(message.address, now) else { return };
        let address = flotilla_cluster::admission::origin(message.address);
        warn!(client = %address, seconds = (until - now).as_secs(), "address banned");
        for subscriber in &self.subscribers {
            subscriber.do_send(Banned { address, until });
        }
    }
}

impl Handler<Subscribe> for Registry {
    type Result = ();

    fn handle(&mut self, message: Subscribe, _: &mut Self::Context) {
        self.subscribers.push(message.0);
    }
}

impl Handler<SetLimits> for Registry {
    type Result = ();

    fn handle(&mut self, message: SetLimits, _: &mut Self::Context) {
        self.admission.set_limits(message.limits);
        self.bans.set_rules(message.rules);
    }
}

/// How often memory of bans and failures that are over is given back.
const TICK: Duration = Duration::from_secs(60);

/// Logins that wait for their slot at once; more wait in front of the mailbox, up to their deadline. An answer
/// takes about a microsecond, so this is a few milliseconds of waiting.
const MAILBOX: usize = 4096;

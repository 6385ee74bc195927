//! The `Pool` actor, one per node: drives the [`Agent`], and is what the rest of the node knows of the pool.
//!
//! It talks to the store, to the [`Registry`] (for what concerns live sessions), and answers operators. It
//! decides nothing that the agent can decide. What takes time is waited for beside the mailbox: nothing here
//! blocks.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, SpawnHandle,
    StreamHandler, WrapFuture,
};
use flotilla_cluster::admission::Limits;
use flotilla_cluster::agent::{Agent, Lane, Output, Setup};
use flotilla_cluster::ban::Rules;
use flotilla_cluster::keepalive::Timer;
use flotilla_cluster::ledger::Ticket;
use flotilla_cluster::member::Place;
use flotilla_cluster::store::{Hint, Store};
use futures_util::stream;
use tokio::sync::watch;

use super::admission::Waiting;
use super::early::Early;
use super::front;
use super::mark::Mark;
use super::member::Meter;
use super::ports::Unsent;
use super::post::Post;
use super::sharing::Sharing;
use super::standing::Secrets;
use super::traced::Traced;
use crate::health::Readiness;
use crate::keepalive;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::ports::{self, PortRules, Ports};
use crate::registry::Registry;
use crate::roster::Gathered;
use crate::system::DrainHandle;
use crate::tls;

/// The actor.
pub(crate) struct Pool {
    /// Its own, for the permits.
    pub(super) address: OnceCell<Arc<Addr<Self>>>,
    pub(super) agent: Agent,
    pub(super) parts: Parts,
    /// The other parts of the node, once they are there.
    pub(super) node: Option<Rc<Surroundings>>,
    pub(super) waiting: HashMap<Ticket, Waiting>,
    pub(super) post: Rc<Post>,
    pub(super) meter: Meter,
    pub(super) mark: Mark,
    pub(super) secrets: Secrets,
    pub(super) early: Early,
    /// Whether all bans are known, or the store did not answer.
    pub(super) contact: watch::Sender<bool>,
    /// Living nodes of the pool, as kept in the data folder.
    pub(super) size: u32,
    /// What the ports have not heard of yet.
    pub(super) unsent: Unsent,
    /// A timer in front of this node alone.
    pub(super) card: Option<Timer>,
    /// It is to get fewer new clients than others.
    pub(super) is_light: bool,
    /// Where clients are sent to by DNS, as the cloud tells.
    pub(super) place: Place,
    /// When the store last renewed what this node holds; the start before that.
    pub(super) beaten: Instant,
    timer: Option<(Instant, SpawnHandle)>,
}

/// What the actor is made of.
pub(crate) struct Parts {
    pub(crate) store: Rc<Traced>,
    /// The name of the pool.
    pub(crate) name: String,
    /// The store is in this process.
    pub(crate) alone: bool,
    pub(crate) sharing: Option<Rc<Sharing>>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) tls: tls::Store,
    pub(crate) places: Places,
    pub(crate) fault: Fault,
    /// Whether this node removes old unfinished uploads.
    pub(crate) sweeps: Arc<AtomicBool>,
}

/// Where the node is reached.
pub(crate) struct Places {
    /// By clients, as `protocol://address:port`.
    pub(crate) clients: Vec<String>,
    /// By other nodes that bring data connections.
    pub(crate) relay: Option<SocketAddr>,
    /// By AWS: the instance; empty: none.
    pub(crate) instance: String,
    /// By balancers that have addresses for targets: those of the instance, the primary one first.
    pub(crate) private: Vec<Ipv4Addr>,
}

/// The other parts of the node.
pub(crate) struct Surroundings {
    pub(crate) registry: Addr<Registry>,
    pub(crate) ports: Addr<Ports>,
    pub(crate) drain: DrainHandle,
}

/// Why the node must not be in its pool, for whoever ends it.
pub(crate) type Fault = Rc<std::cell::RefCell<Option<String>>>;

impl Pool {
    /// A node that has not spoken to its pool yet.
    pub(crate) fn new(setup: Setup, parts: Parts) -> Self {
        let now = Instant::now();
        let post =
            Rc::new(Post::new(Rc::<Traced>::clone(&parts.store), setup.node.clone(), setup.seed));
        Self {
            address: OnceCell::new(),
            agent: Agent::new(setup, now),
            parts,
            node: None,
            waiting: HashMap::new(),
            post,
            meter: Meter::new(now),
            mark: Mark::default(),
            secrets: Secrets::default(),
            early: Early::default(),
            contact: watch::Sender::new(false),
            size: 0,
            unsent: Unsent::default(),
            card: None,
            is_light: false,
            place: Place::default(),
            beaten: now,
            timer: None,
        }
    }

    /// Does all that the agent wants done, and arms the timer for its next wish.
    pub(super) fn drive(&mut self, context: &mut Context<Self>) {
        let now = Instant::now();
        while let Some(output) = self.agent.poll(now) {
            match output {
                Output::Event(event) => self.on_event(event, context),
                Output::Call(lane, request) => {
                    let logins = if lane == Lane::Admit { self.asking() } else { Vec::new() };
                    let call = self.parts.store.call_for(request, logins).into_actor(self);
                    context.spawn(call.map(move |result, pool, context| {
                        if lane == Lane::Beat && result.is_ok() {
                            pool.beaten = Instant::now();
                        }
                        pool.agent.on_reply(lane, result, Instant::now());
                        pool.drive(context);
                        if lane == Lane::Beat && pool.is_contact_made() {
                            pool.contact.send_replace(true);
                        }
                    }));
                }
            }
        }
        self.arm(context);
    }

    fn arm(&mut self, context: &mut Context<Self>) {
        let next = self.agent.next_deadline();
        if let Some((at, handle)) = self.timer {
            if at == next {
                return;
            }
            context.cancel_future(handle);
        }
        let wait = next.saturating_duration_since(Instant::now());
        let handle = context.run_later(wait, |pool, context| {
            pool.timer = None;
            pool.drive(context);
        });
        self.timer = Some((next, handle));
    }

    /// Waits for something beside the mailbox, then goes on with it.
    pub(super) fn wait<T: 'static>(
        &self,
        context: &mut Context<Self>,
        work: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut Self, T, &mut Context<Self>) + 'static,
    ) {
        context.spawn(work.into_actor(self).map(then_drive(then)));
    }
}

fn then_drive<T>(
    then: impl FnOnce(&mut Pool, T, &mut Context<Pool>),
) -> impl FnOnce(T, &mut Pool, &mut Context<Pool>) {
    |result, pool, context| {
        then(pool, result, context);
        pool.drive(context);
    }
}

/// The configuration was read again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Configured {
    pub(crate) policy: Arc<Policy>,
    /// For slots.
    pub(crate) limits: Limits,
    /// For bans.
    pub(crate) rules: Rules,
}

/// The node ends: the pool is to know it. Answers when it does, or can not be told.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave;

impl Actor for Pool {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(TICK, Self::tick);
        context.run_interval(TICK, Self::look_at_secrets);
        let store = Rc::clone(&self.parts.store);
        context.add_stream(stream::unfold(store, |store| async move {
            let hint = store.hint().await;
            Some((hint, store))
        }));
        self.drive(context);
    }
}

impl StreamHandler<Hint> for Pool {
    fn handle(&mut self, hint: Hint, context: &mut Self::Context) {
        if let Hint::Answer(token) = hint {
            self.post.on_hint(token);
        }
        self.agent.on_hint(&hint, Instant::now());
        self.drive(context);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Configured> for Pool {
    type Result = ();

    fn handle(&mut self, message: Configured, context: &mut Self::Context) {
        self.parts.policy = message.policy;
        let config = &self.parts.policy.config;
        let (path, reads) = (keepalive::path(config), front::reads(config));
        self.agent.on_configured(message.limits, message.rules, path, reads, Instant::now());
        self.agent.on_port_wait(ports::wait_max(&self.parts.policy.config));
        self.set_sweeper(self.agent.term(Instant::now()).is_some());
        if self.node.is_some() {
            let rules = PortRules::new(&self.parts.policy.config);
            self.unsent.rules = Some(Arc::new(rules));
        }
        self.spread_routes();
        self.tell_settings(context);
        self.tick(context);
    }
}

impl Handler<Gathered> for Pool {
    type Result = ();

    fn handle(&mut self, message: Gathered, context: &mut Self::Context) {
        self.agent.on_gathered(message.changed, &message.ended);
        self.drive(context);
    }
}

impl Handler<Leave> for Pool {
    type Result = actix::ResponseFuture<()>;

    fn handle(&mut self, _: Leave, _: &mut Self::Context) -> Self::Result {
        let leaving = self.agent.leave().map(|request| self.parts.store.call(request));
        Box::pin(async move {
            if let Some(leaving) = leaving {
                // Whoever is not told finds out by the silence.
                let _ = leaving.await;
            }
        })
    }
}

/// Messages of a burst; a login that finds no room waits for it, within its own deadline.
const MAILBOX: usize = 1_024;
/// Between two looks at what the node says of itself.
pub(super) const TICK: Duration = Duration::from_secs(1);

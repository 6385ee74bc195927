//! The `Registry` actor, one per node: the way from the node to its live sessions.
//!
//! Sessions live on the arbiters; each arbiter's [`Acceptor`] knows those of its own. The registry passes on
//! what concerns all of them (bans, keepalive) or any of them (kicks, questions), and adds up what the arbiters answer.
//! Slots and failed logins are the [`Pool`](crate::pool::Pool)'s.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler, Message, ResponseFuture};
use flotilla_cluster::keepalive::Keepalive;
use flotilla_cluster::order::Whom;
use futures_util::future::join_all;

use crate::address::Found;
use crate::config::ZoneAddress;
use crate::listen::{Acceptor, Describe, Kick, ReadLoad};
use crate::roster::Load;

/// The actor.
pub(crate) struct Registry {
    acceptors: Vec<Addr<Acceptor>>,
}

impl Registry {
    /// The registry of these arbiters.
    pub(crate) fn new(acceptors: Vec<Addr<Acceptor>>) -> Self {
        Self { acceptors }
    }

    /// Asks every arbiter; one that does not answer in time counts as if it had no sessions.
    fn ask<M>(&self, message: &M) -> impl Future<Output = Vec<M::Result>> + use<M>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
        Acceptor: Handler<M>,
    {
        let asked = self.acceptors.iter().map(|acceptor| acceptor.send(message.clone()));
        let answers = join_all(asked.map(|asked| asked.timeout(PATIENCE)).collect::<Vec<_>>());
        async move { answers.await.into_iter().flatten().collect() }
    }
}

/// An address is banned until then.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Banned {
    /// The banned address or, for IPv6, the base of its /64.
    pub(crate) address: IpAddr,
    /// The end.
    pub(crate) until: Instant,
}

/// It is banned no more.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Lifted {
    /// As in [`Banned`].
    pub(crate) address: IpAddr,
}

/// Connections are kept alive like this from now on.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Tune(pub(crate) Arc<Keepalive>);

/// The addresses of the machine are these from now on.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Moved(pub(crate) Arc<Found>);

/// Clients reach the balancer at these addresses, as far as nobody configured others.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Fronted(pub(crate) Arc<[ZoneAddress]>);

/// End these sessions. Answers how many were told.
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct KickAll(pub(crate) Whom);

/// All that is known of the session of this number.
#[derive(Debug, Message)]
#[rtype(result = "Option<serde_json::Value>")]
pub(crate) struct DescribeOne(pub(crate) u64);

/// How busy the arbiters are, together.
#[derive(Debug, Message)]
#[rtype(result = "Load")]
pub(crate) struct ReadLoads;

impl Actor for Registry {
    type Context = Context<Self>;
}

impl Handler<Banned> for Registry {
    type Result = ();

    fn handle(&mut self, message: Banned, _: &mut Self::Context) {
        // Bounded by the bans that there may be; none may be lost.
        self.acceptors.iter().for_each(|acceptor| acceptor.do_send(message));
    }
}

impl Handler<Lifted> for Registry {
    type Result = ();

    fn handle(&mut self, message: Lifted, _: &mut Self::Context) {
        self.acceptors.iter().for_each(|acceptor| acceptor.do_send(message));
    }
}

impl Handler<Moved> for Registry {
    type Result = ();

    fn handle(&mut self, message: Moved, _: &mut Self::Context) {
        // One in half a minute at most; none may be lost.
        self.acceptors.iter().for_each(|acceptor| acceptor.do_send(message.clone()));
    }
}

impl Handler<Fronted> for Registry {
    type Result = ();

    fn handle(&mut self, message: Fronted, _: &mut Self::Context) {
        // With each revision of the policy; none may be lost.
        self.acceptors.iter().for_each(|acceptor| acceptor.do_send(message.clone()));
    }
}

impl Handler<Tune> for Registry {
    type Result = ();

    fn handle(&mut self, message: Tune, _: &mut Self::Context) {
        // A few in the life of a node; none may be lost.
        self.acceptors.iter().for_each(|acceptor| acceptor.do_send(message.clone()));
    }
}

impl Handler<KickAll> for Registry {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, message: KickAll, _: &mut Self::Context) -> Self::Result {
        let kicked = self.ask(&Kick(message.0));
        Box::pin(async move { kicked.await.into_iter().sum() })
    }
}

impl Handler<DescribeOne> for Registry {
    type Result = ResponseFuture<Option<serde_json::Value>>;

    fn handle(&mut self, message: DescribeOne, _: &mut Self::Context) -> Self::Result {
        let told = self.ask(&Describe(message.0));
        Box::pin(async move { told.await.into_iter().flatten().next() })
    }
}

impl Handler<ReadLoads> for Registry {
    type Result = ResponseFuture<Load>;

    fn handle(&mut self, _: ReadLoads, _: &mut Self::Context) -> Self::Result {
        let loads = self.ask(&ReadLoad);
        Box::pin(async move { loads.await.into_iter().fold(Load::default(), Load::with) })
    }
}

/// An arbiter answers within microseconds unless something is broken.
const PATIENCE: Duration = Duration::from_secs(2);

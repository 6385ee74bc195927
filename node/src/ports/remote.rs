//! Ports of other arbiters: the slow way, for ranges smaller than the number of arbiters and for
//! shards whose own ports are used up.

use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_cluster::ports::Layout;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::warn;

use super::gate::PortRules;
use super::grant::GrantRequest;
use super::lent::{Lent, Loan};
use super::pooled::ShardUse;
use super::shard::PortShard;
use super::wait::Wait;
use crate::log::Seldom;
use crate::relay::{Incoming, Routes};

/// What a shard is told from outside of its arbiter.
#[derive(Debug)]
pub(super) enum Message {
    /// Another shard wants a port.
    Lend(Ask),
    /// Something else is known of the pool's ports.
    Routes(Arc<Routes>),
    /// The configuration was read again.
    Rules(Arc<PortRules>),
    /// What is needed of the ports, divided in this way?
    Usage(Layout, oneshot::Sender<ShardUse>),
}

/// A request of one shard to another.
#[derive(Debug)]
pub(super) struct Ask {
    request: GrantRequest,
    answer: oneshot::Sender<Option<Lent>>,
}

/// The inboxes of all shards.
#[derive(Clone, Debug)]
pub(super) struct Neighbours(Arc<[Door]>);

/// Into one shard, from outside of its arbiter. What other nodes bring has a way of its own: it stops nothing else.
#[derive(Debug)]
struct Door {
    messages: mpsc::Sender<Message>,
    brought: mpsc::Sender<Incoming>,
}

/// What a shard takes out.
pub(super) type Inbox = (mpsc::Receiver<Message>, mpsc::Receiver<Incoming>);

impl Neighbours {
    /// So many, and what each of them takes out.
    pub(super) fn new(count: usize) -> (Self, Vec<Inbox>) {
        let door = |_| {
            let (messages, inbox) = mpsc::channel(INBOX_MAX);
            let (brought, taken) = mpsc::channel(BROUGHT_MAX);
            (Door { messages, brought }, (inbox, taken))
        };
        let (doors, inboxes): (Vec<_>, Vec<_>) = (0..count).map(door).unzip();
        (Self(doors.into()), inboxes)
    }

    /// All shards, this one included.
    pub(super) fn count(&self) -> usize {
        self.0.len().max(1)
    }

    /// Tells a shard something; `false`: it has no room.
    pub(super) fn tell(&self, index: usize, message: Message) -> bool {
        self.0.get(index).is_some_and(|door| door.messages.try_send(message).is_ok())
    }

    /// Brings a connection to the shard that has its port; `false`: it is closed.
    pub(super) fn bring(&self, index: usize, incoming: Incoming) -> bool {
        self.0.get(index).is_some_and(|door| door.brought.try_send(incoming).is_ok())
    }

    /// There is only one shard.
    pub(super) fn none(&self) -> bool {
        self.0.len() < 2
    }

    /// Asks the others in turn, the next one first, so that all shards do not ask the same one.
    pub(super) async fn ask(
        &self,
        own: usize,
        request: &GrantRequest,
        seldom: &Seldom,
    ) -> Option<Lent> {
        let count = self.0.len();
        for step in 1..count {
            let index = (own + step) % count;
            let (answer, answered) = oneshot::channel();
            let ask = Ask { request: request.clone(), answer };
            if !self.tell(index, Message::Lend(ask)) {
                if let Some(held) = seldom.pass(Instant::now()) {
                    warn!(
                        shard = index,
                        held, "passive ports of another arbiter not asked: it is overloaded"
                    );
                }
                continue;
            }
            match timeout(ANSWER, answered).await {
                Ok(Ok(Some(lent))) => return Some(lent),
                Ok(_) => {}
                Err(_) => {
                    if let Some(held) = seldom.pass(Instant::now()) {
                        warn!(
                            shard = index,
                            held, "passive ports of another arbiter: no answer in time"
                        );
                    }
                }
            }
        }
        None
    }
}

/// Serves the other shards and the node until the shard or the node is gone.
pub(super) async fn serve(shard: Weak<PortShard>, mut inbox: mpsc::Receiver<Message>) {
    while let Some(message) = inbox.recv().await {
        let Some(shard) = shard.upgrade() else { return };
        match message {
            Message::Lend(ask) => lend(&shard, ask),
            Message::Routes(routes) => shard.set_routes(&routes),
            Message::Rules(rules) => shard.set_rules(rules),
            Message::Usage(layout, answer) => {
                let _ = answer.send(shard.usage(layout, Instant::now()));
            }
        }
    }
}

/// Takes what other nodes brought to other arbiters.
pub(super) async fn take(shard: Weak<PortShard>, mut brought: mpsc::Receiver<Incoming>) {
    while let Some(incoming) = brought.recv().await {
        let Some(shard) = shard.upgrade() else { return };
        shard.bring(incoming);
    }
}

fn lend(shard: &Rc<PortShard>, ask: Ask) {
    let Ask { request, answer } = ask;
    let (loan, outlet, returned) = Loan::new();
    let wait = Rc::new(Wait::there(&request, outlet));
    let Some(grant) = shard.take(&request, wait) else {
        let _ = answer.send(None);
        return;
    };
    let lent = loan.of(grant.port());
    // The guard lives here, for as long as somebody holds the other end.
    tokio::task::spawn_local(async move {
        let _ = returned.await;
        drop(grant);
    });
    let _ = answer.send(Some(lent));
}

/// How long another arbiter may take; a healthy one answers within microseconds.
const ANSWER: Duration = Duration::from_secs(1);
/// Requests of others that wait at one shard; a full inbox counts as "no port".
const INBOX_MAX: usize = 256;
/// Connections that wait at one shard to be handed on; more are reset. As many as a listener queues.
const BROUGHT_MAX: usize = 128;

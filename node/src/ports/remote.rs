//! Ports of other arbiters: the slow way, for ranges smaller than the number of arbiters and for
//! shards whose own ports are used up.

use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::warn;

use super::grant::{Accepted, GrantRequest};
use super::shard::PortShard;
use super::wait::{WAITING_MAX, Wait};

/// A port of another shard: its number, and where its connections arrive.
pub(super) type Lent = (u16, mpsc::Receiver<Accepted>);

/// A request of one shard to another.
#[derive(Debug)]
pub(super) struct Ask {
    request: GrantRequest,
    answer: oneshot::Sender<Option<Lent>>,
}

/// The inboxes of all shards.
#[derive(Clone, Debug)]
pub(super) struct Neighbours(Arc<[mpsc::Sender<Ask>]>);

impl Neighbours {
    pub(super) fn new(inboxes: impl Iterator<Item = mpsc::Sender<Ask>>) -> Self {
        Self(inboxes.collect())
    }

    /// There is only one shard.
    pub(super) fn none(&self) -> bool {
        self.0.len() < 2
    }

    /// Asks the others in turn, the next one first, so that all shards do not ask the same one.
    pub(super) async fn ask(&self, own: usize, request: &GrantRequest) -> Option<Lent> {
        let count = self.0.len();
        for step in 1..count {
            let index = (own + step) % count;
            let Some(inbox) = self.0.get(index) else { continue };
            let (answer, answered) = oneshot::channel();
            let ask = Ask { request: request.clone(), answer };
            if inbox.try_send(ask).is_err() {
                warn!(
                    shard = index,
                    "passive ports of another arbiter not asked: it is overloaded"
                );
                continue;
            }
            match timeout(ANSWER, answered).await {
                Ok(Ok(Some(lent))) => return Some(lent),
                Ok(_) => {}
                Err(_) => {
                    warn!(shard = index, "passive ports of another arbiter: no answer in time");
                }
            }
        }
        None
    }
}

/// Answers the other shards until the shard or the node is gone.
pub(super) async fn serve(shard: Weak<PortShard>, mut inbox: mpsc::Receiver<Ask>) {
    while let Some(Ask { request, answer }) = inbox.recv().await {
        let Some(shard) = shard.upgrade() else { return };
        let (outlet, connections) = mpsc::channel(WAITING_MAX);
        let wait = Rc::new(Wait::there(request.client, request.rule.clone(), outlet));
        let Some(grant) = shard.take(&request, Rc::clone(&wait)) else {
            let _ = answer.send(None);
            continue;
        };
        let lent = (grant.port(), connections);
        // The guard lives here, for as long as somebody holds the other end.
        tokio::task::spawn_local(async move {
            wait.abandoned().await;
            drop(grant);
        });
        let _ = answer.send(Some(lent));
    }
}

/// How long another arbiter may take; a healthy one answers within microseconds.
const ANSWER: Duration = Duration::from_secs(1);
/// Requests of others that wait at one shard; a full inbox counts as "no port".
pub(super) const INBOX_MAX: usize = 256;

//! Questions to other nodes through the store, and their answers.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_cluster::id::NodeId;
use flotilla_cluster::order::{ORDER_VERSION, Order, What};
use flotilla_cluster::store::{Reply, Request, Store, StoreError, Token};
use serde_json::Value;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The post of one node.
pub(super) struct Post {
    store: Rc<dyn Store>,
    node: NodeId,
    next: Cell<Token>,
    /// Questions that wait for answers.
    open: RefCell<HashMap<Token, Rc<Notify>>>,
    /// What the listings of sessions take, which hold much memory.
    listings: Arc<Semaphore>,
}

/// What came of a question to several nodes.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) by_node: HashMap<NodeId, Value>,
    /// Who did not answer in time.
    pub(super) missing: Vec<NodeId>,
    /// Why those could not be asked.
    pub(super) fault: Option<StoreError>,
}

impl Post {
    /// Tokens begin at a random number, so that those of two nodes differ.
    pub(super) fn new(store: Rc<dyn Store>, node: NodeId, seed: u64) -> Self {
        let listings = Arc::new(Semaphore::new(LISTINGS_MAX));
        Self { store, node, next: Cell::new(seed | 1), open: RefCell::default(), listings }
    }

    /// Leave to list sessions; `None`: as many as may do already.
    pub(super) fn listing(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.listings).try_acquire_owned().ok()
    }

    /// An answer to this question has come.
    pub(super) fn on_hint(&self, token: Token) {
        if let Some(question) = self.open.borrow().get(&token) {
            question.notify_one();
        }
    }

    /// Answers a question of another node.
    pub(super) fn answer(
        self: &Rc<Self>,
        token: Token,
        answer: Value,
    ) -> impl Future<Output = ()> + use<> {
        let body = serde_json::to_vec(&(self.node.as_str(), answer)).unwrap_or_default();
        let call = self.store.call(Request::Answer { token, body });
        async move {
            // Whoever asked goes on without it after a while.
            let _ = call.await;
        }
    }

    /// Has nodes do something, and collects what they say. `generation`: the life of the one node that is
    /// meant; 0: any.
    pub(super) async fn ask(
        self: Rc<Self>,
        to: Vec<NodeId>,
        what: What,
        generation: u64,
    ) -> Answers {
        let mut answers = Answers { missing: to.clone(), ..Answers::default() };
        if to.is_empty() {
            return answers;
        }
        let question = Question::open(&self);
        let order = Order {
            version: ORDER_VERSION,
            what,
            token: question.token,
            by: self.node.to_string(),
            generation,
        };
        let asked = self.store.call(Request::Order { to, order: order.encode() }).await;
        if let Err(error) = asked {
            answers.fault = Some(error);
            return answers;
        }
        let deadline = Instant::now() + PATIENCE;
        while !answers.missing.is_empty() && Instant::now() < deadline {
            // Hints can be lost.
            let _ = tokio::time::timeout(POLL, question.notify.notified()).await;
            let taken = self.store.call(Request::TakeAnswers(question.token)).await;
            if let Ok(Reply::Answers(bodies)) = taken {
                bodies.iter().for_each(|body| answers.take(body));
            }
        }
        answers
    }
}

impl Answers {
    fn take(&mut self, body: &[u8]) {
        let Ok((node, answer)) = serde_json::from_slice::<(String, Value)>(body) else { return };
        let Ok(node) = NodeId::new(&node) else { return };
        self.missing.retain(|missing| *missing != node);
        self.by_node.insert(node, answer);
    }
}

/// A question that waits; dropped, it waits no more.
struct Question {
    post: Rc<Post>,
    token: Token,
    notify: Rc<Notify>,
}

impl Question {
    fn open(post: &Rc<Post>) -> Self {
        let token = post.next.get().max(1);
        post.next.set(token.wrapping_add(1));
        let notify = Rc::new(Notify::new());
        post.open.borrow_mut().insert(token, Rc::clone(&notify));
        Self { post: Rc::clone(post), token, notify }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.post.open.borrow_mut().remove(&self.token);
    }
}

/// Listings of sessions at once: each may hold some 30 MB.
const LISTINGS_MAX: usize = 2;
/// How long nodes may take to answer: a beat that comes without a hint, and the answer.
const PATIENCE: Duration = Duration::from_millis(3_000);
/// Between two looks without a hint.
const POLL: Duration = Duration::from_millis(200);

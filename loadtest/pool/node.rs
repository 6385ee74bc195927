//! A simulated node: the agent as a node drives it, and the store in Redis on a connection of its own.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use flotilla_cluster::admission::{Limits, Slot};
use flotilla_cluster::agent::{Agent, Event, Lane, Link, Output, Setup};
use flotilla_cluster::ban::Rules;
use flotilla_cluster::blocks::PortUse;
use flotilla_cluster::id::{Generation, NodeId};
use flotilla_cluster::keepalive::Path;
use flotilla_cluster::ledger::Answer;
use flotilla_cluster::member::{Load, MEMBER_VERSION, Member, Standing};
use flotilla_cluster::store::redis::{Address, Options};
use flotilla_cluster::store::{Redis, Request, Store};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::people::Person;

/// A node, driven by two tasks of its own.
pub(crate) struct Node {
    pub(crate) store: Redis,
    agent: RefCell<Agent>,
    wake: Notify,
    /// Its agent is not asked for what is to be done.
    is_held: Cell<bool>,
    pub(crate) seen: RefCell<Seen>,
    /// Rung whenever a node saw something.
    bell: Rc<Notify>,
}

/// What the node saw, and what was asked of the store.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requests that were answered.
    pub(crate) answered: BTreeMap<Lane, u64>,
    /// Requests under way.
    pub(crate) under_way: HashSet<Lane>,
    /// Records that the pool has heard since the agent last began anew.
    pub(crate) published: usize,
    /// Counts that the store was told.
    pub(crate) counted: usize,
    /// Logins that were decided.
    pub(crate) decided: usize,
    pub(crate) denied: usize,
    pub(crate) slots: Vec<Slot>,
    /// What came from others, and when.
    pub(crate) news: Vec<(News, Instant)>,
    /// Times that it registered anew.
    pub(crate) joined: usize,
    /// Why the store was away.
    pub(crate) away: Vec<String>,
}

/// What one node tells all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Ban(IpAddr),
    /// With its token.
    Order(u64),
    /// With the version of the ticket keys.
    Policy(u64),
}

impl Node {
    /// A node of this number that begins to join; its tasks end with the handles.
    pub(crate) fn start(
        number: u32,
        url: &str,
        bell: Rc<Notify>,
    ) -> Result<(Rc<Self>, [JoinHandle<()>; 2])> {
        let setup = Setup {
            node: NodeId::new(&format!("ftp-{number:03}"))?,
            generation: Generation(1),
            previous: Generation(0),
            alone: false,
            nodes: 0,
            limits: Limits::default(),
            rules: rules(),
            path: Path::default(),
            reads_front: false,
            ports: Some(LAYOUT.parse()?),
            port_wait: Duration::from_secs(90),
            seed: u64::from(number).wrapping_mul(SEED),
        };
        let now = Instant::now();
        let mut agent = Agent::new(setup, now);
        agent.on_port_use(PortUse { needed: PORTS, ..PortUse::default() }, now);
        agent.on_member(member(number, 0, 0), now);
        let node = Rc::new(Self {
            store: Redis::open(Options::new(url.parse::<Address>()?, "bench")),
            agent: RefCell::new(agent),
            wake: Notify::new(),
            is_held: Cell::new(true),
            seen: RefCell::default(),
            bell,
        });
        let tasks = [
            tokio::task::spawn_local(drive(Rc::clone(&node))),
            tokio::task::spawn_local(listen(Rc::clone(&node))),
        ];
        Ok((node, tasks))
    }

    /// Waits until its store has a connection.
    pub(crate) async fn connected(&self) -> Result<()> {
        Ok(self.store.connected(PATIENCE).await?)
    }

    /// Tells the agent something, and does what it then wants done.
    pub(crate) fn tell<T>(&self, say: impl FnOnce(&mut Agent, Instant) -> T) -> T {
        let told = say(&mut self.agent.borrow_mut(), Instant::now());
        self.wake.notify_one();
        told
    }

    /// Asks the agent something.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Agent) -> T) -> T {
        ask(&self.agent.borrow())
    }

    /// From now on it does nothing, or goes on.
    pub(crate) fn hold(&self, is_held: bool) {
        self.is_held.set(is_held);
        self.wake.notify_one();
    }

    /// Whether the store takes this node.
    pub(crate) fn is_fine(&self) -> bool {
        self.ask(|agent| matches!(agent.link(), Link::Fine { .. }))
    }

    /// Nobody's limit concerns the login, so its slot is there at once.
    pub(crate) fn enter(&self, person: Person) -> Result<()> {
        match self.tell(|agent, now| agent.admit(person.applicant(), now)) {
            Answer::Now(Ok(slot)) => self.seen.borrow_mut().slots.push(slot),
            other => bail!("a login was not let in at once: {other:?}"),
        }
        Ok(())
    }

    /// One second more: what the node says of itself.
    pub(crate) fn tick(&self, number: u32, turn: u64) {
        self.tell(|agent, now| {
            agent.on_member(member(number, agent.session_count(), turn), now);
        });
    }

    /// Waits until so many logins are decided.
    pub(crate) async fn decided(&self, wanted: usize) -> Result<()> {
        while self.seen.borrow().decided < wanted {
            if tokio::time::timeout(PATIENCE, self.bell.notified()).await.is_err() {
                bail!("a login is not decided");
            }
        }
        Ok(())
    }

    fn work(self: &Rc<Self>) {
        if self.is_held.get() {
            return;
        }
        loop {
            let output = self.agent.borrow_mut().poll(Instant::now());
            match output {
                Some(Output::Call(lane, request)) => self.call(lane, request),
                Some(Output::Event(event)) => self.see(event),
                None => return,
            }
        }
    }

    fn call(self: &Rc<Self>, lane: Lane, request: Request) {
        let (records, counts) = match &request {
            Request::Publish(publish) => (publish.changed.len(), 0),
            Request::Admit(admit) => (0, admit.counts.len()),
            _ => (0, 0),
        };
        self.seen.borrow_mut().under_way.insert(lane);
        let call = self.store.call(request);
        let node = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let result = call.await;
            let is_answered = result.is_ok();
            node.agent.borrow_mut().on_reply(lane, result, Instant::now());
            {
                let mut seen = node.seen.borrow_mut();
                seen.under_way.remove(&lane);
                if is_answered {
                    *seen.answered.entry(lane).or_default() += 1;
                    seen.published += records;
                    seen.counted += counts;
                }
            }
            node.wake.notify_one();
        });
    }

    fn see(&self, event: Event) {
        let mut seen = self.seen.borrow_mut();
        let now = Instant::now();
        match event {
            Event::Decided { result, .. } => {
                seen.decided += 1;
                match result {
                    Ok(slot) => seen.slots.push(slot),
                    Err(_) => seen.denied += 1,
                }
            }
            Event::Banned { origin, .. } => seen.news.push((News::Ban(origin), now)),
            Event::Order(order) => seen.news.push((News::Order(order.token), now)),
            Event::Policy(policy) => seen.news.push((News::Policy(policy.tickets), now)),
            Event::Joined { forgotten } => seen.joined += usize::from(forgotten),
            Event::Away(reason) => seen.away.push(reason),
            Event::Troubled { lane, reason } => seen.away.push(format!("{lane:?}: {reason}")),
            Event::Refused(refusal) => seen.away.push(refusal.to_string()),
            Event::Pool(_) | Event::Led(_) | Event::Lifted { .. } | Event::Ports => {}
        }
        drop(seen);
        self.bell.notify_waiters();
    }
}

/// Does what the agent wants done, when something happened and when the agent's own time has come.
async fn drive(node: Rc<Node>) {
    loop {
        node.work();
        if node.is_held.get() {
            node.wake.notified().await;
        } else {
            let next = node.ask(Agent::next_deadline);
            // Whichever came first, the agent knows what to do.
            let _ = tokio::time::timeout_at(next.into(), node.wake.notified()).await;
        }
    }
}

async fn listen(node: Rc<Node>) {
    loop {
        let hint = node.store.hint().await;
        node.tell(|agent, now| agent.on_hint(&hint, now));
    }
}

/// As large as that of a node with all listeners and a zone.
fn member(number: u32, sessions: u32, turn: u64) -> Member {
    let [.., a, b] = number.to_be_bytes();
    let address = |protocol: &str, port: u16| format!("{protocol}://192.0.{a}.{b}:{port}");
    Member {
        version: MEMBER_VERSION,
        build: "0.1.0".to_owned(),
        zone: "eu-central-1a".to_owned(),
        addresses: vec![address("ftp", 2121), address("ftps", 990), address("ssh", 2222)],
        config: SEED,
        standing: Standing::Ready,
        load: Load {
            sessions,
            transfers: 100,
            bytes_per_second: 1_000_000_000 + turn,
            cpu_permille: 500,
            lag_ms: 1,
        },
        weight: 100,
        storage: "0123456789abcdef".to_owned(),
        ..Member::default()
    }
}

fn rules() -> Rules {
    let minute = Duration::from_secs(60);
    Rules { ban_after: 10, ban_window: 10 * minute, ban_for: 30 * minute, exempt: Vec::new() }
}

const PATIENCE: Duration = Duration::from_secs(30);
/// What a node says that it needs: four blocks, at 70 % of their ports.
const PORTS: u32 = 80;
/// 512 blocks.
const LAYOUT: &str = "32768-49151/32";
/// An odd number without a pattern.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

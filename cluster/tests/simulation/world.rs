//! The world of one run: time, the store, the network, the nodes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use flotilla_cluster::admission::Limits;
use flotilla_cluster::agent::{Event, Lane, Output};
use flotilla_cluster::aws::Trouble;
use flotilla_cluster::dns::{self, Witness, Zone};
use flotilla_cluster::id::Fence;
use flotilla_cluster::store::{
    Granted, Hint, Holding, Registered, Reply, Request, State, StoreError,
};

use crate::node::Node;
use crate::random::Random;

pub(crate) struct World {
    pub(crate) now_ms: u64,
    start: Instant,
    pub(crate) limits: Limits,
    pub(crate) store: Store,
    pub(crate) zone: Zone,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    queue: BTreeMap<(u64, u64), (usize, u64, Post)>,
    posted: u64,
    /// When each node is to be woken.
    wakes: HashMap<usize, u64>,
    /// The call that a lane waits for, by node, life and lane.
    calls: HashMap<(usize, u64, Lane), u64>,
    /// When the store heard it.
    heard: HashMap<u64, u64>,
    pub(crate) random: Random,
    /// For the DNS, so that what is asked there does not change what happens elsewhere.
    dns_random: Random,
    pub(crate) facts: Facts,
    pub(crate) script: Option<Vec<String>>,
}

/// The store and its clock.
pub(crate) struct Store {
    state: State,
    pub(crate) up: bool,
    pub(crate) clock_offset_ms: i64,
    /// States to go back to, and when they were.
    older: VecDeque<(u64, State)>,
    snapshot_at: u64,
}

pub(crate) struct Network {
    pub(crate) delay_ms: Range<u64>,
    /// Of requests and of answers, in percent.
    pub(crate) loss: u64,
}

/// What the judge goes by.
#[derive(Default)]
pub(crate) struct Facts {
    /// The store last forgot something.
    pub(crate) loss_ms: Option<u64>,
    pub(crate) clock_step_ms: Option<u64>,
    pub(crate) outage_ms: Option<u64>,
    pub(crate) up_since_ms: u64,
    /// When the store gave slots, of late.
    pub(crate) exact: VecDeque<u64>,
    /// The most slots that nodes did not know of each other when the store went away.
    pub(crate) unknown: usize,
    /// When the store wrote the last table of blocks that a node went by.
    pub(crate) informed_ms: HashMap<usize, u64>,
    /// And the first one since the store last forgot something.
    pub(crate) informed_again_ms: HashMap<usize, u64>,
    /// By node and block: the last grant that it was told of.
    pub(crate) granted: HashMap<(usize, u16), Fence>,
    /// When a node first went by a table that says so: who goes by it, the block, the grant.
    pub(crate) read_ms: HashMap<(usize, u16, Fence), u64>,
    /// All the times at which the store forgot something.
    pub(crate) losses: Vec<Loss>,
    /// Requests that were answered, in all.
    pub(crate) answered: u64,
}

/// The store forgot something.
pub(crate) struct Loss {
    pub(crate) at_ms: u64,
    /// Who owned which block, as far as each node knew: registrations.
    pub(crate) known: HashMap<usize, BTreeMap<u16, Fence>>,
}

/// What is on its way.
enum Post {
    Ask(Lane, u64, Request),
    Answer(Lane, u64, Result<Reply, StoreError>),
    AskDns(dns::Request),
    AnswerDns(Result<dns::Reply, Trouble>),
    Hint(Hint),
    Wake,
}

impl World {
    pub(crate) fn new(seed: u64, limits: Limits, network: Network, loud: bool) -> Self {
        #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
        let start = Instant::now();
        let state = State::default();
        let store =
            Store { state, up: true, clock_offset_ms: 0, older: VecDeque::new(), snapshot_at: 0 };
        Self {
            now_ms: START_MS,
            start,
            limits,
            store,
            zone: Zone::new(IN_SYNC),
            nodes: Vec::new(),
            network,
            queue: BTreeMap::new(),
            posted: 0,
            wakes: HashMap::new(),
            calls: HashMap::new(),
            heard: HashMap::new(),
            random: Random::new(seed),
            dns_random: Random::new(!seed),
            facts: Facts { up_since_ms: START_MS, ..Facts::default() },
            script: loud.then(Vec::new),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms - START_MS)
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        let at = self.now_ms - START_MS;
        if let Some(script) = &mut self.script {
            script.push(format!("{at:>7} {}", what()));
        }
    }

    /// When the next thing happens.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets the next thing happen.
    pub(crate) fn step(&mut self) {
        let Some(((at, _), (node, life, post))) = self.queue.pop_first() else { return };
        self.now_ms = self.now_ms.max(at);
        self.remember();
        match post {
            Post::Ask(lane, call, request) => self.on_ask(node, life, lane, call, request),
            Post::AskDns(request) => self.on_ask_dns(node, life, request),
            to_node => self.deliver(node, life, to_node),
        }
    }

    pub(crate) fn start_node(&mut self, index: usize) {
        let (seed, limits, now_ms, now) =
            (self.random.next(), self.limits, self.now_ms, self.now());
        self.nodes[index].start(limits, seed, now_ms, now);
        self.facts.informed_ms.remove(&index);
        self.facts.informed_again_ms.remove(&index);
        self.facts.granted.retain(|(of, _), _| *of != index);
        self.facts.read_ms.retain(|(of, ..), _| *of != index);
        for loss in &mut self.facts.losses {
            loss.known.remove(&index);
        }
        self.drive(index);
    }

    /// Takes out of an agent all that it wants done.
    pub(crate) fn drive(&mut self, index: usize) {
        let now = self.now();
        if !self.nodes[index].is_running(self.now_ms) {
            return;
        }
        self.nodes[index].tell_standing(now);
        self.nodes[index].tell_use(self.now_ms, now);
        let life = self.nodes[index].generation;
        loop {
            let Some(process) = &mut self.nodes[index].process else { return };
            match process.agent.poll(now) {
                None => break,
                Some(Output::Event(event)) => {
                    if matches!(event, Event::Led(_) | Event::Joined { .. } | Event::Away(_)) {
                        let name = self.nodes[index].id.clone();
                        self.say(|| format!("{name}: {event:?}"));
                    }
                    if let Event::Decided { result: Ok(_), .. } = &event {
                        self.facts.exact.push_back(self.now_ms);
                    }
                    if let Some(process) = &mut self.nodes[index].process {
                        process.on_event(event);
                    }
                }
                Some(Output::Call(lane, request)) => self.send(index, life, lane, request),
            }
        }
        let witnesses: Vec<_> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(of, node)| {
                let exists = Some(node.process.is_some() || !is_terminated(of));
                let answers = Some(node.is_running(self.now_ms));
                (node.id.clone(), Witness { exists, answers })
            })
            .collect();
        let witness = |key: &str| witnesses.iter().find(|(id, _)| id.as_str() == key).unwrap().1;
        let Some(process) = &mut self.nodes[index].process else { return };
        let asked = process.ask_dns(witness, now);
        let next = process.next_deadline(now);
        if let Some(request) = asked {
            let at = self.now_ms + self.dns_random.range(self.network.delay_ms.clone());
            self.post(at, index, life, Post::AskDns(request));
        }
        let next = next.max(now + Duration::from_millis(1));
        let at = self.now_ms + u64::try_from((next - now).as_millis()).unwrap().max(1);
        let standing =
            self.wakes.get(&index).is_some_and(|wake| *wake > self.now_ms && *wake <= at);
        if !standing {
            self.wakes.insert(index, at);
            self.post(at, index, life, Post::Wake);
        }
    }

    fn send(&mut self, node: usize, life: u64, lane: Lane, request: Request) {
        self.posted += 1;
        let call = self.posted;
        self.calls.insert((node, life, lane), call);
        let lost =
            !self.store.up || self.nodes[node].cut_off || self.random.chance(self.network.loss);
        if lost && self.random.chance(50) {
            let error = Err(StoreError::Refused("no connection".to_owned()));
            self.post(self.now_ms + 1, node, life, Post::Answer(lane, call, error));
            return;
        }
        let late = Err(StoreError::Unknown("late".to_owned()));
        self.post(self.now_ms + LIMIT_MS, node, life, Post::Answer(lane, call, late));
        if !lost {
            let at = self.now_ms + self.delay();
            self.post(at, node, life, Post::Ask(lane, call, request));
        }
    }

    fn on_ask(&mut self, node: usize, life: u64, lane: Lane, call: u64, request: Request) {
        if !self.store.up || self.nodes[node].cut_off {
            return;
        }
        let comes = matches!(&request, Request::Beat(beat) if beat.fence.is_none());
        let reply = self.store.state.apply(request, self.store_now_us());
        self.facts.answered += 1;
        self.heard.insert(call, self.now_ms);
        if comes {
            self.hint(&Hint::Members);
        }
        if !self.random.chance(self.network.loss) {
            let at = self.now_ms + self.delay();
            self.post(at, node, life, Post::Answer(lane, call, Ok(reply)));
        }
    }

    /// Tells all who can be reached; hints may be lost.
    fn hint(&mut self, hint: &Hint) {
        for index in 0..self.nodes.len() {
            let (life, delay) = (self.nodes[index].generation, self.delay());
            if !self.nodes[index].cut_off && !self.random.chance(self.network.loss) {
                self.post(self.now_ms + delay, index, life, Post::Hint(hint.clone()));
            }
        }
    }

    fn on_ask_dns(&mut self, node: usize, life: u64, request: dns::Request) {
        let name = self.nodes[node].id.clone();
        self.say(|| format!("{name}: dns {request:?}"));
        let lost = self.dns_random.chance(self.network.loss);
        let unknown = Err(Trouble::Unknown("no answer".to_owned()));
        let reply = if lost && self.dns_random.chance(50) {
            unknown
        } else {
            crate::judge::changes(self, &request);
            let reply = self.zone.call(&request, self.now());
            if let Err(trouble) = &reply {
                // Two leaders may be at it, where the store forgot one. Who was gone and comes back finds that its
                // check is deleted, and the reference used up.
                let may = self.facts.loss_ms.is_some() || matches!(trouble, Trouble::Duplicate(_));
                assert!(may, "{request:?}: {trouble}");
            }
            if lost { unknown } else { reply }
        };
        let at = self.now_ms + self.dns_random.range(self.network.delay_ms.clone());
        self.post(at, node, life, Post::AnswerDns(reply));
    }

    fn deliver(&mut self, index: usize, life: u64, post: Post) {
        if matches!(post, Post::Wake) && self.wakes.get(&index) != Some(&self.now_ms) {
            return;
        }
        let node = &mut self.nodes[index];
        if node.generation != life || node.process.is_none() {
            return;
        }
        if node.paused_until > self.now_ms {
            let at = node.paused_until;
            if matches!(post, Post::Wake) {
                self.wakes.insert(index, at);
            }
            return self.post(at, index, life, post);
        }
        let now = self.now();
        let Some(process) = &mut self.nodes[index].process else { return };
        match post {
            Post::Answer(lane, call, result) => {
                if self.calls.get(&(index, life, lane)) != Some(&call) {
                    return;
                }
                self.calls.remove(&(index, life, lane));
                let heard = self.heard.remove(&call);
                if let Ok(Reply::Beat(Registered::Yes(beaten))) = &result
                    && !beaten.members.is_empty()
                    && !beaten.lost
                {
                    let heard = heard.unwrap();
                    self.facts.informed_ms.insert(index, heard);
                    if self.facts.loss_ms.is_none_or(|loss| loss < heard) {
                        self.facts.informed_again_ms.entry(index).or_insert(heard);
                    }
                    for (Holding { block, fence }, _) in &beaten.blocks {
                        let read = self.facts.read_ms.entry((index, *block, *fence));
                        read.or_insert(self.now_ms);
                    }
                }
                if let Ok(Reply::Granted(Granted::Blocks(blocks))) = &result {
                    let granted = blocks.iter().map(|of| ((index, of.block), of.fence));
                    self.facts.granted.extend(granted);
                }
                process.agent.on_reply(lane, result, now);
            }
            Post::AnswerDns(reply) => process.on_dns(reply, now),
            Post::Hint(hint) => process.agent.on_hint(&hint, now),
            Post::Wake | Post::Ask(..) | Post::AskDns(_) => {}
        }
        self.drive(index);
    }

    fn post(&mut self, at: u64, node: usize, life: u64, post: Post) {
        self.posted += 1;
        self.queue.insert((at, self.posted), (node, life, post));
    }

    fn delay(&mut self) -> u64 {
        let delay = self.network.delay_ms.clone();
        // Few are much later than most.
        match self.random.chance(2) {
            true => self.random.range(delay.start..delay.end * 8),
            false => self.random.range(delay),
        }
    }

    fn store_now_us(&self) -> u64 {
        let now = i64::try_from(self.now_ms).unwrap() + self.store.clock_offset_ms;
        u64::try_from(now).unwrap() * 1000
    }

    /// Keeps states to go back to.
    fn remember(&mut self) {
        if self.now_ms >= self.store.snapshot_at {
            self.store.snapshot_at = self.now_ms + 1_000;
            self.store.older.push_back((self.now_ms, self.store.state.clone()));
            let oldest = self.now_ms - OLDER_MS;
            self.store.older.retain(|(at, _)| *at >= oldest);
        }
        let recent = self.now_ms.saturating_sub(crate::judge::STALE_MS);
        while self.facts.exact.front().is_some_and(|at| *at < recent) {
            self.facts.exact.pop_front();
        }
    }

    pub(crate) fn flush(&mut self) {
        self.store.state = State::default();
        self.note_loss();
    }

    pub(crate) fn roll_back(&mut self) {
        let index = self.random.index(self.store.older.len());
        // It may go back again, but not to what was lost then.
        let older = self.store.older.drain(index..).next();
        if let Some((_, older)) = older {
            self.store.state = older;
            self.note_loss();
        }
    }

    fn note_loss(&mut self) {
        let known = self.nodes.iter().enumerate().filter_map(|(index, node)| {
            let table = node.process.as_ref()?.agent.port_table(self.now())?;
            let owners = table.owners.into_iter().map(|(block, owner)| (block, owner.fence));
            Some((index, owners.collect()))
        });
        let known = known.collect();
        self.facts.informed_again_ms.clear();
        self.facts.losses.push(Loss { at_ms: self.now_ms, known });
        self.facts.loss_ms = Some(self.now_ms);
    }
}

/// Any time of the world that is not 0.
pub(crate) const START_MS: u64 = 1_795_000_000_000;
/// Whether the machine of a node is gone, or only its process, when it has crashed.
pub(crate) fn is_terminated(node: usize) -> bool {
    node.is_multiple_of(2)
}

/// All servers of the DNS have a change.
const IN_SYNC: Duration = Duration::from_secs(2);
/// The store's response limit.
const LIMIT_MS: u64 = 500;
/// How far the store can go back.
const OLDER_MS: u64 = 12_000;

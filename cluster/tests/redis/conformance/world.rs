//! What asks: processes of nodes that know what they were told, and sometimes do not.

use std::net::IpAddr;

use flotilla_cluster::admission::Limits;
use flotilla_cluster::id::{Fence, Generation, NodeId};
use flotilla_cluster::ledger::{origin_key, user_key};
use flotilla_cluster::store::{
    Admit, BanChange, Beat, Granted, Holding, Identity, Ledger, Login, Publish, Registered, Reply,
    Request, Score,
};

use super::random::Random;
use crate::support::{START_US, node};

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Ask(Request),
    /// Microseconds; below zero the clock steps back.
    Wait(i64),
    /// The store loses everything.
    Lose,
    Save,
    /// The store is what it was when it was saved.
    RollBack,
}

/// All processes, and what they know of the pool.
#[derive(Debug)]
pub(super) struct World {
    processes: Vec<Process>,
    /// Of leaders.
    terms: Vec<Fence>,
    holdings: Vec<Holding>,
    /// What was tidied away after its time does not come back when the clock steps back past that time,
    /// and what was not yet does: so a world has either tidying or large steps.
    tidies: bool,
    /// Beats of one process, one every few seconds, that are to come: while all are silent, nobody is
    /// taken for dead.
    alive: u64,
}

/// One process of a node.
#[derive(Clone, Debug)]
struct Process {
    node: NodeId,
    generation: u64,
    previous: u64,
    fence: Option<Fence>,
    sequence: u64,
    answered: u64,
    admissions: u64,
    pool: u64,
    bans: u64,
    policy: u64,
    orders: u64,
}

/// What things last, and what adds up to that.
const MOMENTS_US: [i64; 12] = [
    250_000,
    333_334,
    500_000,
    1_000_000,
    2_000_000,
    3_000_000,
    4_000_000,
    6_000_000,
    10_000_000,
    20_000_000,
    60_000_000,
    100_000_000,
];

/// The highest fence that nobody was given.
pub(super) const FENCES_END_MS: u64 = START_US / 1000 + 100_000;

const NAMES: [&str; 4] = ["a", "b", "c", "node-of-a-long-name"];

impl Process {
    fn new(name: &str, generation: u64, previous: u64) -> Self {
        Self {
            node: node(name),
            generation,
            previous,
            fence: None,
            sequence: 0,
            answered: 0,
            admissions: 0,
            pool: 0,
            bans: 0,
            policy: 0,
            orders: 0,
        }
    }

    fn identity(&self) -> Identity {
        let fence = self.fence.unwrap_or(Fence(3));
        Identity { node: self.node.clone(), generation: Generation(self.generation), fence }
    }
}

impl World {
    pub(super) fn new(tidies: bool) -> Self {
        let processes = NAMES.map(|name| Process::new(name, 1, 0)).to_vec();
        Self { processes, terms: vec![Fence(1)], holdings: Vec::new(), tidies, alive: 0 }
    }

    pub(super) fn step(&mut self, random: &mut Random) -> Step {
        if self.alive > 0 {
            self.alive -= 1;
            return match self.alive.is_multiple_of(2) {
                true => Step::Ask(Request::Beat(self.beat(0, random))),
                false => Step::Wait(random.pick(&[2_000_000, 5_500_000, 5_999_000])),
            };
        }
        match random.below(100) {
            0..3 => {
                self.alive = 2 * random.pick(&[1, 2, 3, 112]);
                self.step(random)
            }
            3..25 => Step::Wait(self.wait(random)),
            25 => Step::Lose,
            26 => Step::Save,
            27 => Step::RollBack,
            28..30 => self.restart(random),
            _ => Step::Ask(self.request(random)),
        }
    }

    /// What the answer tells whoever asked.
    pub(super) fn learn(&mut self, request: &Request, reply: &Reply) {
        match (request, reply) {
            (Request::Beat(beat), Reply::Beat(Registered::Yes(beaten))) => {
                self.terms.extend(beaten.leader.iter().map(|term| term.fence));
                let is_it =
                    |of: &&mut Process| of.node == beat.node && of.generation == beat.generation.0;
                let Some(process) = self.processes.iter_mut().find(is_it) else { return };
                process.fence = Some(beaten.fence);
                process.answered = beat.sequence;
                process.pool = beaten.pool.id;
                process.bans = beaten.bans.number;
                process.policy = beaten.policy.as_ref().map_or(process.policy, |policy| policy.0);
                process.orders = beaten.orders.last().map_or(process.orders, |order| order.0);
            }
            (Request::Grant { .. }, Reply::Granted(Granted::Blocks(blocks))) => {
                self.holdings.extend(blocks);
            }
            _ => {}
        }
    }

    /// A process begins beside or after another of its name.
    fn restart(&mut self, random: &mut Random) -> Step {
        let of = random.pick(&self.processes);
        let previous = random.pick(&[of.generation, 0]);
        let process = Process::new(of.node.as_str(), of.generation + 1, previous);
        if self.processes.len() < 8 {
            self.processes.push(process);
        } else {
            let index = usize::try_from(random.below(8)).unwrap();
            self.processes[index] = process;
        }
        Step::Wait(1_000)
    }

    /// Mostly moments; now and then past what expires, or back.
    fn wait(&self, random: &mut Random) -> i64 {
        let most = match random.below(30) {
            0..14 => 700_000,
            14..20 => 4_000_000,
            20..25 => 15_000_000,
            25..28 => 130_000_000,
            _ => 1_300_000_000,
        };
        let us = match random.once_in(2) {
            true => i64::try_from(random.below(most)).unwrap(),
            // To the very moment of something, the one before it, the one after it.
            false => random.pick(&MOMENTS_US) + random.pick(&[0, 0, 0, -1_000, 1_000]),
        };
        match random.once_in(20) {
            true if self.tidies => -us.min(15_000_000),
            true => -us,
            false => us,
        }
    }

    fn request(&mut self, random: &mut Random) -> Request {
        let index = usize::try_from(random.below(self.processes.len() as u64)).unwrap();
        let identity = self.processes[index].identity();
        let fence = identity.fence;
        match random.below(40) {
            0..10 => Request::Beat(self.beat(index, random)),
            10..18 => Request::Admit(self.admit(index, random)),
            18..21 => Request::Publish(publish(fence, random)),
            21..23 => Request::Sessions { fence, cursor: 0 },
            23..25 => Request::Score(score(random)),
            25 | 26 => Request::Ban(ban(random)),
            27 => Request::Bans,
            28 => Request::Order {
                to: random.some(3, |random| node(random.pick(&NAMES))),
                order: bytes(random),
            },
            29 => Request::Answer { token: random.below(3), body: bytes(random) },
            30 => Request::TakeAnswers(random.below(3)),
            31 => Request::Configure { node: node(random.pick(&NAMES)), settings: bytes(random) },
            32 => Request::Configurations,
            33 => {
                let name = random.pick(&["tickets", "host-key"]).to_owned();
                let write = (!random.once_in(3)).then(|| (random.below(3), bytes(random)));
                Request::Secret { name, write }
            }
            34 => {
                let term = *self.terms.last().unwrap();
                let term = if random.once_in(4) { random.pick(&self.terms) } else { term };
                Request::SetPolicy { term, policy: bytes(random) }
            }
            35 | 36 => {
                let (blocks, wanted) = (1 + random.below(12), random.below(6));
                let (blocks, wanted) = (blocks.try_into().unwrap(), wanted.try_into().unwrap());
                Request::Grant { asking: identity, blocks, wanted }
            }
            37 => Request::Return { fence, held: self.held(random) },
            38 if random.once_in(2) => Request::Leave(identity),
            _ if self.tidies => Request::Tidy,
            _ => Request::Bans,
        }
    }

    fn beat(&mut self, index: usize, random: &mut Random) -> Beat {
        let holds = random.once_in(4).then(|| self.held(random));
        let process = &mut self.processes[index];
        // Some are heard late, or are said again.
        if !random.once_in(8) {
            process.sequence += 1;
        }
        let known = |random: &mut Random, known: u64| if random.once_in(6) { 0 } else { known };
        Beat {
            node: process.node.clone(),
            generation: Generation(process.generation),
            previous: Generation(process.previous),
            fence: process.fence.filter(|_| !random.once_in(10)),
            sequence: process.sequence,
            answered: process.answered,
            admitted: if random.once_in(4) { process.admissions } else { 0 },
            published: if random.once_in(4) { random.below(40) } else { 0 },
            candidate: random.next(),
            pool: known(random, process.pool),
            record: bytes(random),
            sessions: u32::try_from(random.below(5)).unwrap(),
            stands: !random.once_in(4),
            members: !random.once_in(3),
            bans_known: known(random, process.bans),
            policy_known: known(random, process.policy),
            orders_done: known(random, process.orders),
            holds,
        }
    }

    fn admit(&mut self, index: usize, random: &mut Random) -> Admit {
        let process = &mut self.processes[index];
        if !random.once_in(10) {
            process.admissions += 1;
        }
        let limit = |random: &mut Random, most| {
            if random.once_in(2) { 0 } else { u32::try_from(random.below(most)).unwrap() }
        };
        let limits = Limits {
            sessions: limit(random, 12),
            per_user: limit(random, 5),
            per_address: limit(random, 5),
            logins_per_second: limit(random, 4),
        };
        Admit {
            identity: process.identity(),
            sequence: process.admissions,
            sessions: u32::try_from(random.below(4)).unwrap(),
            counts: random
                .some(3, |random| if random.once_in(2) { user(random) } else { origin(random) }),
            logins: random.some(4, |random| Login {
                user: user(random),
                origin: origin(random),
                account_sessions: limit(random, 4),
            }),
            limits,
        }
    }

    /// Some of what was ever granted, or might have been.
    fn held(&self, random: &mut Random) -> Vec<Holding> {
        random.some(3, |random| match self.holdings.is_empty() || random.once_in(4) {
            true => {
                let block = u16::try_from(random.below(12)).unwrap();
                Holding { block, fence: Fence(FENCES_END_MS - random.below(100_000)) }
            }
            false => random.pick(&self.holdings),
        })
    }
}

fn bytes(random: &mut Random) -> Vec<u8> {
    random.some(12, |random| u8::try_from(random.below(256)).unwrap())
}

fn count(random: &mut Random) -> u32 {
    u32::try_from(random.below(4)).unwrap()
}

fn user(random: &mut Random) -> Ledger {
    let key = match random.below(8) {
        // A login that is counted for nobody.
        0 => Vec::new(),
        n => user_key(&format!("user{}", n % 3)),
    };
    Ledger { key, count: count(random) }
}

fn address(random: &mut Random) -> IpAddr {
    random.pick(&[
        IpAddr::from([192, 0, 2, 1]),
        IpAddr::from([0, 0, 0, 0]),
        IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, 0]),
    ])
}

fn origin(random: &mut Random) -> Ledger {
    Ledger { key: origin_key(address(random)), count: count(random) }
}

fn publish(fence: Fence, random: &mut Random) -> Publish {
    let number = |random: &mut Random| random.below(6) * random.pick(&[1, 1 << 9, 1 << 60]);
    Publish {
        fence,
        sequence: random.below(50),
        anew: random.once_in(6),
        changed: random.some(5, |random| (number(random), bytes(random))),
        ended: random.some(3, number),
    }
}

/// The window is a setting, the same for all.
fn score(random: &mut Random) -> Score {
    Score {
        origins: random.some(4, address),
        ban_after: u32::try_from(random.below(4)).unwrap(),
        window_ms: 10_000,
        ban_for_ms: random.pick(&[500, 20_000, 100_000]),
    }
}

fn ban(random: &mut Random) -> BanChange {
    let for_ms = random.pick(&[None, Some(0), Some(3_000), Some(60_000), Some(u64::MAX)]);
    BanChange { origin: address(random), for_ms, manual: random.once_in(2) }
}

//! What every request means: the state of a pool as a pure machine.
//!
//! All that is here has a counterpart in the scripts for Redis, by the same names.
//!
//! The store's clock may step back. What it once set to end within seconds (a beat, a lease, the
//! quarantine, the bucket of logins) and now lies twice as far ahead is of no worth, so that nobody
//! waits for the hour to come round again; small steps change nothing.

mod admit;
mod ban;
mod beat;
mod block;
mod mail;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use super::{Holding, Publish, Reply, Request, Secret, Token};
use crate::id::{Fence, NodeId};

/// The state of a pool.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The random name of this life of the data; `None`: nobody came yet.
    generation: Option<u64>,
    /// Nobody is taken for dead and nothing is granted before.
    quarantine_until: u64,
    /// The last beat of any node.
    last_beat: u64,
    last_fence: u64,
    nodes: BTreeMap<NodeId, Node>,
    /// Last beats by fence; a node that is not here is dead and forgotten.
    beats: HashMap<Fence, u64>,
    lead: Option<Lead>,
    policy: Option<(u64, Vec<u8>)>,
    secrets: BTreeMap<String, Secret>,
    configurations: BTreeMap<NodeId, Vec<u8>>,
    /// Sessions in all, by fence.
    sessions: HashMap<Fence, u32>,
    /// Sessions by user or origin and fence.
    ledgers: HashMap<(Vec<u8>, Fence), u32>,
    /// The last admission request of each node.
    admissions: HashMap<Fence, u64>,
    /// When the bucket of logins is full again, microseconds.
    rate_full_at: u64,
    published: HashMap<Fence, BTreeMap<u64, Vec<u8>>>,
    /// The last publication of each node.
    publications: HashMap<Fence, u64>,
    scores: HashMap<IpAddr, Failures>,
    /// Those that were lifted as well, and those that are over and not tidied away.
    bans: HashMap<IpAddr, Ban>,
    /// Exactly the keys of `bans`, by the number of their last change.
    ban_changes: BTreeMap<u64, IpAddr>,
    ban_number: u64,
    blocks: BTreeMap<u16, Block>,
    inboxes: HashMap<NodeId, Inbox>,
    answers: HashMap<Token, (u64, Vec<Vec<u8>>)>,
}

/// A registration.
#[derive(Clone, Debug)]
struct Node {
    generation: u64,
    fence: Fence,
    /// The last beat that was heard.
    sequence: u64,
    record: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Lead {
    node: NodeId,
    holder: Fence,
    term: Fence,
    until: u64,
}

/// The failed logins from one origin.
#[derive(Clone, Debug, Default)]
struct Failures {
    /// Never more than lead to a ban.
    times: VecDeque<u64>,
    /// When none of them counts any more.
    until: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ban {
    until: u64,
    manual: bool,
    lifted: bool,
    number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    owner: Fence,
    fence: Fence,
}

#[derive(Clone, Debug, Default)]
struct Inbox {
    last: u64,
    orders: BTreeMap<u64, Vec<u8>>,
    until: u64,
}

impl State {
    /// Carries out one request at this time of the store's clock, microseconds since 1970.
    pub fn apply(&mut self, request: Request, now_us: u64) -> Reply {
        let now = now_us / 1000;
        match request {
            Request::Beat(beat) => Reply::Beat(self.beat(beat, now)),
            Request::Leave(identity) => {
                self.leave(&identity);
                Reply::Done
            }
            Request::Admit(admit) => Reply::Verdicts(self.admit(&admit, now_us)),
            Request::Publish(publish) => {
                self.publish(publish);
                Reply::Done
            }
            Request::Sessions { fence, .. } => {
                let sessions = self.published.get(&fence).into_iter().flatten();
                let sessions = sessions.map(|(number, record)| (*number, record.clone())).collect();
                Reply::Sessions { sessions, cursor: 0 }
            }
            Request::Score(score) => {
                self.score(&score, now);
                Reply::Done
            }
            Request::Ban(change) => Reply::Changed(self.change_ban(&change, now)),
            Request::Bans => Reply::Bans(self.standing_bans(now)),
            Request::Order { to, order } => {
                self.order(&to, &order, now);
                Reply::Done
            }
            Request::Answer { token, body } => {
                self.answer(token, body, now);
                Reply::Done
            }
            Request::TakeAnswers(token) => Reply::Answers(self.take_answers(token, now)),
            Request::Configure { node, settings } => {
                self.configurations.insert(node, settings);
                Reply::Done
            }
            Request::Configurations => Reply::Configurations(
                self.configurations
                    .iter()
                    .map(|(node, text)| (node.clone(), text.clone()))
                    .collect(),
            ),
            Request::Secret { name, write } => Reply::Secret(self.secret(name, write)),
            Request::SetPolicy { term, policy } => {
                Reply::Changed(self.set_policy(term, policy, now))
            }
            Request::Grant { asking, blocks, wanted } => {
                Reply::Granted(self.grant(&asking, blocks, wanted, now))
            }
            Request::Return { fence, held } => {
                self.give_back(fence, &held);
                Reply::Done
            }
            Request::Tidy => {
                self.tidy(now);
                Reply::Done
            }
        }
    }

    /// A number higher than any before.
    fn next_fence(&mut self, now: u64) -> Fence {
        self.last_fence = now.max(self.last_fence + 1);
        Fence(self.last_fence)
    }

    /// Whether nobody is taken for dead: the store lost data, or all nodes were silent at once, which
    /// is a pause of the store or a step of its clock.
    fn is_quarantined(&self, now: u64) -> bool {
        self.quarantine_ms(now) > 0 || now.saturating_sub(self.last_beat) >= super::PAUSE_MS
    }

    fn is_alive(&self, fence: Fence, now: u64) -> bool {
        let Some(beat) = self.beats.get(&fence) else { return false };
        now.saturating_sub(*beat) < super::DEAD_AFTER_MS || self.is_quarantined(now)
    }

    fn publish(&mut self, publish: Publish) {
        if !self.beats.contains_key(&publish.fence) {
            return;
        }
        let last = self.publications.entry(publish.fence).or_default();
        if publish.sequence <= *last {
            return;
        }
        *last = publish.sequence;
        let sessions = self.published.entry(publish.fence).or_default();
        if publish.anew {
            sessions.clear();
        }
        sessions.extend(publish.changed);
        for number in &publish.ended {
            sessions.remove(number);
        }
    }

    fn secret(&mut self, name: String, write: Option<(u64, Vec<u8>)>) -> Option<Secret> {
        let standing = self.secrets.get(&name);
        if let Some((expected, sealed)) = write
            && standing.map_or(0, |secret| secret.version) == expected
        {
            let secret = Secret { version: expected + 1, sealed };
            self.secrets.insert(name, secret.clone());
            return Some(secret);
        }
        standing.cloned()
    }

    fn set_policy(&mut self, term: Fence, policy: Vec<u8>, now: u64) -> bool {
        let leads = self.standing_lead(now).is_some_and(|lead| lead.term == term);
        if leads {
            let revision = self.policy.as_ref().map_or(0, |(revision, _)| *revision);
            self.policy = Some((revision + 1, policy));
        }
        leads
    }

    /// Forgets all that a registration left behind.
    fn forget(&mut self, fence: Fence) {
        self.beats.remove(&fence);
        self.sessions.remove(&fence);
        self.ledgers.retain(|(_, of), _| *of != fence);
        self.admissions.remove(&fence);
        self.published.remove(&fence);
        self.publications.remove(&fence);
        self.blocks.retain(|_, block| block.owner != fence);
    }

    /// Who owns which block.
    fn block_table(&self) -> Vec<(Holding, Fence)> {
        let holding =
            |(&block, owned): (&u16, &Block)| (Holding { block, fence: owned.fence }, owned.owner);
        self.blocks.iter().map(holding).collect()
    }
}

/// What is judged by the times in it is kept longer by so much, so that neither tidying nor a small
/// step back of the clock changes an answer.
const GARBAGE_AFTER_MS: u64 = 60_000;

#[cfg(test)]
mod tests;

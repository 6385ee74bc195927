//! What the store answers.

use std::net::IpAddr;

use super::Holding;
use crate::id::{Fence, NodeId};

/// The answer to a request; which one, the request says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each stands beside its request")]
pub enum Reply {
    Done,
    Changed(bool),
    Beat(Registered),
    Verdicts(Vec<Verdict>),
    Sessions { sessions: Vec<(u64, Vec<u8>)>, cursor: u64 },
    Bans(Vec<Banned>),
    Answers(Vec<Vec<u8>>),
    Configurations(Vec<(NodeId, Vec<u8>)>),
    Secret(Option<Secret>),
    Granted(Granted),
}

/// What became of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The node is registered.
    Yes(Box<Beaten>),
    /// Another process that bears this name is alive.
    InUse {
        /// Since its last beat.
        beat_ms_ago: u64,
    },
    /// A younger process of this name was registered.
    Superseded,
}

/// The news of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// The store's clock, milliseconds since 1970.
    pub now_ms: u64,
    /// Which life of the pool's data this is.
    pub pool: PoolGeneration,
    /// What the node is registered by.
    pub fence: Fence,
    /// The store forgot something that this node had told it.
    pub lost: bool,
    /// How long nothing is granted yet; 0: it is.
    pub quarantine_ms: u64,
    /// Who leads, if anybody does.
    pub leader: Option<Term>,
    /// All who ever registered and were not tidied away; empty if they were not asked for.
    pub members: Vec<Listed>,
    /// What became of bans.
    pub bans: News,
    /// The policy, if it is another than the known one.
    pub policy: Option<(u64, Vec<u8>)>,
    /// Orders for this node with their numbers, oldest first.
    pub orders: Vec<(u64, Vec<u8>)>,
    /// Owners of all port blocks, by block, if members were asked for.
    pub blocks: Vec<(Holding, Fence)>,
    /// Blocks that this node said it holds, and that another one has by a higher fence.
    pub yield_blocks: Vec<u16>,
    /// Whose they were until now, of the blocks that are this node's since it said that it holds them, if members were
    /// asked for. Those others do not know yet.
    pub displaced: Vec<(Holding, Fence)>,
}

/// A life of the pool's data: new where the store was found empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolGeneration {
    /// Random.
    pub id: u64,
    /// Whether it began with this request.
    pub created: bool,
}

/// The lease of a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Who leads.
    pub node: NodeId,
    /// Higher with every change of the leader.
    pub fence: Fence,
    /// How long it lasts without being renewed.
    pub left_ms: u64,
}

/// A node as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub node: NodeId,
    /// The life of its process.
    pub generation: u64,
    /// What it is registered by.
    pub fence: Fence,
    /// Since its last beat.
    pub beat_ms_ago: u64,
    /// Its encoded record.
    pub record: Vec<u8>,
}

/// News of bans: all that happened after a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The number of the last change that is told here.
    pub number: u64,
    /// There are more.
    pub more: bool,
    /// In order.
    pub changes: Vec<Banned>,
}

/// A ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Banned {
    /// An [`origin`](crate::admission::origin).
    pub origin: IpAddr,
    /// How long it lasts yet; 0: it was lifted.
    pub left_ms: u64,
    /// By an operator.
    pub manual: bool,
}

/// What becomes of a login, with what the pool had before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has a slot.
    In {
        /// Sessions of the pool, this one included; 0 where nothing limits them.
        sessions: u32,
    },
    /// A limit is reached.
    Full(Full),
    /// The node is not registered, or this request was late: nothing was done.
    Stale,
}

/// The limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keys of the configuration")]
pub enum Full {
    Sessions,
    PerUser,
    Account,
    PerAddress,
    LoginsPerSecond,
}

/// A sealed secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Rises by one with every change.
    pub version: u64,
    /// Sealed.
    pub sealed: Vec<u8>,
}

/// Port blocks that were granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// These; fewer than wanted if there are no more.
    Blocks(Vec<Holding>),
    /// None yet: the store lost data a moment ago.
    Quarantined {
        /// For so long.
        left_ms: u64,
    },
    /// The node is not registered.
    Stale,
}

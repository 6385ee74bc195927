//! What can be asked of the store.

use std::net::IpAddr;

use super::Token;
use crate::admission::Limits;
use crate::id::{Fence, Generation, NodeId};

/// One atomic change, or one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The heartbeat of a node: registers it, renews all that it holds, brings the news.
    /// Answer: [`Reply::Beat`](super::Reply::Beat).
    Beat(Beat),
    /// The node ends: what it holds is free at once. Answer: `Done`.
    Leave(Identity),
    /// Takes slots for logins, and sets the node's counts right. Answer: `Verdicts`, one per login.
    Admit(Admit),
    /// Publishes what changed in the node's sessions. Answer: `Done`.
    Publish(Publish),
    /// The sessions of one node, in pages. One that changes meanwhile may come twice, the later one
    /// is right. Answer: `Sessions`.
    Sessions {
        /// Whose.
        fence: Fence,
        /// 0 at first, then what the last page said.
        cursor: u64,
    },
    /// Scores failed logins, which may ban. Answer: `Done`; the bans come as news.
    Score(Score),
    /// Bans an address, or lifts its ban. Answer: `Changed`, whether there was something to change.
    Ban(BanChange),
    /// The bans in force. Answer: `Bans`.
    Bans,
    /// Puts an order into the inboxes of nodes. Answer: `Done`.
    Order {
        /// Whose inboxes.
        to: Vec<NodeId>,
        /// An encoded [`Order`](crate::order::Order).
        order: Vec<u8>,
    },
    /// Answers a question. Answer: `Done`.
    Answer {
        /// Of the question.
        token: Token,
        /// For whoever asked.
        body: Vec<u8>,
    },
    /// Takes the answers to a question. Answer: `Answers`.
    TakeAnswers(Token),
    /// Tells how the node is configured: JSON without secrets. Answer: `Done`.
    Configure {
        /// Whose.
        node: NodeId,
        /// The settings.
        settings: Vec<u8>,
    },
    /// How all nodes are configured. Answer: `Configurations`.
    Configurations,
    /// Reads a secret, and writes it first if its version is `expected` (0: absent). Answer: `Secret`.
    Secret {
        /// Which.
        name: String,
        /// The version that is to be replaced, and by what.
        write: Option<(u64, Vec<u8>)>,
    },
    /// Publishes a policy, unless the writer is not the leader of that term. Answer: `Changed`.
    SetPolicy {
        /// The writer's.
        term: Fence,
        /// An encoded [`Policy`](crate::policy::Policy).
        policy: Vec<u8>,
    },
    /// Takes free port blocks. Answer: `Granted`.
    Grant {
        /// For whom.
        asking: Asking,
        /// How many blocks there are in all: 1 to 2048.
        blocks: u16,
        /// How many are wanted.
        wanted: u16,
    },
    /// Gives port blocks back. Answer: `Done`.
    Return {
        /// Whose.
        fence: Fence,
        /// Which.
        held: Vec<Holding>,
    },
    /// Forgets what nodes left behind that are dead for long, a part at a time. Answer: `Done`.
    Tidy,
}

impl Request {
    /// What Redis runs for it: the name of the script, or of what is done without one.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Beat(_) => "beat",
            Self::Leave(_) => "leave",
            Self::Admit(_) => "admit",
            Self::Publish(_) => "publish",
            Self::Sessions { .. } => "sessions",
            Self::Score(_) => "score",
            Self::Ban(_) => "ban",
            Self::Bans => "bans",
            Self::Order { .. } => "order",
            Self::Answer { .. } => "answer",
            Self::TakeAnswers(_) => "take",
            Self::Configure { .. } => "configure",
            Self::Configurations => "configurations",
            Self::Secret { .. } => "secret",
            Self::SetPolicy { .. } => "policy",
            Self::Grant { .. } => "grant",
            Self::Return { .. } => "return",
            Self::Tidy => "tidy",
        }
    }
}

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub node: NodeId,
    /// The life of its process.
    pub generation: Generation,
    /// What it was registered by.
    pub fence: Fence,
}

/// A registered node that asks for something which only the living get.
pub type Asking = Identity;

/// A heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Its name.
    pub node: NodeId,
    /// The life of its process.
    pub generation: Generation,
    /// The life before, of the same data folder: its registration may be taken over at once.
    pub previous: Generation,
    /// What it was registered by, if it was.
    pub fence: Option<Fence>,
    /// Of this beat: one more than the last.
    pub sequence: u64,
    /// The last beat that was answered; 0: none. The store forgot something if it knows of less.
    pub answered: u64,
    /// The last admission that was answered; 0: none.
    pub admitted: u64,
    /// The last publication that was answered; 0: none.
    pub published: u64,
    /// What a new pool generation would be called: random.
    pub candidate: u64,
    /// The generation of the pool that the node knows; 0: none yet.
    pub pool: u64,
    /// An encoded [`Member`](crate::member::Member).
    pub record: Vec<u8>,
    /// Logged-in sessions; they count only until the first admission says how many there are.
    pub sessions: u32,
    /// Whether it would lead.
    pub stands: bool,
    /// Whether the members are wanted in the answer.
    pub members: bool,
    /// News of bans after this number.
    pub bans_known: u64,
    /// The policy is wanted if its revision is another.
    pub policy_known: u64,
    /// The last order that was carried out.
    pub orders_done: u64,
    /// Blocks that the node says it holds; after the store forgot something.
    pub holds: Option<Vec<Holding>>,
}

/// A port block with the fence that it was granted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holding {
    /// Which: from 0.
    pub block: u16,
    /// Higher is younger.
    pub fence: Fence,
}

/// Logins that ask for slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admit {
    /// Who asks.
    pub identity: Identity,
    /// Rises with every request of this kind; one that comes late changes nothing.
    pub sequence: u64,
    /// Sessions on the node, without the logins of this request.
    pub sessions: u32,
    /// Counts that may be wrong in the store.
    pub counts: Vec<Ledger>,
    /// The logins, in order.
    pub logins: Vec<Login>,
    /// The limits that hold.
    pub limits: Limits,
}

/// The sessions of one user, or from one origin, on one node: as many as there are, not a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// [`user_key`](crate::ledger::user_key) or [`origin_key`](crate::ledger::origin_key).
    pub key: Vec<u8>,
    /// How many.
    pub count: u32,
}

/// A login that asks for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user, with the sessions on this node before this request.
    pub user: Ledger,
    /// The origin, likewise.
    pub origin: Ledger,
    /// The account's own limit; 0: none.
    pub account_sessions: u32,
}

/// What changed in the sessions of a node since it last said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Whose.
    pub fence: Fence,
    /// Rises with every request of this kind; one that comes late changes nothing.
    pub sequence: u64,
    /// Forget all that was published before.
    pub anew: bool,
    /// By number, encoded [`SessionRecord`](crate::session::SessionRecord)s.
    pub changed: Vec<(u64, Vec<u8>)>,
    /// Numbers of those that ended.
    pub ended: Vec<u64>,
}

/// Failed logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// [`origin`](crate::admission::origin)s, once per failure.
    pub origins: Vec<IpAddr>,
    /// Failures that ban; 0: none ever do. Taken as [`BAN_AFTER_MAX`](crate::ban::BAN_AFTER_MAX) if
    /// it is higher.
    pub ban_after: u32,
    /// The time within which they must lie.
    pub window_ms: u64,
    /// How long the ban lasts.
    pub ban_for_ms: u64,
}

/// A ban to be made or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanChange {
    /// An [`origin`](crate::admission::origin).
    pub origin: IpAddr,
    /// For how long from now; `None`: lifted. A longer ban that stands is kept.
    pub for_ms: Option<u64>,
    /// By an operator.
    pub manual: bool,
}

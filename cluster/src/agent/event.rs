//! What the agent tells its owner.

use std::net::IpAddr;
use std::time::Instant;

use crate::admission::{Denied, Slot};
use crate::id::Fence;
use crate::ledger::Ticket;
use crate::order::Order;
use crate::policy::Policy;
use crate::store::Request;
use crate::view::Change;

/// What is to be done next.
#[derive(Debug)]
pub enum Output {
    /// Ask the store, and bring the answer back to this lane.
    Call(Lane, Request),
    /// Something happened.
    Event(Event),
}

/// One request per lane is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the requests")]
pub enum Lane {
    Beat,
    Admit,
    Publish,
    Score,
    Policy,
    Grant,
    Return,
    Tidy,
}

/// Something happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A login that waited is decided.
    Decided {
        /// Which.
        ticket: Ticket,
        /// Its slot, or why there is none.
        result: Result<Slot, Denied>,
    },
    /// The pool changed.
    Pool(Change),
    /// This node leads by that term, or no longer.
    Led(Option<Fence>),
    /// An address is banned.
    Banned {
        /// An [`origin`](crate::admission::origin).
        origin: IpAddr,
        /// Until then.
        until: Instant,
        /// By an operator.
        manual: bool,
    },
    /// A ban was lifted.
    Lifted {
        /// Of an [`origin`](crate::admission::origin).
        origin: IpAddr,
    },
    /// The table of port blocks is another: what this node may offer, who owns the rest, where they are reached.
    Ports,
    /// Another policy is in force.
    Policy(Box<Policy>),
    /// Somebody orders something.
    Order(Order),
    /// The store answers, and the node is registered. `forgotten`: it knew nothing of this node or of the
    /// pool, and what the node put there must be put there again.
    Joined {
        /// See above.
        forgotten: bool,
    },
    /// The store does not answer.
    Away(String),
    /// The store answers beats, and fails at something else again and again.
    Troubled {
        /// At what.
        lane: Lane,
        /// The last error.
        reason: String,
    },
    /// The store does not take this node.
    Refused(Refusal),
}

/// Why the store does not take this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another process of this name lives.
    #[error("another node of this name (node.id) is alive: it spoke {0} ms ago")]
    InUse(u64),
    /// A younger process of this name was started.
    #[error("a younger process has taken over the name of this node (node.id)")]
    Superseded,
}

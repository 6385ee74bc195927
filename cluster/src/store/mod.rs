//! Where the state of the pool lives: one question, one answer, each an atomic change.
//!
//! A [`Request`] is what Redis runs as one script, and what [`State`] does in one call. `State` is the
//! definition of what every request means: the embedded store is one, the twin of the simulation
//! wraps one, and a test holds Redis against one.
//!
//! # Time
//! The store's own clock decides on what expires there; it is told in replies. Nobody compares it with
//! the clock of a node.
//!
//! # Outcomes
//! A [`StoreError::Refused`] request was not carried out. After [`StoreError::Unknown`] it may have been,
//! or may still be: whoever asked says again what is, by absolute values, and never repeats a step.

mod embedded;
pub mod redis;
mod reply;
mod request;
mod state;

use std::future::Future;
use std::pin::Pin;

pub use embedded::Embedded;
pub use redis::Redis;
pub use reply::{
    Banned, Beaten, Full, Granted, Listed, News, PoolGeneration, Registered, Reply, Secret, Term,
    Verdict,
};
pub use request::{
    Admit, Asking, BanChange, Beat, Holding, Identity, Ledger, Login, Publish, Request, Score,
};
pub use state::State;

/// A store of the pool.
pub trait Store {
    /// Carries out one request. The answer or an error comes within the store's response limit (500 ms
    /// for Redis), whatever happens to it.
    fn call(&self, request: Request) -> Call;

    /// Waits for the next hint, or for what stands for one when hints may have been lost.
    fn hint(&self) -> Pin<Box<dyn Future<Output = Hint> + '_>>;

    /// What it is, for the operator, without secrets: `embedded`, `redis 10.0.0.7:6379`.
    fn name(&self) -> String;
}

/// An answer under way.
pub type Call = Pin<Box<dyn Future<Output = Result<Reply, StoreError>>>>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store said no, or was not reached: nothing has changed.
    #[error("refused: {0}")]
    Refused(String),
    /// As `Refused`, and it will stay so until somebody changes something: a wrong password, a missing
    /// right.
    #[error("denied: {0}")]
    Denied(String),
    /// It is not known whether the request was carried out.
    #[error("no answer: {0}")]
    Unknown(String),
}

/// Something changed in the pool that a node may want to hear of before its next beat. Hints can be lost
/// and repeated; the state is always read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A node came or left.
    Members,
    /// The list of bans.
    Bans,
    /// The policy, or a secret.
    Policy,
    /// An order lies in the inbox of this node.
    Order(crate::id::NodeId),
    /// An answer to the question with this token.
    Answer(Token),
    /// The connection for hints was made anew: some may have been lost.
    Lost,
}

/// Tells a question and its answers from others: random, from whoever asks.
pub type Token = u64;

/// Without a beat for so long, a node is dead: its sessions count no more.
pub const DEAD_AFTER_MS: u64 = 6_000;
/// How long ago the beat of a silent node is told to be while nobody is taken for dead.
pub const SPARED_MS: u64 = DEAD_AFTER_MS - 1;

/// Without a beat of anybody for so long it was the store that was away, and not its nodes. Whoever lives was heard of
/// within an interval (2 s) before that, so that none of them counts as dead when the first beat comes again. That
/// holds for beats that come through: a node whose last ones failed may have been heard of up to 3.5 s before that, and
/// can still be taken for dead.
pub const PAUSE_MS: u64 = DEAD_AFTER_MS - 2_500;

/// How long a lease of the leader lasts without being renewed.
pub const TERM_MS: u64 = 6_000;

/// How long nothing is granted after the store lost data, so that holders can say what they hold: three beats.
pub const QUARANTINE_MS: u64 = 6_000;

/// How long the block of a silent holder is kept for it.
pub const RECLAIM_AFTER_MS: u64 = 600_000;

/// Bans of the pool at once.
pub const BANS_MAX: usize = 65_536;

/// Changes to bans told in one reply; the rest comes with the next.
pub const BAN_NEWS_MAX: usize = 1_000;

/// Orders kept for a node that does not fetch them; the oldest give way.
pub const ORDERS_MAX: usize = 256;

/// Answers kept for one question: more than a pool has nodes. Later ones are dropped.
pub const ANSWERS_MAX: usize = 1_024;

/// How long an order or an answer is kept.
pub const MAIL_MS: u64 = 60_000;

/// The end of time, as far as the store can write it down (see [`Fence`](crate::id::Fence)): what
/// lasts longer lasts so long.
pub const FOREVER_MS: u64 = (1 << 48) - 1;

//! The names of the pool in Route 53: which nodes clients are sent to.
//!
//! Pure: it says what to ask, and takes what came back.
//!
//! - [`Settings`]: what the operator wants, and the mark of our records; [`Node`]: what must be known of a node.
//! - [`RecordSet`], [`Check`], [`State`]: what there is.
//! - [`plan()`], [`preview`]: the difference to what should be; `tree` says what that is, `collect` who is gone.
//! - [`Desk`]: the leader's side of it, one [`Request`] at a time; [`Zone`] is the other side in memory.
//!
//! # What holds
//! - Only records with our mark in their identifier are changed, and only checks with our tag changed or deleted.
//! - The last node of a name stays; what a name refers to is there before the name refers to it.
//! - Nobody is taken for dead by the word of one [`Witness`].
//! - One batch is under way; after an unknown outcome everything is read again.
//! - Records do not wait for checks. A check is made when its port has answered, and deleted when no record names it.
//! - A check that is disabled counts as healthy; to take a node out by its check, close the port (or invert the check).

mod change;
mod check;
mod collect;
mod desk;
mod name;
mod node;
mod plan;
mod record;
mod request;
mod settings;
mod shape;
mod state;
mod step;
mod tree;
mod zone;

pub use change::{CHARACTERS_MAX, Change, ELEMENTS_MAX, RecordChange};
pub use check::{
    CHECKS_MAX, Check, CheckChange, CheckSpec, FAILURE_THRESHOLD, Owner, is_candidate,
};
pub use collect::{Fate, Fates, Gone, Witness, removals_max};
pub use desk::{BATCH_INTERVAL, Desk, Led};
pub use name::{is_within, normal};
pub use node::{Node, busy_permille, is_step};
pub use plan::{Plan, plan, preview};
pub use record::{Kind, Location, RecordKey, RecordSet, Routing, Target};
pub use request::{NAMES_TAG, Reply, Request, TAGS_MAX};
pub use settings::{CheckInterval, PROPAGATION, Policy, Root, Serves, Settings};
pub use state::{State, is_ours};
pub use step::codes;
pub use zone::Zone;

#[cfg(test)]
mod tests;

//! Security groups: which rules the nodes of a pool need, and what must be done to have them. Pure; EC2 is asked
//! and told elsewhere.
//!
//! What must be reached comes as [`Want`]s, from the values that the listeners themselves are made of. Whether it
//! is open is decided by the union of all rules of all groups of an interface, whoever made them ([`closed`]), so
//! that nothing is added that is there already. What is missing goes into groups of the pool's own, one for FTP, one
//! for SSH and one for what nodes and health checkers need, which are made or adopted.
//!
//! # What holds
//! - Only rules that bear the pool's tag are changed or removed.
//! - What is wanted and open stays open through every prefix of a plan: rules are added, and groups attached, before
//!   others are narrowed or removed; what would take the place of one that goes, and can not be had, keeps it.
//! - While transfers run, no rule for everybody is narrowed or removed: AWS may not track connections that came by
//!   one, and forgets them with it.
//! - Planned again after it was done, there is nothing to do.

mod acl;
mod change;
mod choice;
mod note;
mod open;
mod plan;
mod quota;
mod reach;
mod state;
mod step;
mod want;

pub use acl::{AclRule, barred};
pub use change::{Add, Attach, Change, Create, Modify, Plan, Remove};
pub use open::closed;
pub use plan::plan;
pub use reach::{Place, Protocol, Reach, Source, Span};
pub use state::{Group, Interface, KIND_TAG, List, POOL_TAG, Rule, State};
pub use want::{Kind, Limits, Origin, Scope, Want, checkers_suffix};

#[cfg(test)]
mod tests;

//! The pool as this node sees it.
//!
//! [`question`] is the boundary: what an operator can ask, and by which message.

pub mod question;

mod absent;

pub(crate) use absent::Absent;
pub use question::{Ask, Filter, Question, Refusal, Target};

//! The pool as this node sees it, and this node as the pool sees it.
//!
//! | file | what |
//! | --- | --- |
//! | `actor` | the `Pool` actor: drives the agent of `flotilla_cluster`, waits for the store |
//! | `admission` | logins ask for slots |
//! | `event` | what the agent tells of, and what is done about it |
//! | `member` | what the node says of itself |
//! | `settings`, `mark` | whether nodes are configured alike, and have the same storage |
//! | `sharing` | the secrets that nodes share |
//! | `question`, `answer`, `post` | what operators ask; the answers; questions to other nodes |
//! | `store`, `generation` | from the configuration to the store; the life of the process |

mod actor;
mod admission;
mod answer;
mod event;
pub(crate) mod generation;
mod mark;
mod member;
mod post;
pub mod question;
mod settings;
pub(crate) mod sharing;
pub(crate) mod store;

pub(crate) use actor::{Attach, Configured, Fault, KnownBans, Leave, Parts, Pool, Surroundings};
pub(crate) use admission::{Admit, Failed, Permit, Rejected};
pub(crate) use generation::Lives;
pub use question::{Ask, Filter, Question, Refusal, Target};

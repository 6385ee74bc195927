//! The pool as this node sees it, and this node as the pool sees it.
//!
//! | file | what |
//! | --- | --- |
//! | `actor` | the `Pool` actor: drives the agent of `flotilla_cluster`, waits for the store |
//! | `admission` | logins ask for slots |
//! | `event` | what the agent tells of, and what is done about it |
//! | `front` | what stands in front of the pool, and of this node |
//! | `lead`, `peers`, `nodes` | whether this node leads, for duties outside the store; whom DNS sends clients to, and balancers |
//! | `light` | whether it is to get fewer new clients than others |
//! | `member` | what the node says of itself |
//! | `ports` | whose ports are whose, for those who hold and relay them |
//! | `standing`, `errand` | whether the pool takes the node, and it has the pool's secrets; trying again |
//! | `early` | what comes before the other parts of the node are there |
//! | `settings`, `mark` | whether nodes are configured alike, and have the same storage |
//! | `sharing` | the secrets that nodes share |
//! | `question`, `answer`, `post` | what operators ask; the answers; questions to other nodes |
//! | `traced` | calls of the store as spans |
//! | `store`, `generation`, `size` | from the configuration to the store; the life of the process; how large the pool was |

mod actor;
mod admission;
mod answer;
mod early;
mod errand;
mod event;
pub(crate) mod front;
pub(crate) mod generation;
#[cfg(feature = "aws")]
mod lead;
#[cfg(feature = "aws")]
mod light;
mod mark;
mod member;
#[cfg(feature = "aws")]
pub(crate) mod nodes;
#[cfg(feature = "aws")]
mod peers;
mod ports;
mod post;
pub mod question;
mod settings;
pub(crate) mod sharing;
pub(crate) mod size;
mod standing;
pub(crate) mod store;
mod traced;

pub(crate) use actor::{Configured, Fault, Leave, Parts, Places, Pool, Surroundings};
pub(crate) use admission::{Admit, Failed, Permit, Rejected};
pub(crate) use early::{Attach, KnownBans};
pub(crate) use event::sweeps;
#[cfg(feature = "aws")]
pub(crate) use lead::{Lead, Leading};
#[cfg(feature = "aws")]
pub(crate) use light::Lighten;
#[cfg(feature = "aws")]
pub(crate) use peers::{AskPeers, Machine, Peers, Placed};
pub use question::{Ask, Filter, Question, Refusal, Target};
pub(crate) use traced::Traced;

//! What surrounds the node in AWS: who it is there, and what it looks after.
//!
//! | file | what |
//! | --- | --- |
//! | `identity` | who asks, and whom: metadata of an instance, of a task, or nobody |
//! | `task` | a task of ECS, whose public address EC2 knows |
//! | `settled` | what the start makes of the answer and a reload keeps |
//! | `actor` | the `Cloud` actor: asks again, and tells when an address moved |
//! | `lead` | its duties while the node leads: rounds of reading, planning and applying |
//! | `groups` | security groups |
//! | `names` | its other duty: the pool's names in Route 53 |
//! | `notices` | what AWS announces for this machine: drains, hooks, protection |
//! | `place` | where clients are sent to by DNS |
//! | `balancers` | load balancers in front |
//! | `card` | the network card of the instance |
//! | `reconcile` | each of these rounds as a span |
//! | `session` | region and credentials |
//! | `told`, `advice` | what is said once; what can be done about a failure |

mod actor;
#[cfg(feature = "aws")]
mod advice;
#[cfg(feature = "aws")]
pub(crate) mod balancers;
#[cfg(feature = "aws")]
mod card;
#[cfg(feature = "aws")]
pub(crate) mod groups;
mod identity;
#[cfg(feature = "aws")]
mod lead;
#[cfg(feature = "aws")]
pub(crate) mod names;
#[cfg(feature = "aws")]
mod notices;
#[cfg(feature = "aws")]
pub(crate) mod place;
#[cfg(feature = "aws")]
mod reconcile;
#[cfg(feature = "aws")]
pub(crate) mod session;
mod settled;
mod task;
#[cfg(feature = "aws")]
mod told;

pub(crate) use actor::Cloud;
pub(crate) use settled::Settled;

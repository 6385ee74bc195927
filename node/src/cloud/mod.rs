//! What surrounds the node in AWS: who it is there, and what it looks after.
//!
//! | file | what |
//! | --- | --- |
//! | `identity` | who asks, and whom: metadata of an instance, of a task, or nobody |
//! | `settled` | what the start makes of the answer and a reload keeps |
//! | `actor` | the `Cloud` actor: asks again, and tells when an address moved |

mod actor;
mod identity;
mod settled;

pub(crate) use actor::Cloud;
pub(crate) use settled::Settled;

//! The names of the pool, kept in Route 53 by the leader: drives the [`Desk`](flotilla_cluster::dns::Desk).
//!
//! | file | what |
//! | --- | --- |
//! | `duty` | the actor's side: who asks next, what is told |
//! | `work` | one turn: the zone, the witnesses, one call |
//! | `wanted` | what the configuration wants |
//! | `witness` | whether a node that is silent is gone |

mod duty;
mod wanted;
mod witness;
mod work;

pub(super) use duty::Names;
pub(crate) use wanted::{objection, settings};
pub(crate) use work::zone;

//! What becomes of the machine under a node: it is taken back, scaled in, put aside; and what the node does about it.
//!
//! [`Machine`] takes what was announced ([`Notices`]), what Auto Scaling says of the instance ([`Placement`]) and how
//! busy the node is ([`Load`]), and gives [`Command`]s:
//!
//! - A spot instance that is taken back has two minutes: it drains with a budget of [`SPOT_BUDGET`]. No hook holds that.
//! - One that its group terminates drains for as long as its lifecycle hook can be held, with a heartbeat well before
//!   the hook would end, and completes the hook when nobody is left. The default result of a hook is to go on without
//!   the node, so a node that says nothing loses what it transfers after the first time-out.
//! - One in standby, or that goes back to a warm pool, drains, and comes back when that is withdrawn. A drain that
//!   somebody else ordered goes on: the owner of the machine keeps the two apart.
//! - A recommendation to rebalance makes it lighter, or drains it, as is set.
//! - During long transfers it may protect the instance from scale-in, which spares them the drain.
//!
//! # What is not done
//! A hook that is not the node's is neither held nor completed: somebody else waits in it ([`Placement::own`]). An
//! instance that is detached from its group goes on.
//!
//! Sources: "Amazon EC2 Auto Scaling lifecycle hooks", "How lifecycle hooks work", "Use instance scale-in protection"
//! in the guide of Auto Scaling; "Spot Instance interruption notices" in that of EC2.

mod hook;
mod machine;
mod notice;
mod protection;

pub use hook::{HOOK_PREFIX, Hook, Placement};
pub use machine::{
    Call, Command, Load, Machine, Outcome, Reason, Rebalance, SPOT_BUDGET, Settings,
};
pub use notice::{Notices, Spot, seconds_of};

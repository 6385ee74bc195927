//! Auto Scaling: groups with their members, and hooks that hold a member back.

mod action;
mod describe;
mod group;
mod hook;
mod life;
mod protection;

pub(crate) use self::action::action;
pub use self::group::{Groups, Member, ScalingGroup, Wait};
pub use self::hook::Hook;

//! Network balancers (ELB version 2): listeners, target groups, attributes with their limits, targets that drain.
//!
//! Nobody connects to the targets: a test says what their health is. Nothing is balanced either.

mod actions;
mod attributes;
mod balancer;
mod describe;
mod health;
mod listener;
mod modify;
mod state;
mod target_group;
mod targets;

pub(crate) use self::actions::action;
pub use self::balancer::{Balancer, NewBalancer, Place};
pub use self::listener::Listener;
pub use self::state::Balancers;
pub use self::target_group::{Check, NewTargetGroup, TargetGroup};
pub use self::targets::{Health, Target};

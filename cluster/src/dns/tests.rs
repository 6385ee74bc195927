//! Records and checks on the strict zone in memory.

mod checks;
mod converge;
mod desk;
mod gone;
mod steps;
mod support;
mod trees;

pub(super) use support::{node, settings, start};

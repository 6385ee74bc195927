//! The firewall: what of a node must be reached from where, as one value from which rules of any kind
//! are made.
//!
//! [`Plan`] comes from the configuration that the node itself runs on, so that the rules and the listeners
//! can not differ. Port 20 is never among what is opened: active data connections are ours to make, and no
//! answer to them needs a rule.

pub(crate) mod nftables;
mod plan;
#[cfg(feature = "aws")]
pub(crate) mod wants;

pub(crate) use plan::{Groups, Opening, Plan, Source};

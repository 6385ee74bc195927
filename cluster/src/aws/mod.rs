//! AWS: what the pool does there, and how a call to it goes.
//!
//! A reconciler reads, plans and applies. What it plans is pure and in the module of its subject ([`crate::dns`]
//! for one), so that it can be tested without AWS and shown
//! without being done. Here is what speaks to AWS, behind the feature `aws`:
//!
//! - [`Trouble`]: what a failed call means; [`Budget`]: how often one may be made.
//! - [`calls`]: how many there were, and what came of them.
//! - [`Step`]: one change as people read it.
//! - [`instance`]: who and where this node is; `metadata` asks for it. `instances`: which machines there are.
//! - `groups`: security groups, as [`crate::group`] plans them; `acls`: what subnets keep out.
//! - `balancers`: load balancers, as [`crate::balancer`] looks at them.
//! - `scaling`: the instance in its group, as [`crate::lifecycle`] asks for it.
//! - `route53`: calls that [`crate::dns`] wants made, and which zone a name is in.
//! - `session`: region, credentials, time limits; the clients are made of it. `span`: each call as a span.
//!
//! # What holds
//! Nothing here may stop serving: every call has a deadline, an outcome that is not known is read again before
//! anything else is decided, and a refusal is told once, with the permission that is missing.

#[cfg(feature = "aws")]
pub mod acls;
#[cfg(feature = "aws")]
pub mod balancers;
mod budget;
pub mod calls;
#[cfg(feature = "aws")]
mod failure;
#[cfg(feature = "aws")]
pub mod groups;
pub mod instance;
#[cfg(feature = "aws")]
pub mod instances;
#[cfg(feature = "aws")]
pub mod metadata;
#[cfg(feature = "aws")]
pub mod route53;
#[cfg(feature = "aws")]
pub mod scaling;
#[cfg(feature = "aws")]
pub mod session;
#[cfg(feature = "aws")]
mod span;
mod step;
mod trouble;

pub use budget::Budget;
pub use step::{Sign, Step};
pub use trouble::Trouble;

/// The target of the spans that calls of AWS are (`tracing`): whoever exports traces takes those of this target, and no
/// log needs them.
pub const SPANS: &str = "flotilla::span";

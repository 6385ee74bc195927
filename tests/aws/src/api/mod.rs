//! From a request to the action of a service and back.

mod authorization;
mod call;
mod dispatch;
mod service;
mod sts;

pub use self::call::{Call, Moment};
pub(crate) use self::dispatch::{Action, answer};
pub use self::service::Service;

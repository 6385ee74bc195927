//! One call of an action.

use std::time::{Instant, SystemTime};

use super::Service;
use crate::http::Request;
use crate::identity::Identity;
use crate::parameters::Parameters;

/// What an action is given.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Whose action.
    pub(crate) service: Service,
    /// As `DescribeInstances`.
    pub(crate) action: String,
    /// Of the Query protocol; none for Route 53.
    pub(crate) parameters: Parameters,
    /// For what the parameters do not hold.
    pub(crate) request: Request,
    /// The caller.
    pub(crate) identity: Identity,
    /// When.
    pub(crate) moment: Moment,
}

/// A time, by the clock of the world and by one that never jumps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// For durations.
    pub(crate) now: Instant,
    /// For what is shown.
    pub(crate) wall: SystemTime,
}

impl Moment {
    /// This one.
    pub(crate) fn now() -> Self {
        Self { now: Instant::now(), wall: SystemTime::now() }
    }
}

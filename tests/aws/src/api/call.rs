//! One call of an action.

use std::time::{Instant, SystemTime};

use super::Service;
use crate::http::Request;
use crate::identity::Identity;
use crate::parameters::Parameters;

/// What an action is given.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whose action.
    pub service: Service,
    /// As `DescribeInstances`.
    pub action: String,
    /// Of the Query protocol; none for Route 53.
    pub parameters: Parameters,
    /// For what the parameters do not hold.
    pub request: Request,
    /// The caller.
    pub identity: Identity,
    /// When.
    pub moment: Moment,
}

/// A time, by the clock of the world and by one that never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For durations.
    pub now: Instant,
    /// For what is shown.
    pub wall: SystemTime,
}

impl Moment {
    /// This one.
    pub fn now() -> Self {
        Self { now: Instant::now(), wall: SystemTime::now() }
    }
}

//! The time of a part of what a thread is at work on, where that is traced.

use std::sync::Arc;
use std::time::Instant;

use super::about::{About, current};
use crate::telemetry::{self, Record};

/// Runs while the part does.
#[derive(Debug)]
pub(crate) struct Watch {
    about: Arc<About>,
    since: Instant,
}

impl Watch {
    /// When it began.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// The part is over: a span below the one of the work.
    pub(crate) fn over(self, name: &'static str) -> Option<Record> {
        let work = self.about.trace;
        telemetry::over(work.child(), Some(work), name, (self.since, Instant::now()), false)
    }
}

/// A part begins; `None`: what this thread is at work on is not exported.
pub(crate) fn watch() -> Option<Watch> {
    if !telemetry::is_on() {
        return None;
    }
    let about = current().filter(|about| about.trace.is_sampled)?;
    Some(Watch { about, since: Instant::now() })
}

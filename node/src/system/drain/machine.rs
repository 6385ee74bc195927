//! The drain of a node as a pure machine: when the door closes and when patience ends.
//!
//! ```text
//!          drain            notice over          all gone
//! Serving -------> Announced ---------> Closing ----------> Drained
//!    ^                 |                   | grace over       ^  |
//!    |                 |                   v                  |  |
//!    |                 |                Ending ---------------'  |
//!    |                 |                   |  all gone, or late  |
//!    '-----------------+------ undrain ----+---------------------'
//! ```
//!
//! A stop goes the same way, can not be taken back, and is over where a drain is done. A second stop skips what is
//! left but the last words.
//!
//! An operator and the cloud drain apart from each other: the shorter patience counts, and what the cloud takes back
//! does not undo what the operator said. The operator takes back both.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

/// The machine.
#[derive(Debug)]
pub(crate) struct Drain {
    stage: Stage,
    /// The node ends afterwards.
    is_final: bool,
    /// Until when, as an operator said.
    operator: Option<Instant>,
    /// Until when, as the cloud has it.
    cloud: Option<Instant>,
    /// What [`Drain::poll`] hands out: two steps at the most, for the owner polls after every input.
    steps: VecDeque<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    Announced { until: Instant, grace: Duration },
    Closing { until: Instant },
    Ending { until: Instant },
    Drained,
}

/// How far a drain is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// There is none.
    #[default]
    Serving,
    /// The node is not ready, and serves whoever comes.
    Announced,
    /// Nobody new is let in; who transfers may go on.
    Closing,
    /// All are told to go at once.
    Ending,
    /// Nobody is left.
    Drained,
}

/// What the owner must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Readiness falls.
    Announce,
    /// Nobody new is let in, who is idle is sent away, who transfers is after that. For good: the listeners are
    /// closed.
    Close { for_good: bool },
    /// Whoever is left is sent away.
    Halt(Cause),
    /// Everything is as it was before.
    Reopen,
}

/// Why patience is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It lasted for as long as it was to.
    Grace,
    /// The second stop.
    Stop,
}

impl Drain {
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Serving,
            is_final: false,
            operator: None,
            cloud: None,
            steps: VecDeque::new(),
        }
    }

    // Getters.

    pub(crate) fn phase(&self) -> Phase {
        match self.stage {
            Stage::Serving => Phase::Serving,
            Stage::Announced { .. } => Phase::Announced,
            Stage::Closing { .. } => Phase::Closing,
            Stage::Ending { .. } => Phase::Ending,
            Stage::Drained => Phase::Drained,
        }
    }

    /// Whether the node ends afterwards.
    pub(crate) fn is_final(&self) -> bool {
        self.is_final
    }

    /// Whether the node may end now.
    pub(crate) fn is_over(&self) -> bool {
        self.is_final && self.stage == Stage::Drained
    }

    /// Whether [`Drain::on_gone`] is awaited.
    pub(crate) fn awaits_the_last(&self) -> bool {
        matches!(self.stage, Stage::Closing { .. } | Stage::Ending { .. })
    }

    /// When nobody will be left at the latest.
    pub(crate) fn end(&self) -> Option<Instant> {
        match self.stage {
            Stage::Announced { until, grace } => Some(until + grace),
            Stage::Closing { until } | Stage::Ending { until } => Some(until),
            Stage::Serving | Stage::Drained => None,
        }
    }

    /// When [`Drain::on_timeout`] must be called.
    #[must_use]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Announced { until, .. } | Stage::Closing { until } | Stage::Ending { until } => {
                Some(until)
            }
            Stage::Serving | Stage::Drained => None,
        }
    }

    // Inputs.

    /// An operator wants the clients to go. Of a drain under way it sets the patience anew.
    pub(crate) fn on_drain(&mut self, notice: Duration, grace: Duration, now: Instant) {
        if self.is_final {
            return;
        }
        self.operator = Some(match self.stage {
            Stage::Serving => now + notice + grace,
            Stage::Announced { until, .. } => until + grace,
            Stage::Closing { .. } | Stage::Ending { .. } | Stage::Drained => now + grace,
        });
        self.settle(notice, now);
    }

    /// The cloud takes the machine away, or puts it aside: nobody is to be left then. The notice is within that time,
    /// half of it at the most.
    pub(crate) fn on_cloud(&mut self, notice: Duration, end: Instant, now: Instant) {
        self.cloud = Some(end);
        if self.is_final {
            return self.hurry(end);
        }
        self.settle(notice.min(end.saturating_duration_since(now) / 2), now);
    }

    /// It does not, after all. Tells whether that ended the drain.
    pub(crate) fn on_cloud_withdrawn(&mut self, now: Instant) -> bool {
        let is_withdrawn = self.cloud.take().is_some() && !self.is_final;
        match self.operator {
            Some(_) if is_withdrawn => {
                self.settle(Duration::ZERO, now);
                false
            }
            None if is_withdrawn => self.on_undrain(),
            _ => false,
        }
    }

    /// Clients may come again. Tells whether there was a drain that could be taken back.
    pub(crate) fn on_undrain(&mut self) -> bool {
        let is_undone = !self.is_final && self.stage != Stage::Serving;
        if is_undone {
            (self.operator, self.cloud) = (None, None);
            self.stage = Stage::Serving;
            self.steps.push_back(Step::Reopen);
        }
        is_undone
    }

    /// The node is to end: after a drain, or at once if that was said before.
    pub(crate) fn on_stop(&mut self, notice: Duration, grace: Duration, now: Instant) {
        let is_first = !std::mem::replace(&mut self.is_final, true);
        match self.stage {
            Stage::Serving => self.announce(notice, grace, now),
            Stage::Announced { .. } | Stage::Closing { .. } if !is_first => {
                if let Stage::Announced { .. } = self.stage {
                    self.steps.push_back(Step::Close { for_good: true });
                }
                self.halt(Cause::Stop, now);
            }
            Stage::Announced { until, grace: own } => {
                self.stage = Stage::Announced { until, grace: own.min(grace) };
            }
            Stage::Closing { until } => {
                self.steps.push_back(Step::Close { for_good: true });
                self.stage = Stage::Closing { until: until.min(now + grace) };
            }
            Stage::Ending { until } if is_first => {
                self.steps.push_back(Step::Close { for_good: true });
                self.stage = Stage::Ending { until: until.min(now + LAST_WORDS) };
            }
            Stage::Ending { .. } | Stage::Drained => {}
        }
    }

    /// The last session has ended.
    pub(crate) fn on_gone(&mut self) {
        if self.awaits_the_last() {
            self.stage = Stage::Drained;
        }
    }

    /// Time passed.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.stage {
            Stage::Announced { grace, .. } => self.close(grace, now),
            Stage::Closing { .. } => self.halt(Cause::Grace, now),
            // Who is still there hears nothing, or settles an upload on a storage that hangs.
            Stage::Ending { .. } => self.stage = Stage::Drained,
            Stage::Serving | Stage::Drained => {}
        }
    }

    // Outputs.

    /// What is to be done.
    #[must_use]
    pub(crate) fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// Whoever has less patience is obeyed.
    fn settle(&mut self, notice: Duration, now: Instant) {
        let Some(end) = self.operator.into_iter().chain(self.cloud).min() else { return };
        match self.stage {
            Stage::Serving => {
                let left = end.saturating_duration_since(now);
                self.announce(notice, left.saturating_sub(notice), now);
            }
            Stage::Announced { until, .. } => {
                let until = until.min(end);
                self.stage = Stage::Announced { until, grace: end - until };
            }
            Stage::Closing { .. } => self.stage = Stage::Closing { until: end },
            Stage::Ending { .. } | Stage::Drained => {}
        }
    }

    /// A stop that has less time than it was given.
    fn hurry(&mut self, end: Instant) {
        match self.stage {
            Stage::Announced { until, grace } => {
                let (until, end) = (until.min(end), end.min(until + grace));
                self.stage =
                    Stage::Announced { until, grace: end.saturating_duration_since(until) };
            }
            Stage::Closing { until } => self.stage = Stage::Closing { until: until.min(end) },
            Stage::Serving | Stage::Ending { .. } | Stage::Drained => {}
        }
    }

    fn announce(&mut self, notice: Duration, grace: Duration, now: Instant) {
        self.steps.push_back(Step::Announce);
        if notice.is_zero() {
            self.close(grace, now);
        } else {
            self.stage = Stage::Announced { until: now + notice, grace };
        }
    }

    fn close(&mut self, grace: Duration, now: Instant) {
        self.steps.push_back(Step::Close { for_good: self.is_final });
        self.stage = Stage::Closing { until: now + grace };
    }

    fn halt(&mut self, cause: Cause, now: Instant) {
        self.steps.push_back(Step::Halt(cause));
        let patience = if self.is_final { LAST_WORDS } else { ENDING };
        self.stage = Stage::Ending { until: now + patience };
    }
}

/// How long sessions that are sent away may take for their 421, when the process ends after it.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(500);

/// The same when it goes on: what settles uploads gets its time.
const ENDING: Duration = Duration::from_secs(5);

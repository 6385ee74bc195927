//! The work of one open file or directory.

use std::collections::VecDeque;

use super::flight::Flight;
use super::request::{OpenFlags, Outcome, Ticket};
use crate::digest::Algorithm;
use crate::entry::AttributeChange;
use crate::sftp::frame::Write;

/// One open file or directory, and its work in the order of arrival.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) target: Target,
    pub(super) state: State,
    /// Whether the lane stands in a list of those that may go on.
    pub(super) is_listed: bool,
    jobs: VecDeque<Job>,
    /// Jobs under way, all of one mode.
    active: u32,
    mode: Mode,
    /// What was begun and is not answered, in that order.
    begun: VecDeque<Ticket>,
    /// What is done before something that was begun earlier.
    early: Vec<(Ticket, Flight, Outcome)>,
    /// What the WRITEs under way cover, from the lowest byte to behind the highest.
    span: (u64, u64),
}

/// What a lane leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(OpenFlags),
    Directory,
}

/// How far the handle's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The owner opens it; the client does not know the handle yet.
    Opening,
    Open,
    /// CLOSE waits; nothing comes behind it.
    Closing,
    /// CLOSE is under way.
    Closed,
}

/// What may run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Read,
    Write,
    /// Nothing runs beside it.
    Alone,
}

#[derive(Debug)]
struct Job {
    epoch: u64,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Reads(Run),
    Write(Write),
    Other { id: u32, operation: HandleOperation },
}

/// READs that continue each other, as clients send them by the thousand: the first one, and by
/// what the following ones differ.
#[derive(Debug)]
struct Run {
    id: u32,
    id_step: u32,
    offset: u64,
    length: u32,
    count: u32,
}

/// What is done alone on its handle.
#[derive(Debug)]
pub(super) enum HandleOperation {
    Close,
    ReadDirectory,
    Attributes,
    SetAttributes(Box<AttributeChange>),
    FileSystem,
    Sync,
    Digest(Box<DigestWork>),
}

/// What `check-file` is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct DigestWork {
    pub(super) algorithm: Algorithm,
    pub(super) start: u64,
    pub(super) length: Option<u64>,
    pub(super) block: Option<u64>,
    /// See [`CheckFile::is_named`](crate::sftp::extension::CheckFile::is_named).
    pub(super) is_named: bool,
}

/// The next thing to do in a lane.
#[derive(Debug)]
pub(super) enum LaneTask {
    Read { id: u32, offset: u64, length: u32 },
    Write(Write),
    Other { id: u32, operation: HandleOperation },
}

/// Which list a lane belongs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// Its next task gives much output.
    WithOutput,
    /// Its next task gives little output.
    Quietly,
}

impl Lane {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            state: State::Opening,
            is_listed: false,
            jobs: VecDeque::new(),
            active: 0,
            mode: Mode::Alone,
            begun: VecDeque::new(),
            early: Vec::new(),
            span: (0, 0),
        }
    }

    /// Adds a READ; whether it continues the last run, and so takes no room.
    pub(super) fn push_read(&mut self, epoch: u64, id: u32, offset: u64, length: u32) -> bool {
        if let Some(Job { epoch: of_last, work: Work::Reads(run) }) = self.jobs.back_mut()
            && *of_last == epoch
            && run.extend(id, offset, length)
        {
            return true;
        }
        let run = Run { id, id_step: 0, offset, length, count: 1 };
        self.jobs.push_back(Job { epoch, work: Work::Reads(run) });
        false
    }

    pub(super) fn push_write(&mut self, epoch: u64, write: Write) {
        self.jobs.push_back(Job { epoch, work: Work::Write(write) });
    }

    pub(super) fn push_other(&mut self, epoch: u64, id: u32, operation: HandleOperation) {
        if matches!(operation, HandleOperation::Close) {
            self.state = State::Closing;
        }
        self.jobs.push_back(Job { epoch, work: Work::Other { id, operation } });
    }

    /// Whether the next job may begin in this epoch.
    pub(super) fn ready(&self, epoch: u64) -> Option<Ready> {
        let job = self.jobs.front().filter(|job| job.epoch == epoch)?;
        let is_free = self.active == 0;
        match &job.work {
            Work::Reads(_) => (is_free || self.mode == Mode::Read).then_some(Ready::WithOutput),
            Work::Write(write) => {
                let beside = || self.mode == Mode::Write && !self.appends() && self.is_apart(write);
                (is_free || beside()).then_some(Ready::Quietly)
            }
            Work::Other { operation: HandleOperation::ReadDirectory, .. } => {
                is_free.then_some(Ready::WithOutput)
            }
            Work::Other { .. } => is_free.then_some(Ready::Quietly),
        }
    }

    /// Begins the next job, which is ready; also whether its descriptor is used up.
    pub(super) fn begin(&mut self) -> Option<(LaneTask, bool)> {
        let task = if let Work::Reads(run) = &mut self.jobs.front_mut()?.work
            && run.count > 1
        {
            (run.step(), false)
        } else {
            let task = match self.jobs.pop_front()?.work {
                Work::Reads(mut run) => run.step(),
                Work::Write(write) => LaneTask::Write(write),
                Work::Other { id, operation } => LaneTask::Other { id, operation },
            };
            if self.jobs.is_empty() && self.jobs.capacity() > JOBS_KEPT {
                self.jobs = VecDeque::new();
            }
            (task, true)
        };
        self.mode = match &task.0 {
            LaneTask::Read { .. } => Mode::Read,
            LaneTask::Write(write) => {
                let (from, to) = (write.offset, write.end());
                self.span = match self.active {
                    0 => (from, to),
                    _ => (self.span.0.min(from), self.span.1.max(to)),
                };
                Mode::Write
            }
            LaneTask::Other { operation, .. } => {
                if matches!(operation, HandleOperation::Close) {
                    self.state = State::Closed;
                }
                Mode::Alone
            }
        };
        self.active += 1;
        Some(task)
    }

    /// The job that was begun last goes by this ticket.
    pub(super) fn begun(&mut self, ticket: Ticket) {
        self.begun.push_back(ticket);
    }

    /// A job is done. Gives it back if it is the next to be answered; otherwise it is kept.
    pub(super) fn arrive(
        &mut self,
        ticket: Ticket,
        flight: Flight,
        outcome: Outcome,
    ) -> Option<(Flight, Outcome)> {
        if self.begun.front() == Some(&ticket) {
            self.begun.pop_front();
            return Some((flight, outcome));
        }
        self.early.push((ticket, flight, outcome));
        None
    }

    /// The next job to be answered, if it is done.
    pub(super) fn next_early(&mut self) -> Option<(Flight, Outcome)> {
        let next = self.begun.front()?;
        let place = self.early.iter().position(|(ticket, ..)| ticket == next)?;
        self.begun.pop_front();
        let (_, flight, outcome) = self.early.swap_remove(place);
        Some((flight, outcome))
    }

    /// A job that was begun is answered.
    pub(super) fn finish(&mut self) {
        self.active = self.active.saturating_sub(1);
    }

    fn appends(&self) -> bool {
        matches!(self.target, Target::File(flags) if flags.append)
    }

    /// Whether a WRITE touches nothing that WRITEs under way touch.
    fn is_apart(&self, write: &Write) -> bool {
        write.offset >= self.span.1 || write.end() <= self.span.0
    }
}

impl Run {
    /// Takes a READ in if it goes on where the last one ends.
    fn extend(&mut self, id: u32, offset: u64, length: u32) -> bool {
        let bytes = u64::from(self.length).saturating_mul(self.count.into());
        let step = match self.count {
            1 => id.wrapping_sub(self.id),
            _ => self.id_step,
        };
        let is_next = length == self.length
            && offset == self.offset.saturating_add(bytes)
            && id == self.id.wrapping_add(step.wrapping_mul(self.count))
            && self.count < u32::MAX;
        if is_next {
            self.id_step = step;
            self.count += 1;
        }
        is_next
    }

    /// Takes the first READ out.
    fn step(&mut self) -> LaneTask {
        let task = LaneTask::Read { id: self.id, offset: self.offset, length: self.length };
        self.id = self.id.wrapping_add(self.id_step);
        self.offset = self.offset.saturating_add(self.length.into());
        self.count -= 1;
        task
    }
}

/// Bytes that a job stands for: its own, twice since queues grow by doubling.
pub(super) const JOB_BYTES: usize = 2 * size_of::<Job>();
/// The same for jobs with something behind them on the heap.
pub(super) const BOXED_JOB_BYTES: usize = JOB_BYTES + size_of::<AttributeChange>() + 16;
/// The capacity that an empty queue of jobs keeps.
const JOBS_KEPT: usize = 64;

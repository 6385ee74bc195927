//! Requests that wait for their turn, and the order in which they get it.
//!
//! # Order
//! What belongs to one open file or directory stands in its *lane*; everything else is a *barrier*:
//! it begins when all that came before it is done, and what came behind it begins when it is done.
//! Barriers cut time into *epochs*; the work of a lane carries the epoch that it came in, and runs
//! in that one alone.
//!
//! Inside an epoch lanes do not wait for each other. Inside a lane work runs one by one in the
//! order of arrival, except that READs run beside READs, and WRITEs beside WRITEs that touch other
//! bytes unless the file was opened to append. So what happens to what is named by one handle, and
//! to the tree, is what would happen if requests were carried out one by one.

use std::collections::VecDeque;

use super::lane::{
    BOXED_JOB_BYTES, DigestWork, HandleOperation, JOB_BYTES, Lane, LaneTask, Ready, State, Target,
};
use super::request::{OpenFlags, Request, Ticket};
use crate::entry::AttributeChange;
use crate::path::VirtualPath;
use crate::sftp::frame::Write;
use crate::sftp::handle::{HandleId, HandleTable};

/// All requests that are not answered yet, and all open files and directories.
#[derive(Debug)]
pub(super) struct Queue {
    lanes: HandleTable<Lane>,
    /// Barriers that wait, in the order of arrival.
    barriers: VecDeque<Barrier>,
    /// A barrier is under way.
    is_barred: bool,
    /// The epoch that runs: as many barriers are done.
    epoch: u64,
    /// The work of lanes that is not done: of this epoch first, then of those behind each barrier,
    /// that which is under way included. Never empty.
    unfinished: VecDeque<u64>,
    /// Lanes whose next task may begin and gives little output, and those where it gives much.
    quiet: VecDeque<HandleId>,
    loud: VecDeque<HandleId>,
    /// Whether it is the turn of the lanes with much output.
    is_loud_turn: bool,
    requests: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Barrier {
    id: u32,
    work: BarrierWork,
    /// What it counts for in [`Queue::bytes`].
    bytes: usize,
}

/// What waits for all before it.
#[derive(Debug)]
pub(super) enum BarrierWork {
    Open { path: VirtualPath, flags: OpenFlags, attributes: AttributeChange },
    OpenDirectory(VirtualPath),
    Digest { path: VirtualPath, work: DigestWork },
    Request(Request),
}

/// The next thing to do.
#[derive(Debug)]
pub(super) enum Task {
    Lane { handle: HandleId, task: LaneTask },
    Barrier { id: u32, work: BarrierWork },
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            lanes: HandleTable::new(),
            barriers: VecDeque::new(),
            is_barred: false,
            epoch: 0,
            unfinished: VecDeque::from([0]),
            quiet: VecDeque::new(),
            loud: VecDeque::new(),
            is_loud_turn: false,
            requests: 0,
            bytes: 0,
        }
    }

    // Handles.

    /// The lane of a handle that the client knows and has not closed.
    pub(super) fn open_lane(&self, handle: HandleId) -> Option<&Lane> {
        self.lanes.get(handle).filter(|lane| lane.state == State::Open)
    }

    /// A handle for what is about to be opened.
    pub(super) fn insert(&mut self, target: Target) -> HandleId {
        self.lanes.insert(Lane::new(target))
    }

    /// The client may use the handle from now on.
    pub(super) fn opened(&mut self, handle: HandleId) {
        if let Some(lane) = self.lanes.get_mut(handle) {
            lane.state = State::Open;
        }
    }

    /// The handle is void from now on.
    pub(super) fn remove(&mut self, handle: HandleId) {
        self.lanes.remove(handle);
    }

    pub(super) fn handles(&self) -> usize {
        self.lanes.len()
    }

    /// What the owner keeps and was not told to close.
    pub(super) fn open_handles(&self) -> impl Iterator<Item = HandleId> {
        let open = |state| matches!(state, State::Open | State::Closing);
        self.lanes.iter().filter(move |(_, lane)| open(lane.state)).map(|(handle, _)| handle)
    }

    // What waits.

    /// Requests that wait.
    pub(super) fn len(&self) -> usize {
        self.requests
    }

    /// The memory that they take, without the data of WRITEs.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push_read(&mut self, handle: HandleId, id: u32, offset: u64, length: u32) {
        let epoch = self.last_epoch();
        let Some(lane) = self.lanes.get_mut(handle) else { return };
        if !lane.push_read(epoch, id, offset, length) {
            self.bytes += JOB_BYTES;
        }
        self.pushed(handle);
    }

    pub(super) fn push_write(&mut self, handle: HandleId, write: Write) {
        let epoch = self.last_epoch();
        let Some(lane) = self.lanes.get_mut(handle) else { return };
        lane.push_write(epoch, write);
        self.bytes += JOB_BYTES;
        self.pushed(handle);
    }

    pub(super) fn push_other(&mut self, handle: HandleId, id: u32, operation: HandleOperation) {
        let epoch = self.last_epoch();
        let Some(lane) = self.lanes.get_mut(handle) else { return };
        lane.push_other(epoch, id, operation);
        self.bytes += BOXED_JOB_BYTES;
        self.pushed(handle);
    }

    /// Adds a barrier; its paths and lists are no longer than the packet that they came in.
    pub(super) fn push_barrier(&mut self, id: u32, work: BarrierWork, packet_bytes: usize) {
        let bytes = BARRIER_BYTES + packet_bytes;
        self.barriers.push_back(Barrier { id, work, bytes });
        self.unfinished.push_back(0);
        self.bytes += bytes;
        self.requests += 1;
    }

    // What runs.

    /// The next task that may begin, which gives much output only `with_output`.
    pub(super) fn next(&mut self, with_output: bool) -> Option<Task> {
        if let Some(handle) = self.next_lane(with_output) {
            let lane = self.lanes.get_mut(handle)?;
            lane.is_listed = false;
            let (task, is_used_up) = lane.begin()?;
            self.requests -= 1;
            if is_used_up {
                self.bytes -= match task {
                    LaneTask::Read { .. } | LaneTask::Write(_) => JOB_BYTES,
                    LaneTask::Other { .. } => BOXED_JOB_BYTES,
                };
            }
            self.list(handle);
            return Some(Task::Lane { handle, task });
        }
        if self.is_barred || self.unfinished.front() != Some(&0) {
            return None;
        }
        let Barrier { id, work, bytes } = self.barriers.pop_front()?;
        if self.barriers.is_empty() && self.barriers.capacity() > BARRIERS_KEPT {
            self.barriers = VecDeque::new();
        }
        self.is_barred = true;
        self.requests -= 1;
        self.bytes -= bytes;
        Some(Task::Barrier { id, work })
    }

    /// A task of a lane was begun under this ticket.
    pub(super) fn begun(&mut self, handle: HandleId, ticket: Ticket) {
        if let Some(lane) = self.lanes.get_mut(handle) {
            lane.begun(ticket);
        }
    }

    /// The lane of a task that is under way.
    pub(super) fn lane(&mut self, handle: HandleId) -> Option<&mut Lane> {
        self.lanes.get_mut(handle)
    }

    /// A task of a lane is answered.
    pub(super) fn finish_lane(&mut self, handle: HandleId) {
        if let Some(unfinished) = self.unfinished.front_mut() {
            *unfinished = unfinished.saturating_sub(1);
        }
        if let Some(lane) = self.lanes.get_mut(handle) {
            lane.finish();
            self.list(handle);
        }
    }

    /// The barrier that was under way is done: its epoch ends.
    pub(super) fn finish_barrier(&mut self) {
        self.is_barred = false;
        self.epoch += 1;
        self.unfinished.pop_front();
        // Clients seldom send on behind a barrier, so all lanes are looked at when they did.
        if self.unfinished.front().is_some_and(|&unfinished| unfinished > 0) {
            let handles: Vec<_> = self.lanes.iter().map(|(handle, _)| handle).collect();
            for handle in handles {
                self.list(handle);
            }
        }
    }

    /// The epoch of what comes in now: barriers done, under way and waiting.
    fn last_epoch(&self) -> u64 {
        self.epoch + self.unfinished.len() as u64 - 1
    }

    /// Takes the next lane off the lists, in turn from both if output is allowed.
    fn next_lane(&mut self, with_output: bool) -> Option<HandleId> {
        if !with_output {
            return self.quiet.pop_front();
        }
        self.is_loud_turn = !self.is_loud_turn;
        let (first, second) = if self.is_loud_turn {
            (&mut self.loud, &mut self.quiet)
        } else {
            (&mut self.quiet, &mut self.loud)
        };
        first.pop_front().or_else(|| second.pop_front())
    }

    /// Work was added to a lane.
    fn pushed(&mut self, handle: HandleId) {
        self.requests += 1;
        if let Some(unfinished) = self.unfinished.back_mut() {
            *unfinished += 1;
        }
        self.list(handle);
    }

    /// Puts a lane on the list that it belongs on, if it may go on and is on none. What is on a list
    /// stays ready: the lane's first job changes only when it is taken off, and what is under way
    /// only becomes less.
    fn list(&mut self, handle: HandleId) {
        let Some(lane) = self.lanes.get_mut(handle) else { return };
        if lane.is_listed {
            return;
        }
        match lane.ready(self.epoch) {
            Some(Ready::WithOutput) => self.loud.push_back(handle),
            Some(Ready::Quietly) => self.quiet.push_back(handle),
            None => return,
        }
        lane.is_listed = true;
    }
}

/// A barrier without what its packet held, twice since queues grow by doubling.
const BARRIER_BYTES: usize = 2 * size_of::<Barrier>();
/// The capacity that an empty queue of barriers keeps.
const BARRIERS_KEPT: usize = 16;

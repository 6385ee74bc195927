//! The session of one SFTP channel, as a pure machine.
//!
//! # Use
//! Make it with [`Session::new`], then loop: give it what came in ([`Session::on_bytes`],
//! [`Session::on_outcome`]), carry out what [`Session::poll`] hands out until it hands out nothing
//! more, send what [`Session::output`] gives, and bring sent buffers back to [`Session::recycle`].
//! Requests run side by side and may be done in any order. Sending output may let further
//! requests run, so poll again after it. When the channel ends, close what
//! [`Session::open_handles`] names.
//!
//! # What can not wedge
//! Reading never waits for writing. Whatever is unsent, input is taken: requests are queued, small
//! replies too. Only requests with large replies (READ, READDIR) wait for unsent output to become
//! less. Input stops ([`Session::wants_input`]) only while too much WRITE data is held *and* the
//! owner has a request under way, whose answer will let others run: the storage drains without
//! the client's doing. A client that asks without end and takes nothing meets a [`Violation`].
//!
//! # Order
//! As told in `queue.rs`: as if requests were carried out one by one in the order of arrival, as far
//! as one handle and the tree are concerned. What needs no storage (REALPATH, limits, requests that
//! are refused) is answered at once. The replies to what was done with one handle stand in the order in
//! which that was asked, though it may be done in any other: OpenSSH's client takes the highest
//! acknowledged offset without a gap for the length of an upload, gives up counting when a reply
//! overtakes another, and cuts the file there.

mod accept;
mod answer;
mod flight;
mod lane;
mod queue;
mod request;
mod settings;
#[cfg(test)]
mod tests;

pub use request::{DigestTarget, OpenFlags, Outcome, Request, Ticket};
pub use settings::Settings;

use self::flight::{Expected, Flight, Flights, Origin};
use self::lane::{HandleOperation, Lane, LaneTask, Target};
use self::queue::{BarrierWork, Queue, Task};
use super::READ_BYTES_MAX;
use super::frame::{Frame, FrameReader};
use super::handle::HandleId;
use super::name::{NAMES_BYTES_COMMON, NAMES_BYTES_LARGE, NameList};
use super::output::Output;
use super::pool::Pool;
use super::status::{self, Refusal, Status};
use super::wire::HEAD_BYTES;

/// The machine. See the module documentation for its contract.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    /// What the client said in INIT; `None` before.
    version: Option<u32>,
    /// The client asked for our limits, so it can take long packets.
    takes_large: bool,
    reader: FrameReader,
    queue: Queue,
    flights: Flights,
    output: Output,
    pool: Pool,
    /// Bytes of WRITE buffers, queued and under way.
    payload: usize,
    /// Requests that are done and wait for an earlier one of their handle.
    early: usize,
    /// Bytes of large replies that are being made.
    producing: usize,
    /// What ended the session.
    violation: Option<Violation>,
}

/// What a session holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of WRITE buffers: being received, queued, and under way.
    pub payload: usize,
    /// Bytes of replies that wait to be sent.
    pub output: usize,
    /// Requests that wait to be handed out.
    pub requests: usize,
    /// Files and directories that are open, being opened or being closed.
    pub open_handles: usize,
    /// Requests under way at the owner.
    pub in_flight: usize,
}

/// Why a session can not go on: the owner closes the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A packet is longer than the limit.
    #[error("packet of {length} bytes is too long")]
    TooLong {
        /// What its length field says.
        length: u32,
    },
    /// A packet ends before its fields do.
    #[error("packet of type {kind} can not be decoded")]
    Undecodable {
        /// Its type; 0 for one without a type.
        kind: u8,
    },
    /// A request came before INIT.
    #[error("packet of type {kind} before initialisation")]
    NotInitialised {
        /// Its type.
        kind: u8,
    },
    /// The queue is full ([`Settings::requests_bytes_max`]).
    #[error("too many requests queued")]
    TooManyRequests,
    /// The client asks on and on, and takes no replies ([`Settings::output_max`]).
    #[error("replies are not taken")]
    OutputNotTaken,
}

impl Session {
    /// A session on a new channel.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            version: None,
            takes_large: false,
            reader: FrameReader::default(),
            queue: Queue::new(),
            flights: Flights::default(),
            output: Output::default(),
            pool: Pool::default(),
            payload: 0,
            early: 0,
            producing: 0,
            violation: None,
        }
    }

    // Getters.

    /// What is held at the moment.
    pub fn usage(&self) -> Usage {
        Usage {
            payload: self.payload + self.reader.payload(),
            output: self.output.len(),
            requests: self.queue.len(),
            open_handles: self.queue.handles(),
            in_flight: self.flights.len(),
        }
    }

    /// Why the session can not go on, if so: as [`Session::on_bytes`] told, or will tell. To be
    /// asked after [`Session::on_outcome`] as well.
    pub fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// Whether the owner should read on; to be asked after [`Session::poll`] gave `None`. False
    /// while WRITE buffers exceed [`Settings::payload_max`], unless no request is under way: then
    /// all WRITEs wait behind a READ whose reply the client does not take, and what would make it
    /// take that may be in the input.
    pub fn wants_input(&self) -> bool {
        !self.holds_enough() || self.flights.len() == 0
    }

    /// Whether WRITE buffers exceed [`Settings::payload_max`]. An owner who polls no more for a while,
    /// but will by itself, stops input by this.
    pub fn holds_enough(&self) -> bool {
        self.usage().payload > self.settings.payload_max
    }

    /// Whether nothing is queued, under way or unsent.
    pub fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.flights.len() == 0 && self.output.len() == 0
    }

    /// The handles that are open, until their [`Request::Close`] is handed out.
    pub fn open_handles(&self) -> impl Iterator<Item = HandleId> {
        self.queue.open_handles()
    }

    // Inputs.

    /// Bytes of the channel came in, in any pieces; output should be sent between them, since what
    /// needs no owner is answered here. After an error nothing is taken any more.
    pub fn on_bytes(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        let mut reader = std::mem::take(&mut self.reader);
        let result = loop {
            if let Some(violation) = self.violation {
                break Err(violation);
            }
            let frame = reader.next(&mut bytes, &mut self.pool);
            let result = match frame {
                Ok(None) => break Ok(()),
                Ok(Some(Frame::Packet(packet))) => self.accept(packet),
                Ok(Some(Frame::Write(write))) => self.accept_write(write),
                Err(violation) => Err(violation),
            };
            let result = result.and_then(|()| self.check_limits());
            self.violation = result.err();
        };
        self.reader = reader;
        result
    }

    /// A request is answered. Tickets that were answered before, and answers that do not fit their
    /// request, do no harm: the client is told of an error on our side.
    pub fn on_outcome(&mut self, ticket: Ticket, outcome: Outcome) {
        let Some(flight) = self.flights.end(ticket) else { return };
        match flight.origin {
            Origin::Barrier => self.answer(flight, outcome),
            Origin::Lane(handle) => self.arrive(handle, ticket, flight, outcome),
        }
        if self.queue.handles() == 0 {
            // Transfers are over for now; memory is for those who have some.
            self.pool.clear();
        }
        self.violation = self.violation.or(self.check_limits().err());
    }

    /// A buffer that came from here is not needed any more.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.queue.handles() > 0 {
            self.pool.put(buffer);
        }
    }

    // Outputs.

    /// The next request that may run now; call until `None`.
    #[must_use]
    pub fn poll(&mut self) -> Option<(Ticket, Request)> {
        loop {
            let begun = self.flights.len() + self.early;
            if self.violation.is_some() || begun >= self.settings.in_flight_max.max(1) {
                return None;
            }
            match self.queue.next(self.may_produce())? {
                Task::Lane { handle, task } => return Some(self.begin_lane(handle, task)),
                Task::Barrier { id, work } => {
                    if let Some(request) = self.begin_barrier(id, work) {
                        return Some(request);
                    }
                }
            }
        }
    }

    /// Bytes for the client, at most `max`; a packet may be cut over several calls. Whole buffers
    /// are handed out as they are if they fit.
    #[must_use]
    pub fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        self.output.take(max, &mut self.pool)
    }

    // Requests on their way out.

    /// Whether a request with a large reply may begin: there is room, or there is nothing.
    fn may_produce(&self) -> bool {
        let output = self.output.len() + self.producing;
        output < self.settings.output_max.max(1)
    }

    fn begin_lane(&mut self, handle: HandleId, task: LaneTask) -> (Ticket, Request) {
        let (id, expected, request) = match task {
            LaneTask::Read { id, offset, length } => {
                let length = (length as usize).min(READ_BYTES_MAX);
                self.producing += HEAD_BYTES + length;
                let buffer = self.pool.filled(HEAD_BYTES + length);
                (id, Expected::Data(length), Request::Read { handle, offset, length, buffer })
            }
            LaneTask::Write(write) => {
                let expected = Expected::Written(write.data.capacity());
                let (offset, data) = (write.offset, write.data);
                (write.id, expected, Request::Write { handle, offset, data })
            }
            LaneTask::Other { id, operation } => {
                let (expected, request) = self.begin_operation(handle, operation);
                (id, expected, request)
            }
        };
        let flight = Flight { id, origin: Origin::Lane(handle), expected };
        let ticket = self.flights.begin(flight);
        self.queue.begun(handle, ticket);
        (ticket, request)
    }

    fn begin_operation(
        &mut self,
        handle: HandleId,
        operation: HandleOperation,
    ) -> (Expected, Request) {
        match operation {
            HandleOperation::Close => (Expected::Closed(handle), Request::Close { handle }),
            HandleOperation::ReadDirectory => {
                let bytes = if self.takes_large { NAMES_BYTES_LARGE } else { NAMES_BYTES_COMMON };
                self.producing += bytes;
                let names = NameList::new(self.pool.empty(bytes), bytes);
                (Expected::Names(bytes), Request::ReadDirectory { handle, names })
            }
            HandleOperation::Attributes => {
                (Expected::Attributes, Request::HandleAttributes { handle })
            }
            HandleOperation::SetAttributes(change) => {
                (Expected::Done, Request::SetHandleAttributes { handle, change: *change })
            }
            HandleOperation::FileSystem => {
                (Expected::FileSystem, Request::HandleFileSystem { handle })
            }
            HandleOperation::Sync => (Expected::Done, Request::Sync { handle }),
            HandleOperation::Digest(work) => work.request(DigestTarget::Handle(handle)),
        }
    }

    /// Hands a barrier out, or refuses it.
    fn begin_barrier(&mut self, id: u32, work: BarrierWork) -> Option<(Ticket, Request)> {
        let opens = matches!(work, BarrierWork::Open { .. } | BarrierWork::OpenDirectory(_));
        if opens && self.queue.handles() >= self.settings.handles_max {
            self.refuse(id, TOO_MANY_HANDLES);
            self.queue.finish_barrier();
            return None;
        }
        let (expected, request) = match work {
            BarrierWork::Open { path, flags, attributes } => {
                let handle = self.queue.insert(Target::File(flags));
                (Expected::Opened(handle), Request::Open { handle, path, flags, attributes })
            }
            BarrierWork::OpenDirectory(path) => {
                let handle = self.queue.insert(Target::Directory);
                (Expected::Opened(handle), Request::OpenDirectory { handle, path })
            }
            BarrierWork::Digest { path, work } => work.request(DigestTarget::Path(path)),
            BarrierWork::Request(request) => (Expected::of(&request), request),
        };
        let flight = Flight { id, origin: Origin::Barrier, expected };
        Some((self.flights.begin(flight), request))
    }

    // Replies and limits.

    /// Answers a request of a lane, and those that waited for it, or lets it wait for its turn.
    fn arrive(&mut self, handle: HandleId, ticket: Ticket, flight: Flight, outcome: Outcome) {
        let Some(lane) = self.queue.lane(handle) else { return };
        let Some((flight, outcome)) = lane.arrive(ticket, flight, outcome) else {
            self.early += 1;
            return;
        };
        self.answer(flight, outcome);
        while let Some((flight, outcome)) = self.queue.lane(handle).and_then(Lane::next_early) {
            self.early -= 1;
            self.answer(flight, outcome);
        }
    }

    fn refuse(&mut self, id: u32, refusal: Refusal) {
        self.status(id, refusal.status, refusal.text);
    }

    /// Adds a small reply.
    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.output.write(&mut self.pool, write);
    }

    fn status(&mut self, id: u32, status: Status, text: &str) {
        let version = self.version.unwrap_or_default();
        self.write(|out| status::write(out, version, id, status, text));
    }

    fn check_limits(&self) -> Result<(), Violation> {
        if self.queue.bytes() + self.payload > self.settings.requests_bytes_max {
            return Err(Violation::TooManyRequests);
        }
        if self.output.len() > self.settings.output_max.saturating_add(UNTAKEN_BYTES_MAX) {
            return Err(Violation::OutputNotTaken);
        }
        Ok(())
    }
}

/// Bytes above [`Settings::output_max`] that small replies may take: those to a hundred thousand
/// WRITEs, all under way at once.
const UNTAKEN_BYTES_MAX: usize = 4 << 20;
const TOO_MANY_HANDLES: Refusal = Refusal::new(Status::Failure, "Too many open handles.");

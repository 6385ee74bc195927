//! `scp`: carries out what [`Machine`] asks, one request after the other.

mod begin;
mod upload;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use flotilla_protocol::entry::Attributes;
use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::scp::{Invocation, Machine, Outcome};

use self::upload::Upload;
use super::channel::{Broken, Exit, Program};
use super::record::{Change, Record, Transfer};
use super::throttle::Throttle;
use super::trace::Part;
use crate::files::Files;
use crate::login::LoggedIn;
use crate::roster::{Card, Moving};
use crate::storage::{Directory, Source};

/// One `scp`.
pub(super) struct Server {
    machine: Machine,
    files: Files,
    /// Bits that new directories do not get.
    umask: u32,
    upload: Option<Upload>,
    download: Option<Download>,
    /// The directories that are being read, the innermost last; one that a job has is `None`.
    directories: Vec<Option<Box<dyn Directory>>>,
    card: Rc<Card>,
    work: Option<Pin<Box<dyn Future<Output = Done>>>>,
    /// Bytes of the client that the machine does not take yet.
    input: Vec<u8>,
    /// Buffers for reading.
    spare: Vec<Vec<u8>>,
    throttle: Throttle,
    record: Rc<Record>,
    ended: bool,
}

/// A file that is sent.
struct Download {
    path: Rc<VirtualPath>,
    source: Arc<dyn Source>,
    moving: Moving,
    part: Part,
    failed: Option<Failure>,
}

/// What became of a request, before the machine hears of it.
enum Done {
    /// The machine's business only.
    Answer(Outcome),
    /// A change to the files that is no transfer.
    Changed(Change, Result<(), Failure>),
    /// An upload began.
    Created(Result<Upload, Failure>),
    /// Bytes of the upload were written.
    Written(usize, Result<Vec<u8>, Failure>),
    /// An upload that is worth nothing was emptied before its end.
    Emptied,
    /// The upload was published.
    Finished(Result<(), Failure>),
    /// A file was opened to be sent.
    Opened(Result<Download, Failure>),
    /// Bytes of it were read.
    Read(Result<(Vec<u8>, usize), Failure>),
    /// A directory was opened.
    Entered(Result<Entered, Failure>),
    /// Names of it were read.
    Names(Result<Listed, Failure>),
}

/// Names of a directory, which comes back with them.
type Listed = (Box<dyn Directory>, Vec<Vec<u8>>);

/// A directory that was opened, and what is known of it.
struct Entered {
    directory: Box<dyn Directory>,
    attributes: Attributes,
}

impl Server {
    pub(super) fn new(
        invocation: &Invocation,
        login: &LoggedIn,
        card: Rc<Card>,
        umask: u32,
        record: Rc<Record>,
    ) -> Self {
        let mut machine = Machine::new(invocation, VirtualPath::root());
        machine.set_read_bytes(READ_BYTES);
        Self {
            machine,
            files: login.files.clone(),
            umask,
            upload: None,
            download: None,
            directories: Vec::new(),
            card,
            work: None,
            input: Vec::new(),
            spare: Vec::new(),
            throttle: Throttle::new(login),
            record,
            ended: false,
        }
    }

    /// Offers the machine what it did not take before.
    fn feed(&mut self) {
        if !self.input.is_empty() {
            let taken = self.machine.on_bytes(&self.input);
            self.input.drain(..taken);
        }
        if self.ended && self.input.is_empty() {
            self.ended = false;
            self.machine.on_end();
        }
    }

    /// Brings one answer home.
    fn finish(&mut self, done: Done, now: Instant) {
        let outcome = match done {
            Done::Answer(outcome) => outcome,
            // The machine expects no answer.
            Done::Emptied => return self.feed(),
            Done::Changed(change, result) => {
                self.record.log_change(self.files.account(), &change, result.as_ref().err());
                Outcome::Done(result)
            }
            Done::Created(result) => Outcome::Done(result.map(|mut upload| {
                upload.part.opens(now);
                self.upload = Some(upload);
            })),
            Done::Written(count, result) => {
                self.throttle.received(count, now);
                if let (Some(upload), Ok(_)) = (&mut self.upload, &result) {
                    upload.moving.add(count, now);
                }
                Outcome::Done(result.map(|buffer| self.machine.recycle(buffer)))
            }
            Done::Finished(result) => {
                self.end_upload(result.as_ref().err(), now);
                Outcome::Done(result)
            }
            Done::Opened(result) => Outcome::Attributes(result.map(|mut download| {
                download.part.opens(now);
                let attributes = *download.source.attributes();
                self.download = Some(download);
                attributes
            })),
            Done::Read(result) => self.read(result, now),
            Done::Entered(result) => Outcome::Attributes(result.map(|entered| {
                self.directories.push(Some(entered.directory));
                entered.attributes
            })),
            Done::Names(result) => Outcome::Names(result.map(|(directory, names)| {
                if let Some(place) = self.directories.last_mut() {
                    *place = Some(directory);
                }
                names
            })),
        };
        self.machine.on_outcome(outcome);
        self.feed();
    }

    fn read(&mut self, result: Result<(Vec<u8>, usize), Failure>, now: Instant) -> Outcome {
        let data = result.map(|(mut buffer, count)| {
            buffer.truncate(count);
            buffer
        });
        if let Some(download) = &mut self.download {
            match &data {
                Ok(data) => download.moving.add(data.len(), now),
                Err(failure) => download.failed = Some(failure.clone()),
            }
        }
        self.throttle.sent(data.as_ref().map_or(0, Vec::len), now);
        Outcome::Data(data)
    }

    /// The upload is over.
    fn end_upload(&mut self, failure: Option<&Failure>, now: Instant) {
        if let Some(upload) = self.upload.take() {
            self.record.log_transfer(&Transfer {
                account: self.files.account(),
                path: &upload.path,
                upload: true,
                command: PUT,
                bytes: upload.moving.bytes(),
                elapsed: now.saturating_duration_since(upload.moving.started()),
                failure,
                fault: None,
                part: upload.part,
                first: upload.moving.first(),
            });
        }
    }

    /// The download is over.
    fn end_download(&mut self, failure: Option<&Failure>, now: Instant) {
        if let Some(download) = self.download.take() {
            self.record.log_transfer(&Transfer {
                account: self.files.account(),
                path: &download.path,
                upload: false,
                command: GET,
                bytes: download.moving.bytes(),
                elapsed: now.saturating_duration_since(download.moving.started()),
                failure: failure.or(download.failed.as_ref()),
                fault: None,
                part: download.part,
                first: download.moving.first(),
            });
        }
    }
}

impl Program for Server {
    fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.input.len() + bytes.len() > UNASKED_MAX {
            return Err(Broken("more than it was asked for".to_owned()));
        }
        if self.input.is_empty() {
            let taken = self.machine.on_bytes(bytes);
            self.input.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        } else {
            self.input.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn on_end(&mut self) {
        self.ended = true;
        self.feed();
    }

    fn advance(&mut self, now: Instant) {
        // Output that left may have made room for input.
        self.feed();
        while self.work.is_none() && !self.throttle.holds(now) {
            let Some(request) = self.machine.poll() else { return };
            self.begin(request, now);
        }
    }

    fn poll(&mut self, task: &mut Context<'_>, now: Instant) -> bool {
        let released = self.throttle.release(now);
        let Some(work) = &mut self.work else { return released };
        match work.as_mut().poll(task) {
            Poll::Pending => released,
            Poll::Ready(done) => {
                self.work = None;
                self.finish(done, now);
                true
            }
        }
    }

    fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        self.machine.output(max)
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(buffer);
        }
    }

    fn is_waiting(&self) -> bool {
        self.work.is_some()
    }

    fn exit(&self) -> Option<Exit> {
        self.machine.exit_status().map(|status| Exit::silent(status.into()))
    }

    fn wants_input(&self) -> bool {
        self.input.len() < INPUT_MAX || !self.drains()
    }

    fn is_busy(&self) -> bool {
        self.machine.exit_status().is_none()
    }

    fn held(&self) -> usize {
        self.input.len()
    }

    fn drains(&self) -> bool {
        !self.input.is_empty() && (self.work.is_some() || self.throttle.resumes_at().is_some())
    }

    fn resumes_at(&self) -> Option<Instant> {
        self.throttle.resumes_at()
    }

    fn close(&mut self, now: Instant) {
        self.work = None;
        self.end_upload(Some(&Failure::DataBroken), now);
        self.end_download(Some(&Failure::DataBroken), now);
    }
}

/// What those who watch the node see of an upload.
const PUT: &str = "scp put";
/// And of a download.
const GET: &str = "scp get";
/// Read at once: what the transport is handed in one piece.
const READ_BYTES: usize = 256 * 1024;
/// Bytes that wait for the machine before the socket is not read any more.
const INPUT_MAX: usize = 512 * 1024;
/// Bytes that wait for the machine while that waits for the client itself, which is read on: an answer
/// or a window adjustment has to come. A client sends so much there only against the rules.
const UNASKED_MAX: usize = 1024 * 1024;
/// Spare buffers: one being read into, one being sent.
const SPARE_MAX: usize = 2;

//! From the storage's answer to the machine, the log and the handles.

use std::time::Instant;

use flotilla_protocol::failure::Failure;
use flotilla_protocol::sftp::{DATA_HEADROOM, HandleId, NameList, Outcome, Ticket};

use super::Server;
use super::open::{File, Open};
use crate::log;
use crate::ssh::record::Change;
use crate::storage::Directory;

/// What became of a request.
pub(super) enum Finished {
    /// The machine's business only.
    Answer(Ticket, Outcome),
    /// A change to the files that is no transfer.
    Changed(Ticket, Box<Change>, Result<(), Failure>),
    /// Something was opened.
    Opened(Ticket, HandleId, Result<Open, Failure>),
    /// Bytes were read.
    Read(Ticket, HandleId, Result<Vec<u8>, Failure>),
    /// This many bytes were written.
    Written(Ticket, HandleId, usize, Result<Vec<u8>, Failure>),
    /// This many bytes were copied into a file.
    Copied(Ticket, HandleId, Result<u64, Failure>),
    /// Entries were read, and more may follow.
    Listed(Ticket, HandleId, Result<(Box<dyn Directory>, NameList, bool), Failure>),
    /// A file was closed.
    Closed(Ticket, Box<File>, Result<(), Failure>),
}

impl Finished {
    /// Why it failed, apart from a file that is closed: that is the end of a transfer, which has a line.
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Answer(..) | Self::Closed(..) => None,
            Self::Changed(_, _, result) => result.as_ref().err(),
            Self::Opened(_, _, result) => result.as_ref().err(),
            Self::Read(_, _, result) => result.as_ref().err(),
            Self::Written(_, _, _, result) => result.as_ref().err(),
            Self::Copied(_, _, result) => result.as_ref().err(),
            Self::Listed(_, _, result) => result.as_ref().err(),
        }
    }
}

impl Server {
    /// Brings one answer home.
    pub(super) fn finish(&mut self, finished: Finished, now: Instant) {
        if let Some(failure) = finished.failure().filter(|failure| failure.is_trouble()) {
            log::fail(failure.text());
        }
        let (ticket, outcome) = match finished {
            Finished::Answer(ticket, outcome) => (ticket, outcome),
            Finished::Changed(ticket, change, result) => {
                self.record.log_change(self.files.account(), &change, result.as_ref().err());
                (ticket, done(result))
            }
            Finished::Opened(ticket, handle, result) => {
                let outcome = match result {
                    Ok(mut open) => {
                        open.opens(now);
                        self.open.insert(handle, open);
                        Outcome::Opened
                    }
                    Err(failure) => Outcome::Failed(failure),
                };
                (ticket, outcome)
            }
            Finished::Read(ticket, handle, result) => (ticket, self.read(handle, result, now)),
            Finished::Written(ticket, handle, count, result) => {
                self.note_fault(handle, result.as_ref().err());
                if let (Some(Open::File(file)), Ok(_)) = (self.open.get(&handle), &result) {
                    file.written(count, now);
                }
                self.throttle.received(count, now);
                (ticket, result.map_or_else(Outcome::Failed, Outcome::Written))
            }
            Finished::Copied(ticket, handle, result) => {
                if let (Some(Open::File(file)), &Ok(count)) = (self.open.get(&handle), &result) {
                    file.written(usize::try_from(count).unwrap_or(usize::MAX), now);
                }
                (ticket, done(result.map(drop)))
            }
            Finished::Listed(ticket, handle, result) => (ticket, self.listed(handle, result)),
            Finished::Closed(ticket, file, result) => {
                file.log(&self.record, &self.files, result.as_ref().err(), now);
                (ticket, done(result))
            }
        };
        self.answered(ticket, &outcome);
        self.machine.on_outcome(ticket, outcome);
    }

    fn read(
        &mut self,
        handle: HandleId,
        result: Result<Vec<u8>, Failure>,
        now: Instant,
    ) -> Outcome {
        self.note_fault(handle, result.as_ref().err());
        match result {
            Ok(buffer) => {
                let count = buffer.len().saturating_sub(DATA_HEADROOM);
                if let Some(Open::File(file)) = self.open.get(&handle) {
                    file.read(count, now);
                }
                self.throttle.sent(count, now);
                Outcome::Data(buffer)
            }
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// A part of a transfer failed.
    fn note_fault(&mut self, handle: HandleId, failure: Option<&Failure>) {
        if let (Some(failure), Some(Open::File(file))) = (failure, self.open.get_mut(&handle)) {
            file.fault = Some(failure.clone());
        }
    }

    fn listed(
        &mut self,
        handle: HandleId,
        result: Result<(Box<dyn Directory>, NameList, bool), Failure>,
    ) -> Outcome {
        match result {
            Ok((directory, names, more)) => {
                if let Some(Open::Directory { entries, ended, .. }) = self.open.get_mut(&handle) {
                    *entries = Some(directory);
                    *ended = !more;
                }
                Outcome::Names(names)
            }
            Err(failure) => Outcome::Failed(failure),
        }
    }
}

fn done(result: Result<(), Failure>) -> Outcome {
    result.map_or_else(Outcome::Failed, |()| Outcome::Done)
}

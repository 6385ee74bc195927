//! What is remembered of a request until it is answered, for the metrics and for its span.

use std::time::Instant;

use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::sftp::{DigestTarget, Outcome, Request, Ticket};

use super::Server;
use crate::metrics::SftpRequest;

/// A request under way: there are no more than the machine hands out at once.
pub(super) struct Asked {
    ticket: Ticket,
    request: SftpRequest,
    /// Only in a session that is sampled.
    path: Option<VirtualPath>,
    since: Instant,
}

impl Server {
    /// A request is begun.
    pub(super) fn ask(&mut self, ticket: Ticket, request: &Request, since: Instant) {
        let path = match self.record.trace.is_sampled() {
            true => self.path(request).cloned(),
            false => None,
        };
        self.asked.push(Asked { ticket, request: SftpRequest::of(request), path, since });
    }

    /// It is answered. What was opened has a span when it is closed.
    pub(super) fn answered(&mut self, ticket: Ticket, outcome: &Outcome) {
        let Some(place) = self.asked.iter().position(|asked| asked.ticket == ticket) else {
            return;
        };
        let Asked { request, path, since, .. } = self.asked.swap_remove(place);
        self.record.count(request, outcome);
        let failure = match outcome {
            Outcome::Opened => return,
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        };
        if has_span(request, failure.is_some()) {
            self.record.trace_request(request.word(), path.as_ref(), since, failure);
        }
    }

    fn path<'a>(&'a self, request: &'a Request) -> Option<&'a VirtualPath> {
        match request {
            Request::Open { path, .. }
            | Request::OpenDirectory { path, .. }
            | Request::Attributes { path, .. }
            | Request::SetAttributes { path, .. }
            | Request::Remove(path)
            | Request::MakeDirectory { path, .. }
            | Request::RemoveDirectory(path)
            | Request::Rename { from: path, .. }
            | Request::ReadLink(path)
            | Request::Symlink { link: path, .. }
            | Request::HardLink { existing: path, .. }
            | Request::FileSystem { path }
            | Request::Digest { target: DigestTarget::Path(path), .. } => Some(path),
            Request::HandleAttributes { handle }
            | Request::SetHandleAttributes { handle, .. }
            | Request::HandleFileSystem { handle }
            | Request::Sync { handle }
            | Request::ReadDirectory { handle, .. }
            | Request::CopyData { target: handle, .. }
            | Request::Digest { target: DigestTarget::Handle(handle), .. } => {
                self.open.get(handle).map(|open| open.path())
            }
            Request::Read { .. }
            | Request::Write { .. }
            | Request::Close { .. }
            | Request::Names { .. } => None,
        }
    }
}

/// Whether it has a span of its own. The others belong to what is open; a part of a listing only while that goes on.
fn has_span(request: SftpRequest, has_failed: bool) -> bool {
    match request {
        SftpRequest::Read | SftpRequest::Write | SftpRequest::Close => false,
        SftpRequest::ReadDirectory => has_failed,
        _ => true,
    }
}

//! What is remembered of a request until it is answered, for the metrics and for its span.

use std::time::Instant;

use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::sftp::{DigestTarget, HandleId, Outcome, Request, Ticket};

use super::Server;
use super::open::Open;
use crate::metrics::SftpRequest;

/// A request under way: there are no more than the machine hands out at once.
pub(super) struct Asked {
    ticket: Ticket,
    request: SftpRequest,
    /// Of its path only in a session that is sampled; what is open has one anyway.
    about: Option<Subject>,
    since: Instant,
}

/// What a request is about.
enum Subject {
    Path(VirtualPath),
    Handle(HandleId),
}

impl Server {
    /// A request is begun.
    pub(super) fn ask(&mut self, ticket: Ticket, request: &Request, since: Instant) {
        let about = match named(request) {
            Some(path) => self.record.trace.is_sampled().then(|| Subject::Path(path.clone())),
            None => held(request).map(Subject::Handle),
        };
        self.asked.push(Asked { ticket, request: SftpRequest::of(request), about, since });
    }

    /// It is answered. What was opened has a span when it is closed.
    pub(super) fn answered(&mut self, ticket: Ticket, outcome: &Outcome) {
        let Some(place) = self.asked.iter().position(|asked| asked.ticket == ticket) else {
            return;
        };
        let Asked { request, about, since, .. } = self.asked.swap_remove(place);
        self.record.count(request, outcome);
        let failure = match outcome {
            Outcome::Opened => return,
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        };
        if has_span(request, failure.is_some()) {
            let path = match &about {
                Some(Subject::Path(path)) => Some(path),
                Some(Subject::Handle(handle)) => self.open.get(handle).map(Open::path),
                None => None,
            };
            self.record.trace_request(request.word(), path, since, failure);
        }
    }
}

/// The path that it names.
fn named(request: &Request) -> Option<&VirtualPath> {
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
        _ => None,
    }
}

/// The handle that it names, unless what is done by it is part of a transfer.
fn held(request: &Request) -> Option<HandleId> {
    match request {
        Request::HandleAttributes { handle }
        | Request::SetHandleAttributes { handle, .. }
        | Request::HandleFileSystem { handle }
        | Request::Sync { handle }
        | Request::ReadDirectory { handle, .. }
        | Request::CopyData { target: handle, .. }
        | Request::Digest { target: DigestTarget::Handle(handle), .. } => Some(*handle),
        _ => None,
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

//! What is remembered of a request until it is answered, for its span.

use std::time::Instant;

use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::sftp::{DigestTarget, Outcome, Request, Ticket};

use super::Server;
use crate::telemetry;

/// A request under way.
pub(super) struct Asked {
    ticket: Ticket,
    request: &'static str,
    /// Only in a session that is sampled.
    path: Option<VirtualPath>,
    since: Instant,
}

impl Server {
    /// A request is begun. Nothing is remembered where no spans are exported.
    pub(super) fn ask(&mut self, ticket: Ticket, request: &Request, since: Instant) {
        if !telemetry::is_on() {
            return;
        }
        let Some(name) = name(request) else { return };
        let is_sampled = self.record.trace.is_sampled();
        let path = is_sampled.then(|| self.path(request).cloned()).flatten();
        self.asked.push(Asked { ticket, request: name, path, since });
    }

    /// It is answered. What was opened has a span when it is closed.
    pub(super) fn answered(&mut self, ticket: Ticket, outcome: &Outcome) {
        let Some(place) = self.asked.iter().position(|asked| asked.ticket == ticket) else {
            return;
        };
        let Asked { request, path, since, .. } = self.asked.swap_remove(place);
        let failure = match outcome {
            Outcome::Opened => return,
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        };
        self.record.trace_request(request, path.as_ref(), since, failure);
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
            | Request::CopyData { target: handle, .. }
            | Request::Digest { target: DigestTarget::Handle(handle), .. } => {
                self.open.get(handle).map(|open| open.path())
            }
            Request::Read { .. }
            | Request::Write { .. }
            | Request::Close { .. }
            | Request::ReadDirectory { .. }
            | Request::Names { .. } => None,
        }
    }
}

/// The name of a span, after those of the protocol; `None`: it belongs to what is open.
fn name(request: &Request) -> Option<&'static str> {
    Some(match request {
        Request::Open { .. } => "open",
        Request::OpenDirectory { .. } => "opendir",
        Request::Attributes { .. } | Request::HandleAttributes { .. } => "stat",
        Request::SetAttributes { .. } | Request::SetHandleAttributes { .. } => "setstat",
        Request::Remove(_) => "remove",
        Request::MakeDirectory { .. } => "mkdir",
        Request::RemoveDirectory(_) => "rmdir",
        Request::Rename { .. } => "rename",
        Request::ReadLink(_) => "readlink",
        Request::Symlink { .. } => "symlink",
        Request::HardLink { .. } => "hardlink",
        Request::FileSystem { .. } | Request::HandleFileSystem { .. } => "statvfs",
        Request::Sync { .. } => "fsync",
        Request::CopyData { .. } => "copy",
        Request::Digest { .. } => "hash",
        Request::Names { .. } => "names",
        Request::Read { .. }
        | Request::Write { .. }
        | Request::Close { .. }
        | Request::ReadDirectory { .. } => return None,
    })
}

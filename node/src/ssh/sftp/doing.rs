//! What those who watch the node see of a request.

use std::rc::Rc;

use flotilla_protocol::sftp::{DigestTarget, HandleId, Request};

use super::Server;
use crate::roster::Subject;

/// A request by the name that a command line knows it by, and the path of what may take long; `None` for bytes
/// of files, which are transfers.
pub(super) type Doing = Option<(&'static str, Subject)>;

/// A file that is read.
pub(super) const GET: &str = "get";
/// A file that is written.
pub(super) const PUT: &str = "put";

impl Server {
    /// What a request is.
    pub(super) fn doing(&self, request: &Request) -> Doing {
        let nothing = Subject::Nothing;
        Some(match request {
            Request::Open { flags, .. } => (if flags.write { PUT } else { GET }, nothing),
            Request::OpenDirectory { .. } => ("ls", nothing),
            Request::ReadDirectory { handle, .. } => ("ls", self.subject(*handle)),
            Request::Attributes { .. }
            | Request::HandleAttributes { .. }
            | Request::ReadLink(_) => ("stat", nothing),
            Request::SetAttributes { .. } | Request::SetHandleAttributes { .. } => {
                ("setstat", nothing)
            }
            Request::Remove(_) => ("rm", nothing),
            Request::MakeDirectory { .. } => ("mkdir", nothing),
            Request::RemoveDirectory(_) => ("rmdir", nothing),
            Request::Rename { .. } => ("rename", nothing),
            Request::Symlink { .. } | Request::HardLink { .. } => ("ln", nothing),
            Request::FileSystem { .. } | Request::HandleFileSystem { .. } => ("df", nothing),
            Request::Sync { handle } => ("fsync", self.subject(*handle)),
            Request::CopyData { target, .. } => ("copy", self.subject(*target)),
            Request::Digest { target: DigestTarget::Handle(handle), .. } => {
                ("hash", self.subject(*handle))
            }
            Request::Digest { target: DigestTarget::Path(path), .. } => {
                ("hash", Subject::Path(Rc::new(path.clone())))
            }
            Request::Names { .. } => ("names", nothing),
            Request::Read { .. } | Request::Write { .. } | Request::Close { .. } => {
                return None;
            }
        })
    }

    fn subject(&self, handle: HandleId) -> Subject {
        self.open.get(&handle).map_or(Subject::Nothing, |open| Subject::Path(open.shared_path()))
    }
}

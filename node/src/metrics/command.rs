//! Commands of FTP and requests of SFTP: one atomic step each, found by number.

use flotilla_protocol::failure::Failure;
use flotilla_protocol::ftp::{Answered, Verb};
use flotilla_protocol::sftp::{Outcome, Request};

use super::book::Book;
use super::family::Family;
use super::instrument::Counter;
use super::label::{Label, label};

/// A verb of the protocol's table, or any other word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownVerb(Option<Verb>);

impl Label for KnownVerb {
    const NAME: &'static str = "verb";
    const COUNT: usize = Verb::COUNT + 1;

    fn values() -> Vec<&'static str> {
        Verb::all().map(|verb| verb.info().name).chain(["other"]).collect()
    }

    fn place(self) -> usize {
        self.0.map_or(Verb::COUNT, Verb::place)
    }
}

label! {
    /// The first digit of the final reply.
    ReplyClass = "class" {
        /// There was none: the connection ended before.
        None = "none",
        /// Not final.
        Preliminary = "1xx",
        Done = "2xx",
        More = "3xx",
        Transient = "4xx",
        Permanent = "5xx",
    }
}

label! {
    /// What a client of SFTP asks the storage for.
    SftpRequest = "request" {
        Open = "open",
        Close = "close",
        Read = "read",
        Write = "write",
        OpenDirectory = "opendir",
        ReadDirectory = "readdir",
        Attributes = "stat",
        SetAttributes = "setstat",
        Remove = "remove",
        MakeDirectory = "mkdir",
        RemoveDirectory = "rmdir",
        Rename = "rename",
        ReadLink = "readlink",
        Symlink = "symlink",
        HardLink = "hardlink",
        FileSystem = "statvfs",
        Sync = "fsync",
        Copy = "copy",
        Digest = "hash",
        Names = "names",
    }
}

label! {
    /// What the client is told.
    SftpResult = "result" {
        Ok = "ok",
        NotFound = "not_found",
        Denied = "denied",
        Unsupported = "unsupported",
        Failed = "failed",
    }
}

/// What clients ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands {
    ftp: Family<(KnownVerb, ReplyClass), Counter>,
    sftp: Family<(SftpRequest, SftpResult), Counter>,
}

impl Commands {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            ftp: book.family(
                "flotilla_ftp_commands_total",
                "Commands of FTP that were answered, by verb and by the class of their final reply",
            ),
            sftp: book.family(
                "flotilla_sftp_requests_total",
                "Requests of SFTP that went to the storage, by what they answered",
            ),
        }
    }

    /// A command of FTP was answered.
    pub(crate) fn answered(&self, answered: Answered) {
        let class = match answered.code / 100 {
            2 => ReplyClass::Done,
            3 => ReplyClass::More,
            4 => ReplyClass::Transient,
            5 => ReplyClass::Permanent,
            0 => ReplyClass::None,
            _ => ReplyClass::Preliminary,
        };
        self.ftp.of((KnownVerb(answered.verb), class)).inc();
    }

    /// A request of SFTP was answered.
    pub(crate) fn done(&self, request: SftpRequest, outcome: &Outcome) {
        let result = match outcome {
            Outcome::Failed(Failure::NotFound | Failure::NotDirectory) => SftpResult::NotFound,
            Outcome::Failed(Failure::Denied(_)) => SftpResult::Denied,
            Outcome::Failed(Failure::Unsupported) => SftpResult::Unsupported,
            Outcome::Failed(_) => SftpResult::Failed,
            _ => SftpResult::Ok,
        };
        self.sftp.of((request, result)).inc();
    }
}

impl SftpRequest {
    /// What a request is.
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::Open { .. } => Self::Open,
            Request::Close { .. } => Self::Close,
            Request::Read { .. } => Self::Read,
            Request::Write { .. } => Self::Write,
            Request::OpenDirectory { .. } => Self::OpenDirectory,
            Request::ReadDirectory { .. } => Self::ReadDirectory,
            Request::Attributes { .. } | Request::HandleAttributes { .. } => Self::Attributes,
            Request::SetAttributes { .. } | Request::SetHandleAttributes { .. } => {
                Self::SetAttributes
            }
            Request::Remove(_) => Self::Remove,
            Request::MakeDirectory { .. } => Self::MakeDirectory,
            Request::RemoveDirectory(_) => Self::RemoveDirectory,
            Request::Rename { .. } => Self::Rename,
            Request::ReadLink(_) => Self::ReadLink,
            Request::Symlink { .. } => Self::Symlink,
            Request::HardLink { .. } => Self::HardLink,
            Request::FileSystem { .. } | Request::HandleFileSystem { .. } => Self::FileSystem,
            Request::Sync { .. } => Self::Sync,
            Request::CopyData { .. } => Self::Copy,
            Request::Digest { .. } => Self::Digest,
            Request::Names { .. } => Self::Names,
        }
    }
}

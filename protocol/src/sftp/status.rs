//! STATUS replies, and the only table from failure to status code.

use super::packet;
use super::wire::{put_string, put_u32, write_packet};
use crate::failure::Failure;
use crate::path::PathError;

/// The codes of version 3 (draft-ietf-secsh-filexfer-02, 7). 6 and 7, "no connection" and
/// "connection lost", are for clients to say to themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok = 0,
    Eof = 1,
    NoSuchFile = 2,
    PermissionDenied = 3,
    Failure = 4,
    BadMessage = 5,
    OpUnsupported = 8,
}

/// Why the session itself does not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) text: &'static str,
}

impl Status {
    /// What a code means to a failure that has no text of its own.
    pub(super) fn of(failure: &Failure) -> Self {
        match failure {
            // A component that is no directory: `ENOTDIR` is "no such file" to OpenSSH as well.
            Failure::NotFound | Failure::NotDirectory => Self::NoSuchFile,
            Failure::Denied(_) => Self::PermissionDenied,
            Failure::Unsupported => Self::OpUnsupported,
            // Version 3 has no code for what is there already, and for most that follows; its
            // clients go by the text, if by anything.
            Failure::Exists
            | Failure::IsDirectory
            | Failure::NotEmpty
            | Failure::NotRegular
            | Failure::BadName
            | Failure::BadOffset
            | Failure::BadRename
            | Failure::Limit(_)
            | Failure::NoSpace
            | Failure::Quota
            | Failure::StorageTimeout
            | Failure::StorageError
            | Failure::Aborted
            | Failure::Stopping
            | Failure::Internal => Self::Failure,
            // Of FTP's data connections; there are none here.
            Failure::PortsExhausted
            | Failure::DataTimeout
            | Failure::DataRefused
            | Failure::DataBroken
            | Failure::DataStalled
            | Failure::DataHandshake
            | Failure::DataNotResumed => Self::Failure,
        }
    }
}

impl Refusal {
    pub(super) const fn new(status: Status, text: &'static str) -> Self {
        Self { status, text }
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        let text = match error {
            PathError::Nul => "A path can not hold a NUL byte.",
            PathError::TooLong => "The path is too long.",
            PathError::NameTooLong => "The file name is too long.",
        };
        Self::new(Status::Failure, text)
    }
}

/// Appends a STATUS. Clients of versions before 3 know no text and no language.
pub(super) fn write(out: &mut Vec<u8>, version: u32, id: u32, status: Status, text: &str) {
    write_packet(out, packet::STATUS, |out| {
        put_u32(out, id);
        put_u32(out, status as u32);
        if version >= 3 {
            put_string(out, text.as_bytes());
            put_string(out, b"");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_the_codes_of_openssh() {
        for (failure, status) in [
            (Failure::NotFound, Status::NoSuchFile),
            (Failure::NotDirectory, Status::NoSuchFile),
            (Failure::Denied("no"), Status::PermissionDenied),
            (Failure::Exists, Status::Failure),
            (Failure::NotEmpty, Status::Failure),
            (Failure::StorageTimeout, Status::Failure),
            (Failure::Limit(String::new()), Status::Failure),
            (Failure::Unsupported, Status::OpUnsupported),
        ] {
            assert_eq!(Status::of(&failure), status);
        }
    }

    #[test]
    fn texts_are_for_version_3() {
        let mut out = Vec::new();
        write(&mut out, 3, 7, Status::Eof, "end");
        assert_eq!(out, b"\0\0\0\x14\x65\0\0\0\x07\0\0\0\x01\0\0\0\x03end\0\0\0\0");
        out.clear();
        write(&mut out, 2, 7, Status::OpUnsupported, "end");
        assert_eq!(out, b"\0\0\0\x09\x65\0\0\0\x07\0\0\0\x08");
    }
}

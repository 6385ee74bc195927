//! From error numbers of the file system to failures: the only table.

use flotilla_protocol::ftp::Failure;
use rustix::io::Errno;

/// What an error of the file system means to the one who asked. What nobody can foresee is logged
/// here, since the wire says no more than "storage error".
pub(super) fn failure(error: Errno) -> Failure {
    match error {
        Errno::NOENT => Failure::NotFound,
        Errno::EXIST => Failure::Exists,
        Errno::NOTDIR => Failure::NotDirectory,
        Errno::ISDIR => Failure::IsDirectory,
        Errno::NOTEMPTY => Failure::NotEmpty,
        // A name that this file system can not store (exFAT and SMB know such).
        Errno::NAMETOOLONG | Errno::ILSEQ => Failure::BadName,
        // A device without driver, a pipe without reader, a socket; a link in a circle.
        Errno::NXIO | Errno::NODEV | Errno::LOOP => Failure::NotRegular,
        Errno::ACCESS | Errno::PERM => Failure::Denied("file system permissions"),
        Errno::ROFS => Failure::Denied("read-only file system"),
        Errno::XDEV => Failure::BadRename,
        Errno::MLINK => Failure::Denied("the file has too many names"),
        Errno::NOSPC | Errno::FBIG => Failure::NoSpace,
        Errno::DQUOT => Failure::Quota,
        Errno::TIMEDOUT | Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::AGAIN => {
            Failure::StorageTimeout
        }
        Errno::OPNOTSUPP | Errno::NOSYS => Failure::Unsupported,
        _ => {
            tracing::warn!(%error, "storage error");
            Failure::StorageError
        }
    }
}

/// As [`failure`] for renames, where an invalid argument means a directory that would move into
/// itself.
pub(super) fn rename_failure(error: Errno) -> Failure {
    match error {
        Errno::INVAL => Failure::BadRename,
        error => failure(error),
    }
}

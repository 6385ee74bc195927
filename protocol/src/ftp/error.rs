//! The only table from failure to reply.

use super::reply::Code;

/// What went wrong, and whose fault it is. Carried by outcomes; mapped to the wire here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    // The client's request does not fit the tree.
    /// No such file or directory.
    NotFound,
    /// Something already bears the name.
    Exists,
    /// A directory was needed.
    NotDirectory,
    /// A plain file was needed.
    IsDirectory,
    /// The directory is not empty.
    NotEmpty,
    /// Not a plain file or directory (device, socket, pipe), or a link that points nowhere useful.
    NotRegular,
    /// The name can not be used: bad bytes, too long, or reserved by the server.
    BadName,
    /// The offset of REST or RANG lies behind the end of the file.
    BadOffset,
    /// A rename across file systems, or of a directory into itself.
    BadRename,
    // Policy.
    /// The user's permissions (the text names the missing one) or the file's mode forbid it.
    Denied(&'static str),
    /// A limit was hit; the text names its key.
    Limit(String),
    // Storage.
    /// No space, or below the reserve.
    NoSpace,
    /// A quota of the file system.
    Quota,
    /// The storage did not answer within its deadline, or all of its workers are stuck.
    StorageTimeout,
    /// An input/output error; details are in the log, not on the wire.
    StorageError,
    /// The storage can not do this.
    Unsupported,
    // The data connection.
    /// No passive port is free for this client.
    PortsExhausted,
    /// The client did not connect (or could not be reached) in time.
    DataTimeout,
    /// The active connection was refused or unreachable.
    DataRefused,
    /// It broke in mid-transfer: reset, or a TLS connection without its proper end.
    DataBroken,
    /// Nothing moved for the `stalled` time-out.
    DataStalled,
    /// The TLS handshake of the data connection failed.
    DataHandshake,
    /// The data connection does not resume the control connection's TLS session, where that is required (522).
    DataNotResumed,
    /// The client asked for the end by ABOR.
    Aborted,
    /// The server is shutting down or the session was kicked.
    Stopping,
    /// Our own fault.
    Internal,
}

/// When the failure happened: RFC 959 has different codes before and after the 150.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A command without a data connection, or a transfer before its 150.
    Command,
    /// Between 150 and the final reply.
    Transfer,
}

impl Failure {
    /// The reply code.
    pub fn code(&self, phase: Phase) -> Code {
        let _ = phase;
        todo!()
    }

    /// The reply text: what is wrong, in the user's words.
    pub fn text(&self) -> &str {
        todo!()
    }
}

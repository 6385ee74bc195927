//! What can go wrong, in the words that all protocols share.

/// What went wrong, and whose fault it is. Carried by outcomes; mapped to the wire by each protocol's
/// own table and nowhere else.
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
    /// The data connection does not resume the control connection's TLS session, where that is
    /// required (522).
    DataNotResumed,
    /// The client asked for the end by ABOR.
    Aborted,
    /// The server is shutting down or the session was kicked.
    Stopping,
    /// Our own fault.
    Internal,
}

impl Failure {
    /// Whether something is out of order, so that an operator would want to know how it came about: neither
    /// what the client asked for, nor a rule, nor somebody's wish to end it explains the failure.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::NoSpace
            | Self::StorageTimeout
            | Self::StorageError
            | Self::PortsExhausted
            | Self::DataTimeout
            | Self::DataRefused
            | Self::DataBroken
            | Self::DataStalled
            | Self::DataHandshake
            | Self::DataNotResumed
            | Self::Internal => true,
            Self::NotFound
            | Self::Exists
            | Self::NotDirectory
            | Self::IsDirectory
            | Self::NotEmpty
            | Self::NotRegular
            | Self::BadName
            | Self::BadOffset
            | Self::BadRename
            | Self::Denied(_)
            | Self::Limit(_)
            | Self::Quota
            | Self::Unsupported
            | Self::Aborted
            | Self::Stopping => false,
        }
    }

    /// Its kind in one word, for programs that count failures.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::NotDirectory => "not_directory",
            Self::IsDirectory => "is_directory",
            Self::NotEmpty => "not_empty",
            Self::NotRegular => "not_regular",
            Self::BadName => "bad_name",
            Self::BadOffset => "bad_offset",
            Self::BadRename => "bad_rename",
            Self::Denied(_) => "denied",
            Self::Limit(_) => "limit",
            Self::NoSpace => "no_space",
            Self::Quota => "quota",
            Self::StorageTimeout => "storage_timeout",
            Self::StorageError => "storage_error",
            Self::Unsupported => "unsupported",
            Self::PortsExhausted => "ports_exhausted",
            Self::DataTimeout => "data_timeout",
            Self::DataRefused => "data_refused",
            Self::DataBroken => "data_broken",
            Self::DataStalled => "data_stalled",
            Self::DataHandshake => "data_handshake",
            Self::DataNotResumed => "data_not_resumed",
            Self::Aborted => "aborted",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }

    /// What is wrong, in the user's words.
    pub fn text(&self) -> &str {
        match self {
            Self::NotFound => "No such file or directory.",
            Self::Exists => "Something already bears this name.",
            Self::NotDirectory => "Not a directory.",
            Self::IsDirectory => "Is a directory.",
            Self::NotEmpty => "The directory is not empty.",
            Self::NotRegular => "Not a plain file.",
            Self::BadName => "This name can not be used.",
            Self::BadOffset => "The restart point lies behind the end of the file.",
            Self::BadRename => "Can not be renamed to there.",
            Self::Denied(reason) => reason,
            Self::Limit(limit) => limit,
            Self::NoSpace => "No space left on the server.",
            Self::Quota => "Your quota is used up.",
            Self::StorageTimeout => "The storage does not answer; try again later.",
            Self::StorageError => "The storage reports an error; the log has details.",
            Self::Unsupported => "The storage can not do this.",
            Self::PortsExhausted => "No passive port is free; try again later.",
            Self::DataTimeout => "No data connection came about in time.",
            Self::DataRefused => "The data connection was refused.",
            Self::DataBroken => "The data connection broke; the transfer is not complete.",
            Self::DataStalled => "Nothing moved for too long; the transfer is not complete.",
            Self::DataHandshake => "The TLS handshake of the data connection failed.",
            Self::DataNotResumed => {
                "The data connection must resume the TLS session of the control connection."
            }
            Self::Aborted => "Aborted; the transfer is not complete.",
            Self::Stopping => "The server ends this session.",
            Self::Internal => "An error on our side; the log has details.",
        }
    }
}

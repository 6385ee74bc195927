//! The only table from failure to reply.

use super::reply::Code;

/// What went wrong, and whose fault it is. Carried by outcomes; mapped to the wire here and nowhere
/// else.
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
    ///
    /// After the 150 RFC 959 (section 5.4) knows 425, 426, 451, 551 and 552, and RFC 4217 adds 522;
    /// before it 450, 452, 550, 553 and 554 are there as well. A 4yz code tells the client to try
    /// again later, a 5yz code not to; where the two rules are at odds, this one decides.
    pub fn code(&self, phase: Phase) -> Code {
        let code = match (self, phase) {
            // "File unavailable (not found, no access)", in every command. Should the tree change
            // under a transfer, the RFC would have 451 after the 150; but that asks the client to
            // try again, which would fail for ever.
            (
                Self::NotFound
                | Self::Exists
                | Self::NotDirectory
                | Self::IsDirectory
                | Self::NotEmpty
                | Self::NotRegular
                | Self::Denied(_),
                _,
            ) => 550,
            // "File name not allowed": STOR, APPE, RNTO.
            (Self::BadName | Self::BadRename, _) => 553,
            // RFC 1123, 4.1.2.9 and RFC 3659, 5.4: "invalid REST parameter".
            (Self::BadOffset, _) => 554,
            // Limits pass: try later. "Requested file action not taken" becomes "aborted".
            (Self::Limit(_), Phase::Command) => 450,
            (Self::Limit(_), Phase::Transfer) => 451,
            // 452 is "not taken" and thus too late after the 150, where RFC 959 gives 552.
            (Self::NoSpace, Phase::Command) => 452,
            (Self::NoSpace, Phase::Transfer) | (Self::Quota, _) => 552,
            (Self::StorageTimeout | Self::StorageError | Self::Internal, _) => 451,
            // The command is known, but not for this tree.
            (Self::Unsupported, Phase::Command) => 504,
            (Self::Unsupported, Phase::Transfer) => 451,
            // "Can't open data connection", whichever step of opening it failed.
            (
                Self::PortsExhausted | Self::DataTimeout | Self::DataRefused | Self::DataHandshake,
                _,
            ) => 425,
            // "Connection closed; transfer aborted."
            (Self::DataBroken | Self::DataStalled | Self::Aborted, _) => 426,
            // RFC 4217, 10: the TLS of the data connection is not the one that was agreed.
            (Self::DataNotResumed, _) => 522,
            // May answer any command (RFC 959, 5.4); the control connection closes after it.
            (Self::Stopping, _) => 421,
        };
        Code(code)
    }

    /// The reply text: what is wrong, in the user's words.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Failure> {
        vec![
            Failure::NotFound,
            Failure::Exists,
            Failure::NotDirectory,
            Failure::IsDirectory,
            Failure::NotEmpty,
            Failure::NotRegular,
            Failure::BadName,
            Failure::BadOffset,
            Failure::BadRename,
            Failure::Denied("Permission \"read\" is missing."),
            Failure::Limit("Limit limits.per_user is reached.".to_owned()),
            Failure::NoSpace,
            Failure::Quota,
            Failure::StorageTimeout,
            Failure::StorageError,
            Failure::Unsupported,
            Failure::PortsExhausted,
            Failure::DataTimeout,
            Failure::DataRefused,
            Failure::DataBroken,
            Failure::DataStalled,
            Failure::DataHandshake,
            Failure::DataNotResumed,
            Failure::Aborted,
            Failure::Stopping,
            Failure::Internal,
        ]
    }

    #[test]
    fn every_failure_is_a_negative_reply_with_text() {
        for failure in all() {
            for phase in [Phase::Command, Phase::Transfer] {
                assert!((400..560).contains(&failure.code(phase).0), "{failure:?}");
            }
            assert!(!failure.text().is_empty());
            assert!(!failure.text().bytes().any(|byte| byte.is_ascii_control()));
        }
    }

    /// RFC 959, 5.4, and what only a race can bring so late: 550, 553, 554.
    #[test]
    fn codes_after_the_mark_are_those_of_the_rfc() {
        for failure in all() {
            let code = failure.code(Phase::Transfer).0;
            assert!([421, 425, 426, 451, 522, 550, 552, 553, 554].contains(&code), "{failure:?}");
        }
        assert_eq!(Failure::NoSpace.code(Phase::Transfer), Code(552));
        assert_eq!(Failure::DataBroken.code(Phase::Transfer), Code(426));
        assert_eq!(Failure::DataTimeout.code(Phase::Transfer), Code(425));
    }
}

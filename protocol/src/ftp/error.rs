//! The only table from failure to reply code.

use super::reply::Code;
use crate::failure::Failure;

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

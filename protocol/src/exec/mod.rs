//! Commands of SSH `exec` requests, parsed and never run by a shell.

use crate::digest::Algorithm;
use crate::scp::Invocation;

/// A command that this server carries out itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exec {
    /// `scp -t`, `scp -f`.
    Scp(Invocation),
    /// `md5sum`, `sha1sum`, `sha256sum`, `sha512sum` and `rclone`'s words for them.
    Hash {
        /// Of which hash.
        algorithm: Algorithm,
        /// The files; none: the channel's own input up to its end.
        paths: Vec<Word>,
    },
    /// `echo TEXT | md5sum` and its kin: how old clients try out the hash commands.
    HashText {
        /// Of which hash.
        algorithm: Algorithm,
        /// What is hashed.
        text: Vec<u8>,
    },
}

/// A word of a command line after quotes are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Means itself.
    Literal(Vec<u8>),
    /// Has `*`, `?` or `[` outside quotes: a pattern of [`glob`](crate::glob), in which what was
    /// quoted has backslashes.
    Pattern(Vec<u8>),
}

/// Why a command is refused. The text is for the client's stderr; the exit status is
/// [`ExecError::exit_status`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// Not a program that this server knows.
    #[error("only scp, sftp and hash commands are served here")]
    UnknownCommand,
}

impl ExecError {
    /// 127 as of a shell that does not find the program, otherwise 1 or 2.
    pub fn exit_status(&self) -> u8 {
        127
    }
}

/// Parses the command of an `exec` request.
pub fn parse(_command: &[u8]) -> Result<Exec, ExecError> {
    Err(ExecError::UnknownCommand)
}

//! The command line of `scp` on a server.

use crate::glob::Word;

/// `scp -t` or `scp -f` with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Who sends.
    pub role: Role,
    /// `-r`: directories too.
    pub recursive: bool,
    /// `-p`: times and modes.
    pub preserve: bool,
    /// `-d`: the target must be a directory.
    pub directory: bool,
}

/// Which end of the copy the server is, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// `-t`: the client uploads to this target.
    Sink(Word),
    /// `-f`: the client downloads these, one at least.
    Source(Vec<Word>),
}

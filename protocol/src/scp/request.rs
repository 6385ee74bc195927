//! What a machine asks of its owner, and what the owner answers.

use crate::entry::{AttributeChange, Attributes};
use crate::failure::Failure;
use crate::path::VirtualPath;

/// A request to the owner. At most one that has an answer is open at a time.
///
/// The owner holds at most one file, and a stack of open directories: [`Request::OpenDirectory`]
/// pushes, [`Request::ReadDirectory`] reads the top, [`Request::CloseDirectory`] pops. When it drops
/// the machine before its end, it abandons or closes what it still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Expand a pattern as [`glob::Walk`](crate::glob::Walk) does. Answered by
    /// [`Outcome::Matches`].
    Glob {
        /// What the client wrote; a backslash takes the next byte as it is.
        pattern: Vec<u8>,
    },
    /// What is there, links followed? Answered by [`Outcome::Attributes`].
    Stat {
        /// The file or directory.
        path: VirtualPath,
    },
    /// Make a directory; [`Failure::Exists`] if anything bears the name. Answered by
    /// [`Outcome::Done`].
    MakeDirectory {
        /// The directory.
        path: VirtualPath,
        /// Permission bits before the server's mask, `0o777` at the most.
        mode: u32,
    },
    /// Change a directory's times or mode. Answered by [`Outcome::Done`].
    SetAttributes {
        /// The directory.
        path: VirtualPath,
        /// What to change.
        change: AttributeChange,
    },
    /// Begin an upload that replaces what bears the name. Answered by [`Outcome::Done`]; after a
    /// failure there is nothing to abandon.
    Create {
        /// The file.
        path: VirtualPath,
        /// The size that the client announced, `i64::MAX` bytes at the most.
        size: u64,
        /// Permission bits of a new file before the server's mask, `0o777` at the most.
        mode: u32,
    },
    /// Append to the upload. Answered by [`Outcome::Done`]; a failure is followed by
    /// [`Request::Abandon`].
    Write {
        /// 1 to [`WRITE_BYTES_MAX`](super::WRITE_BYTES_MAX) bytes.
        data: Vec<u8>,
    },
    /// The upload is complete: set what is to be set, then publish it. Answered by
    /// [`Outcome::Done`]; after a failure the upload is gone.
    Finish {
        /// Times and mode, where the client sent them.
        change: AttributeChange,
    },
    /// The upload ends without being published. No answer.
    Abandon {
        /// What was written is the true beginning of the file, worth keeping for a resumption.
        keep: bool,
    },
    /// Open a plain file for reading, links followed; [`Failure::IsDirectory`] if it is a
    /// directory. Answered by [`Outcome::Attributes`] of the open file.
    Open {
        /// The file.
        path: VirtualPath,
    },
    /// Read on in the open file. Answered by [`Outcome::Data`].
    Read {
        /// The most to read, at least 1 byte.
        length: usize,
    },
    /// Close the open file. No answer.
    Close,
    /// Open a directory for reading, links followed. Answered by [`Outcome::Attributes`] of it.
    OpenDirectory {
        /// The directory.
        path: VirtualPath,
    },
    /// Read the next names of the directory opened last. Answered by [`Outcome::Names`].
    ReadDirectory {
        /// The most names to give.
        names_max: usize,
    },
    /// Close the directory opened last. No answer.
    CloseDirectory,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done or not.
    Done(Result<(), Failure>),
    /// To [`Request::Stat`], [`Request::Open`], [`Request::OpenDirectory`].
    Attributes(Result<Attributes, Failure>),
    /// To [`Request::Glob`]: paths in the client's words, in order; none if nothing fits.
    Matches(Result<Vec<Vec<u8>>, Failure>),
    /// To [`Request::ReadDirectory`]: names as stored, in any order; none at the end.
    Names(Result<Vec<Vec<u8>>, Failure>),
    /// To [`Request::Read`]: empty at the end of the file.
    Data(Result<Vec<u8>, Failure>),
}

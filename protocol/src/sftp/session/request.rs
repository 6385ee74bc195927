//! What the session asks its owner for, and what it is answered.

use crate::digest::Algorithm;
use crate::entry::{AttributeChange, Attributes, FileSystem};
use crate::failure::Failure;
use crate::path::VirtualPath;
use crate::sftp::handle::HandleId;
use crate::sftp::name::NameList;

/// Names a request that is under way; its [`Outcome`] comes back with it, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub(super) slot: u32,
    pub(super) serial: u32,
}

/// What must be done now. Several may be under way, and be answered in any order.
///
/// Unless said otherwise the answer is [`Outcome::Done`]; every request may be answered by
/// [`Outcome::Failed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Open a file and keep it under `handle` if the answer is [`Outcome::Opened`].
    Open {
        /// Its name from now on; void when opening fails.
        handle: HandleId,
        /// The file.
        path: VirtualPath,
        /// What for. At least one of `read` and `write` is set, `truncate` only with `write`.
        flags: OpenFlags,
        /// For a file that is made: its mode, and whatever else the client says.
        attributes: AttributeChange,
    },
    /// Open a directory and keep it under `handle` if the answer is [`Outcome::Opened`].
    OpenDirectory {
        /// Its name from now on; void when opening fails.
        handle: HandleId,
        /// The directory.
        path: VirtualPath,
    },
    /// Read a file: [`Outcome::Data`].
    Read {
        /// A file that was opened for reading.
        handle: HandleId,
        /// Where to begin; `offset + length` fits an `i64`.
        offset: u64,
        /// How many bytes at the most, 1 to [`READ_BYTES_MAX`](crate::sftp::READ_BYTES_MAX).
        length: usize,
        /// [`DATA_HEADROOM`](crate::sftp::DATA_HEADROOM) `+ length` bytes of any content. The data
        /// belongs behind the headroom; the buffer is then cut to `DATA_HEADROOM + bytes read`.
        buffer: Vec<u8>,
    },
    /// Write all of `data`: [`Outcome::Written`].
    Write {
        /// A file that was opened for writing.
        handle: HandleId,
        /// Where to begin, without meaning if the file was opened to append; `offset + data.len()`
        /// fits an `i64`.
        offset: u64,
        /// The bytes; may be empty.
        data: Vec<u8>,
    },
    /// Give up a file or directory; `handle` is void from now on, whatever the answer.
    Close {
        /// Which one.
        handle: HandleId,
    },
    /// The next entries of a directory: [`Outcome::Names`], with an empty list at the end.
    ReadDirectory {
        /// A directory.
        handle: HandleId,
        /// Where to put them, until [`NameList::push`] says that it is full.
        names: NameList,
    },
    /// What is known of a path: [`Outcome::Attributes`].
    Attributes {
        /// Which one.
        path: VirtualPath,
        /// Whether a link is followed (STAT) or told about itself (LSTAT).
        follow: bool,
    },
    /// What is known of an open file: [`Outcome::Attributes`].
    HandleAttributes {
        /// Which one.
        handle: HandleId,
    },
    /// Change attributes of a path.
    SetAttributes {
        /// Which one.
        path: VirtualPath,
        /// What to change.
        change: AttributeChange,
        /// Whether a link is followed (SETSTAT) or changed itself (`lsetstat@openssh.com`).
        follow: bool,
    },
    /// Change attributes of an open file.
    SetHandleAttributes {
        /// Which one.
        handle: HandleId,
        /// What to change.
        change: AttributeChange,
    },
    /// Remove a file or link, no directory.
    Remove(VirtualPath),
    /// Make a directory.
    MakeDirectory {
        /// Which one.
        path: VirtualPath,
        /// Its permission bits, `0o7777` at the most.
        mode: Option<u32>,
    },
    /// Remove an empty directory.
    RemoveDirectory(VirtualPath),
    /// Rename.
    Rename {
        /// The name now.
        from: VirtualPath,
        /// The name then.
        to: VirtualPath,
        /// Whether a file of that name is replaced (`posix-rename@openssh.com`), or is
        /// [`Failure::Exists`] (RENAME).
        replace: bool,
    },
    /// Where a link points: [`Outcome::Link`].
    ReadLink(VirtualPath),
    /// Make a symbolic link.
    Symlink {
        /// What it holds, as the client wrote it: not empty, no NUL, at most 4095 bytes.
        target: Vec<u8>,
        /// Its own name.
        link: VirtualPath,
    },
    /// Give a file a second name.
    HardLink {
        /// The name now.
        existing: VirtualPath,
        /// The other name.
        new: VirtualPath,
    },
    /// The file system of a path: [`Outcome::FileSystem`].
    FileSystem {
        /// Which one.
        path: VirtualPath,
    },
    /// The file system of an open file: [`Outcome::FileSystem`].
    HandleFileSystem {
        /// Which one.
        handle: HandleId,
    },
    /// Bring what was written to stable storage.
    Sync {
        /// Which file.
        handle: HandleId,
    },
    /// Copy from one open file into another.
    CopyData {
        /// A file that was opened for reading.
        source: HandleId,
        /// Where to begin there.
        offset: u64,
        /// How many bytes; 0 is all up to the end.
        length: u64,
        /// Another one, opened for writing.
        target: HandleId,
        /// Where to begin here.
        target_offset: u64,
    },
    /// Hash a file or blocks of it: [`Outcome::Digest`].
    Digest {
        /// Which one.
        target: DigestTarget,
        /// By what.
        algorithm: Algorithm,
        /// Where to begin.
        start: u64,
        /// How many bytes; `None` is all up to the end.
        length: Option<u64>,
        /// Bytes per hash, 256 at least; `None` is one hash over all. The last block may be short.
        block: Option<u64>,
    },
    /// The names of users and groups: [`Outcome::AccountNames`].
    Names {
        /// Numbers of users, at most [`NAMES_MAX`](crate::sftp::NAMES_MAX).
        users: Vec<u32>,
        /// Numbers of groups, at most [`NAMES_MAX`](crate::sftp::NAMES_MAX).
        groups: Vec<u32>,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The file or directory is open and kept under the request's handle.
    Opened,
    /// The buffer of [`Request::Read`], cut to headroom and bytes read; nothing but headroom is
    /// the end of the file.
    Data(Vec<u8>),
    /// All is written; the data's buffer comes back for another use.
    Written(Vec<u8>),
    /// The entries; none is the end of the directory.
    Names(NameList),
    /// What is known of the file.
    Attributes(Attributes),
    /// What a symbolic link holds.
    Link(Vec<u8>),
    /// What is known of the file system.
    FileSystem(FileSystem),
    /// The hash, or one after another those of the blocks; at most
    /// [`DIGEST_BYTES_MAX`](crate::sftp::DIGEST_BYTES_MAX) bytes, else the client is told that it
    /// asked for too many.
    Digest(Vec<u8>),
    /// Names in the order of the numbers, as many as were asked for; an empty one is not known.
    AccountNames {
        /// Of users.
        users: Vec<Vec<u8>>,
        /// Of groups.
        groups: Vec<Vec<u8>>,
    },
    /// It failed.
    Failed(Failure),
}

/// What a file is opened for (draft-ietf-secsh-filexfer-02, 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpenFlags {
    /// To read.
    pub read: bool,
    /// To write.
    pub write: bool,
    /// Every write goes to the end, whatever its offset.
    pub append: bool,
    /// The file is made if it is not there.
    pub create: bool,
    /// The file is emptied.
    pub truncate: bool,
    /// The file must not be there yet; only with `create`.
    pub exclusive: bool,
}

/// What is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestTarget {
    /// The file of this name (`check-file-name`).
    Path(VirtualPath),
    /// An open file (`check-file-handle`), opened for reading.
    Handle(HandleId),
}

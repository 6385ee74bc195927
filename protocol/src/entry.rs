//! What listings and status replies say of a file: shared by LIST, MLSx, STAT and SFTP attributes.

/// A moment in seconds and nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// The part of a second, 0 to 999 999 999, always counted forwards.
    pub nanoseconds: u32,
}

/// The type of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that was not followed.
    Symlink,
    /// A device, socket or pipe: listed, never opened.
    Other,
}

/// What `statx` knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The type.
    pub kind: Kind,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change of the contents.
    pub modified: Timestamp,
    /// The time of the last access.
    pub accessed: Timestamp,
    /// Permission bits, `0o7777` at the most.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The number of hard links.
    pub links: u32,
    /// The device and inode numbers: the `unique` fact (RFC 3659, 7.5.2).
    pub identity: (u64, u64),
}

/// What the user may do with an entry, as the `perm` fact tells it (RFC 3659, 7.5.5). Judged by
/// policy alone, before the file system has its say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// May read files and enter and list directories.
    pub read: bool,
    /// May create and overwrite files.
    pub write: bool,
    /// May append to files.
    pub append: bool,
    /// May delete files and directories.
    pub delete: bool,
    /// May rename.
    pub rename: bool,
    /// May make directories.
    pub make_directory: bool,
    /// May list directories.
    pub list: bool,
}

/// One line of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The name as stored: any byte but `/` and NUL.
    pub name: &'a [u8],
    /// What is known of it.
    pub attributes: Attributes,
    /// Where a symbolic link points, when it was read.
    pub target: Option<&'a [u8]>,
}

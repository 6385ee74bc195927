//! Paths as clients see them.
//!
//! A [`VirtualPath`] is absolute, normalised and made of bytes: file names need not be UTF-8. It is
//! resolved lexically, so `..` never climbs above the root; what a symbolic link does is the
//! storage's affair, which resolves it inside the root as well.

/// An absolute, normalised path: it begins with `/`, has no empty, `.` or `..` component, no NUL
/// byte and no final slash unless it is the root.
///
/// The root is kept as no bytes at all: every session is in some directory, most of them in the
/// root, and that takes no memory.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualPath(Vec<u8>);

/// Why bytes are no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A NUL byte, which no file system can store.
    #[error("path holds a NUL byte")]
    Nul,
    /// The resolved path is longer than [`PATH_BYTES_MAX`].
    #[error("path is longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// One name is longer than [`NAME_BYTES_MAX`].
    #[error("file name is longer than {NAME_BYTES_MAX} bytes")]
    NameTooLong,
}

impl VirtualPath {
    /// The root, `/`.
    pub fn root() -> Self {
        Self::default()
    }

    /// Resolves what a client typed against this directory: absolute arguments start at the root,
    /// `.` and empty components vanish, `..` goes up and stops at the root.
    pub fn resolve(&self, argument: &[u8]) -> Result<Self, PathError> {
        if argument.contains(&0) {
            return Err(PathError::Nul);
        }
        let start = if argument.starts_with(b"/") { &[] } else { self.0.as_slice() };
        let mut path = Vec::with_capacity(start.len() + 1 + argument.len());
        path.extend_from_slice(start);
        for name in argument.split(|&byte| byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => {
                    let end = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                    path.truncate(end);
                }
                _ => push_name(&mut path, name)?,
            }
        }
        Self::checked(path)
    }

    /// The path of `name` in this directory; `name` is one component, not resolved any further.
    /// Something that is no single name (empty, `.`, `..`, or with a slash inside) is resolved as
    /// [`resolve`](Self::resolve) does, so that the result is normalised in any case.
    pub fn child(&self, name: &[u8]) -> Result<Self, PathError> {
        if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
            return self.resolve(name);
        }
        if name.contains(&0) {
            return Err(PathError::Nul);
        }
        let mut path = Vec::with_capacity(self.0.len() + 1 + name.len());
        path.extend_from_slice(&self.0);
        push_name(&mut path, name)?;
        Self::checked(path)
    }

    /// The directory that holds this path; the root is its own parent.
    pub fn parent(&self) -> Self {
        let end = self.0.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        Self(self.0.get(..end).unwrap_or_default().to_vec())
    }

    /// The last component, or `None` for the root.
    pub fn file_name(&self) -> Option<&[u8]> {
        self.0.rsplit(|&byte| byte == b'/').next().filter(|name| !name.is_empty())
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this path is `directory` or lies under it.
    pub fn is_within(&self, directory: &Self) -> bool {
        self.0
            .strip_prefix(directory.0.as_slice())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// The whole path, with its leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        if self.is_root() { b"/" } else { &self.0 }
    }

    /// The path from the root without the leading slash, `.` for the root itself: the form that
    /// `openat2` takes beneath a directory descriptor.
    pub fn relative(&self) -> &[u8] {
        self.0.strip_prefix(b"/").unwrap_or(b".")
    }

    fn checked(path: Vec<u8>) -> Result<Self, PathError> {
        match path.len() {
            0 => Ok(Self::root()),
            1..=PATH_BYTES_MAX => Ok(Self(path)),
            _ => Err(PathError::TooLong),
        }
    }
}

fn push_name(path: &mut Vec<u8>, name: &[u8]) -> Result<(), PathError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(PathError::NameTooLong);
    }
    path.push(b'/');
    path.extend_from_slice(name);
    Ok(())
}

impl std::fmt::Debug for VirtualPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for VirtualPath {
    /// Bytes that are not printable ASCII or UTF-8 letters are escaped, so that a path can stand in
    /// a log line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(self.as_bytes()).escape_debug())
    }
}

/// The longest path in bytes, as Linux has it (`PATH_MAX` without the final NUL).
pub const PATH_BYTES_MAX: usize = 4095;
/// The longest name between two slashes in bytes (`NAME_MAX`).
pub const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests;

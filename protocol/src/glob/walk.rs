//! Patterns of whole paths, expanded directory by directory.

use std::collections::VecDeque;

use super::{matches, unescape};
use crate::path::VirtualPath;

/// The expansion of one pattern, as a machine: the owner lists directories for it.
///
/// Ask [`Walk::poll`] for a [`Step`], answer it, and so on until there is none; then
/// [`Walk::finish`]. Steps, names and the length of the result are bounded.
#[derive(Debug)]
pub struct Walk {
    home: VirtualPath,
    /// What is left of the pattern, component by component.
    components: VecDeque<Component>,
    /// Beginnings of paths that fit so far, in the client's words.
    found: VecDeque<Vec<u8>>,
    /// The same with one component more.
    next: Vec<Vec<u8>>,
    /// Names of the directory under way that fit.
    names: Vec<Vec<u8>>,
    /// Bytes of `next` and `names`.
    bytes: usize,
    /// Names seen and steps made.
    work: usize,
    /// A pattern was met: from here on it is not sure that paths exist.
    guessed: bool,
    overflow: bool,
}

/// What a [`Walk`] asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// List this directory: [`Walk::on_name`] for each entry, then [`Walk::on_end`]. If it can not
    /// be listed, [`Walk::on_end`] alone.
    List(VirtualPath),
    /// Is there anything? Answered by [`Walk::on_exists`].
    Exists {
        /// The path; its last component is not followed if it is a link.
        path: VirtualPath,
        /// Only a directory, or a link to one, counts.
        directory: bool,
    },
}

/// More than [`MATCHES_MAX`] names fit a pattern, or finding them takes too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many names fit the pattern")]
pub struct TooMany;

/// A part between slashes.
#[derive(Debug)]
enum Component {
    /// Bytes that mean themselves; empty ones are slashes in a row or at the end.
    Literal(Vec<u8>),
    Pattern(Vec<u8>),
}

impl Walk {
    /// The expansion of `pattern`, which begins at `home` unless a slash does.
    pub fn new(home: VirtualPath, pattern: &[u8]) -> Self {
        let components = pattern.split(|&byte| byte == b'/').map(Component::new).collect();
        Self {
            home,
            components,
            found: VecDeque::from([Vec::new()]),
            next: Vec::new(),
            names: Vec::new(),
            bytes: 0,
            work: 0,
            guessed: false,
            overflow: false,
        }
    }

    /// The next step; `None` when all is found. Asking twice gives the same step.
    #[must_use]
    pub fn poll(&mut self) -> Option<Step> {
        loop {
            if self.overflow || self.work > WORK_MAX {
                self.overflow = true;
                return None;
            }
            let component = self.components.front()?;
            let Some(base) = self.found.front() else {
                self.advance();
                continue;
            };
            let step = match component {
                Component::Pattern(_) => self.home.resolve(base).ok().map(Step::List),
                Component::Literal(name) => {
                    let last = self.components.len() == 1;
                    if !last || !self.guessed {
                        self.append_to_all();
                        continue;
                    }
                    let directory = name.is_empty();
                    let path = self.home.resolve(&[base, name.as_slice()].concat()).ok();
                    path.map(|path| Step::Exists { path, directory })
                }
            };
            match step {
                Some(step) => return Some(step),
                // Longer than paths can be: nothing is there.
                None => drop(self.found.pop_front()),
            }
        }
    }

    /// An entry of the directory under way.
    pub fn on_name(&mut self, name: &[u8]) {
        self.work += 1;
        let (Some(Component::Pattern(pattern)), Some(base)) =
            (self.components.front(), self.found.front())
        else {
            return;
        };
        if self.overflow || matches!(name, b"" | b"." | b"..") || !matches(pattern, name) {
            return;
        }
        self.bytes += base.len() + name.len() + 1;
        let count = self.next.len() + self.names.len();
        if count >= MATCHES_MAX || self.bytes > MATCH_BYTES_MAX || self.work > WORK_MAX {
            self.overflow = true;
            return;
        }
        self.names.push(name.to_vec());
    }

    /// The directory under way has no more entries.
    pub fn on_end(&mut self) {
        self.work += 1;
        if !matches!(self.components.front(), Some(Component::Pattern(_))) {
            return;
        }
        let Some(base) = self.found.pop_front() else { return };
        self.names.sort_unstable();
        for name in self.names.drain(..) {
            self.next.push([base.as_slice(), &name].concat());
        }
    }

    /// The answer to [`Step::Exists`].
    pub fn on_exists(&mut self, exists: bool) {
        self.work += 1;
        let Some(Component::Literal(name)) = self.components.front() else { return };
        let Some(mut path) = self.found.pop_front() else { return };
        if exists {
            path.extend_from_slice(name);
            self.next.push(path);
        }
    }

    /// What was found, in the client's words and in order.
    pub fn finish(self) -> Result<Vec<Vec<u8>>, TooMany> {
        if self.overflow { Err(TooMany) } else { Ok(self.found.into()) }
    }

    /// Goes on to the next component.
    fn advance(&mut self) {
        self.guessed |= matches!(self.components.pop_front(), Some(Component::Pattern(_)));
        self.found = std::mem::take(&mut self.next).into();
        self.bytes = 0;
        if self.found.is_empty() {
            self.components.clear();
        } else if !self.components.is_empty() {
            for path in &mut self.found {
                path.push(b'/');
            }
        }
    }

    /// Appends the literal in front to all that was found, without a look.
    fn append_to_all(&mut self) {
        let Some(Component::Literal(name)) = self.components.front() else { return };
        self.work += self.found.len();
        let bytes: usize = self.found.iter().map(|path| path.len() + name.len() + 1).sum();
        self.overflow |= bytes > MATCH_BYTES_MAX;
        for mut path in self.found.drain(..) {
            path.extend_from_slice(name);
            self.next.push(path);
        }
    }
}

impl Component {
    fn new(text: &[u8]) -> Self {
        let mut bytes = text.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'*' | b'?' | b'[' => return Self::Pattern(text.to_vec()),
                _ => {}
            }
        }
        Self::Literal(unescape(text))
    }
}

/// The most names that a pattern may fit at any of its components.
pub const MATCHES_MAX: usize = 10_000;
/// The most bytes of all that fits at one component: what Linux takes as arguments (`ARG_MAX`,
/// 2 MiB).
const MATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most names looked at: ten folders of the largest size that is expected. Without it, patterns
/// such as `*/../*/../*` would cost the square of a folder.
const WORK_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests;

//! Patterns of whole paths, expanded directory by directory.

use crate::path::VirtualPath;

/// The expansion of one pattern, as a machine: the owner lists directories for it.
#[derive(Debug)]
pub struct Walk {}

/// What a [`Walk`] asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// List this directory: [`Walk::on_name`] for each entry, then [`Walk::on_end`]. If it can not
    /// be listed, [`Walk::on_end`] alone.
    List(VirtualPath),
    /// Is there anything, a dangling link included? Answered by [`Walk::on_exists`].
    Exists(VirtualPath),
}

/// More fits a pattern than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MATCHES_MAX} names fit the pattern")]
pub struct TooMany;

impl Walk {
    /// The expansion of `pattern`, relative to `home` unless it begins with a slash.
    pub fn new(_home: &VirtualPath, _pattern: &[u8]) -> Self {
        Self {}
    }

    /// The next step; `None` when all is found.
    #[must_use]
    pub fn poll(&mut self) -> Option<Step> {
        None
    }

    /// An entry of the directory under way.
    pub fn on_name(&mut self, _name: &[u8]) {}

    /// The directory under way has no more entries.
    pub fn on_end(&mut self) {}

    /// The answer to [`Step::Exists`].
    pub fn on_exists(&mut self, _exists: bool) {}

    /// What was found, in the client's words and in order.
    pub fn finish(self) -> Result<Vec<Vec<u8>>, TooMany> {
        Ok(Vec::new())
    }
}

/// The most names that a pattern may fit.
pub const MATCHES_MAX: usize = 10_000;

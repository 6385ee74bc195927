//! The names of open files.

/// Names an open file or directory of one session.
///
/// Index and generation: a place in the table is used again, its generation never, so a handle
/// that was closed or made up never means another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandleId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

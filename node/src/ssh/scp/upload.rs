//! A file that the client sends.

use std::rc::Rc;
use std::sync::Arc;

use flotilla_protocol::path::VirtualPath;

use crate::roster::Moving;
use crate::ssh::trace::Part;
use crate::storage::Sink;

/// An upload under way.
pub(super) struct Upload {
    pub(super) path: Rc<VirtualPath>,
    pub(super) sink: Arc<dyn Sink>,
    /// It counts the bytes that were written.
    pub(super) moving: Moving,
    pub(super) part: Part,
}

//! A directory being listed: `getdents` into one buffer, one `statx` per entry, nothing allocated
//! per entry.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use flotilla_protocol::entry::{Attributes, Entry, Kind};
use flotilla_protocol::ftp::Failure;
use rustix::fs::RawDir;
use rustix::io::Errno;

use super::attribute;
use super::fault::failure;
use super::name::{self, Mark, Owner};
use super::partial;
use super::root::Root;
use crate::storage::{Directory, Visit, Visitor, Work};

/// The state between two batches.
#[derive(Debug)]
pub(super) struct Listing {
    root: Arc<Root>,
    owner: Arc<Owner>,
    /// `None` only while it is dropped.
    directory: Option<OwnedFd>,
    buffer: Vec<MaybeUninit<u8>>,
    /// Names that the kernel gave with the last ones delivered, each with its NUL: what came into
    /// the buffer behind the entry that filled the batch.
    left: Vec<u8>,
    /// How much of `left` is delivered.
    taken: usize,
    /// Where targets of links are read into.
    target: Vec<u8>,
}

impl Listing {
    pub(super) fn new(root: Arc<Root>, owner: Arc<Owner>, directory: OwnedFd) -> Self {
        Self {
            root,
            owner,
            directory: Some(directory),
            buffer: Vec::new(),
            left: Vec::new(),
            taken: 0,
            target: Vec::new(),
        }
    }

    /// Delivers entries until the visitor has enough. `false`: the end was reached.
    fn batch(&mut self, visitor: &mut dyn Visit) -> Result<bool, Failure> {
        self.buffer.resize(BUFFER_BYTES, MaybeUninit::uninit());
        let wants_target = visitor.wants_target();
        self.target.resize(if wants_target { TARGET_BYTES } else { 0 }, 0);
        let directory = self.directory.as_ref().ok_or(Failure::Internal)?.as_fd();
        let mut deliver = Deliver { owner: &self.owner, directory, target: &mut self.target };
        while let Some(rest) = self.left.get(self.taken..).filter(|rest| !rest.is_empty()) {
            let name = CStr::from_bytes_until_nul(rest).map_err(|_| Failure::Internal)?;
            self.taken += name.to_bytes_with_nul().len();
            if !deliver.entry(name, visitor)? {
                return Ok(true);
            }
        }
        self.left.clear();
        self.taken = 0;
        let mut entries = RawDir::new(directory, &mut self.buffer);
        loop {
            let entry = match entries.next() {
                None => return Ok(false),
                Some(Err(Errno::INTR)) => continue,
                Some(Err(error)) => return Err(failure(error)),
                Some(Ok(entry)) => entry,
            };
            if deliver.entry(entry.file_name(), visitor)? {
                continue;
            }
            while !entries.is_buffer_empty() {
                if let Some(Ok(entry)) = entries.next() {
                    self.left.extend_from_slice(entry.file_name().to_bytes_with_nul());
                }
            }
            return Ok(true);
        }
    }
}

impl Directory for Listing {
    fn next_batch(
        mut self: Box<Self>,
        mut visit: Visitor,
    ) -> Work<(Box<dyn Directory>, Visitor, bool)> {
        let root = Arc::clone(&self.root);
        root.work(move |_, _| {
            let more = self.batch(visit.as_mut())?;
            Ok((self as Box<dyn Directory>, visit, more))
        })
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.take()
            && !self.root.local
        {
            self.root.lane.dispose(directory);
        }
    }
}

/// What one entry needs.
struct Deliver<'a> {
    owner: &'a Owner,
    directory: BorrowedFd<'a>,
    target: &'a mut [u8],
}

impl Deliver<'_> {
    fn entry(&mut self, name: &CStr, visitor: &mut dyn Visit) -> Result<bool, Failure> {
        let bytes = name.to_bytes();
        if matches!(bytes, b"." | b"..") {
            return Ok(true);
        }
        let attributes = match attribute::of_c_entry(self.directory, name) {
            Ok(attributes) => attributes,
            // Removed since the directory was read; or one broken entry, which must not hide the
            // others.
            Err(Errno::NOENT) => return Ok(true),
            Err(Errno::ACCESS | Errno::IO | Errno::STALE | Errno::OVERFLOW) => {
                tracing::debug!("entry of a listing without attributes");
                return Ok(true);
            }
            Err(error) => return Err(failure(error)),
        };
        if name::is_reserved(bytes) {
            return Ok(self.partial(bytes, attributes, visitor));
        }
        let target = match attributes.kind {
            Kind::Symlink if !self.target.is_empty() => {
                match rustix::fs::readlinkat_raw(self.directory, name, &mut *self.target) {
                    Ok(length) => self.target.get(..length),
                    Err(_) => None,
                }
            }
            _ => None,
        };
        Ok(visitor.entry(&Entry { name: bytes, attributes, target }))
    }

    /// Shows an unfinished upload to its owner while no published file bears the name.
    fn partial(&self, name: &[u8], attributes: Attributes, visitor: &mut dyn Visit) -> bool {
        let remembered;
        let published = match self.owner.read(name) {
            Mark::Hidden => return true,
            Mark::Named(published) => published,
            Mark::Hashed => match partial::remembered_name(self.directory, name) {
                Some(found) => {
                    remembered = found;
                    remembered.as_slice()
                }
                None => return true,
            },
        };
        match attribute::of_entry(self.directory, published) {
            Err(Errno::NOENT) => {
                visitor.entry(&Entry { name: published, attributes, target: None })
            }
            _ => true,
        }
    }
}

/// What one `getdents` fills: the kernel reads 32 KiB at a time in its own tools' hands as well,
/// and some thousand names are enough to make the call cheap.
const BUFFER_BYTES: usize = 32 << 10;

/// The longest target of a link (`PATH_MAX`).
const TARGET_BYTES: usize = 4096;

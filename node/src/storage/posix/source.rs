//! A plain file open for reading.

use std::io::IoSliceMut;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use flotilla_protocol::entry::Attributes;
use flotilla_protocol::ftp::Failure;
use rustix::io::{Errno, ReadWriteFlags};

use super::attribute;
use super::fault::failure;
use super::root::Root;
use crate::storage::{DescriptorTask, Source, Work};

/// An open file.
#[derive(Debug)]
pub(super) struct Reader {
    root: Arc<Root>,
    /// `None` only while it is dropped.
    file: Option<OwnedFd>,
    attributes: Attributes,
}

impl Reader {
    pub(super) fn new(root: Arc<Root>, file: OwnedFd, attributes: Attributes) -> Self {
        Self { root, file: Some(file), attributes }
    }

    fn file(&self) -> Result<&OwnedFd, Failure> {
        self.file.as_ref().ok_or(Failure::Internal)
    }
}

impl Source for Reader {
    fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(|file| file.as_fd())
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize, Failure>> {
        read_now(&self.root, self.file.as_ref()?, offset, buffer)
    }

    fn read_after(
        self: Arc<Self>,
        offset: u64,
        mut buffer: Vec<u8>,
        head: usize,
    ) -> Work<(Vec<u8>, usize)> {
        let root = Arc::clone(&self.root);
        root.work(move |_, _| {
            let room = buffer.get_mut(head..).unwrap_or_default();
            let count = read_at(self.file()?, offset, room)?;
            Ok((buffer, count))
        })
    }

    fn now(self: Arc<Self>) -> Work<Attributes> {
        let look = |this: &Self| attribute::of_descriptor(this.file()?).map_err(failure);
        if self.root.local {
            return Work::ready(look(&self));
        }
        let root = Arc::clone(&self.root);
        root.work(move |_, _| look(&self))
    }

    fn with_descriptor(self: Arc<Self>, task: DescriptorTask) -> Work<usize> {
        let root = Arc::clone(&self.root);
        root.work(move |_, _| task(self.file()?.as_fd()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Closing a local file that was only read does not wait; on others it may speak to the
        // server.
        if let Some(file) = self.file.take()
            && !self.root.local
        {
            self.root.lane.dispose(file);
        }
    }
}

/// One read at an offset, if it waits for nothing.
pub(super) fn read_now(
    root: &Root,
    file: &OwnedFd,
    offset: u64,
    buffer: &mut [u8],
) -> Option<Result<usize, Failure>> {
    if !root.local {
        return None;
    }
    if i64::try_from(offset).is_err() {
        return Some(Ok(0));
    }
    if root.memory {
        // tmpfs has no disk to wait for, and does not know the question.
        return Some(rustix::io::pread(file, buffer, offset).map_err(failure));
    }
    let slice = IoSliceMut::new(&mut *buffer);
    match rustix::io::preadv2(file, &mut [slice], offset, ReadWriteFlags::NOWAIT) {
        Ok(count) => Some(Ok(count)),
        // Not in the page cache, or a file system that can not tell.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => None,
        Err(error) => Some(Err(failure(error))),
    }
}

/// One read at an offset, not disturbed by signals; 0 at the end.
pub(super) fn read_at(file: &OwnedFd, offset: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
    if i64::try_from(offset).is_err() {
        // Behind the end of any file.
        return Ok(0);
    }
    loop {
        match rustix::io::pread(file, &mut *buffer, offset) {
            Err(Errno::INTR) => {}
            result => return result.map_err(failure),
        }
    }
}

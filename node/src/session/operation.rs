//! Operations without a data connection: from the machine's words to the user's files and back.

use std::sync::Arc;

use flotilla_protocol::entry::AttributeChange;
use flotilla_protocol::ftp::{Failure, FileReply, FileRequest, ListRequest};
use flotilla_protocol::path::VirtualPath;

use super::record;
use crate::data::Listing;
use crate::files::Files;
use crate::storage::{Storage, Work};

/// Carries out one operation.
pub(super) fn run(files: &Files, request: &FileRequest) -> Work<FileReply> {
    let done = |()| FileReply::Done;
    match request {
        FileRequest::ChangeDirectory(path) => files.enter(path).map(done),
        FileRequest::Attributes(path) => {
            let rights = files.rights();
            files
                .attributes(path, true)
                .map(move |attributes| FileReply::Attributes(attributes, rights))
        }
        FileRequest::CheckRename(path) => files.check_rename(path).map(done),
        FileRequest::Rename { from, to } => files.rename(from, to, true).map(done),
        FileRequest::MakeDirectory(path) => files.make_directory(path).map(done),
        FileRequest::RemoveDirectory(path) => files.remove_directory(path).map(done),
        FileRequest::Delete(path) => files.remove_file(path).map(done),
        &FileRequest::SetAttributes { ref path, modified, mode } => {
            let change = AttributeChange { modified, mode, ..AttributeChange::default() };
            files.set_attributes(path, change, true).map(done)
        }
        FileRequest::Copy { from, to } => files.copy(from, to, true).map(done),
        &FileRequest::Digest { ref path, algorithm, start, end } => files
            .digest(path, algorithm, start, end)
            .map(move |(hex, end)| FileReply::Digest { hex, start, end }),
        FileRequest::Available(path) => files.available(path).map(FileReply::Available),
        FileRequest::List(request) => list(files.clone(), request.clone()),
    }
}

/// The path that an operation is about; the old name of a rename.
pub(super) fn path(request: &FileRequest) -> &VirtualPath {
    match request {
        FileRequest::ChangeDirectory(path)
        | FileRequest::Attributes(path)
        | FileRequest::CheckRename(path)
        | FileRequest::Rename { from: path, .. }
        | FileRequest::MakeDirectory(path)
        | FileRequest::RemoveDirectory(path)
        | FileRequest::Delete(path)
        | FileRequest::SetAttributes { path, .. }
        | FileRequest::Copy { from: path, .. }
        | FileRequest::Digest { path, .. }
        | FileRequest::Available(path) => path,
        FileRequest::List(request) => &request.path,
    }
}

/// STAT with a path.
fn list(files: Files, request: ListRequest) -> Work<FileReply> {
    Work::pending(async move {
        let listing = open_listing(files, &request).await?;
        Ok(FileReply::Listing(listing.collect(STAT_BYTES_MAX).await?.lines))
    })
}

/// Opens a listing, over a data connection or not.
pub(super) async fn open_listing(files: Files, request: &ListRequest) -> Result<Listing, Failure> {
    let rights = files.rights();
    Listing::open(Arc::new(files), request, rights, record::now_seconds()).await
}

/// The most that STAT with a path says, bytes; who wants more uses LIST.
const STAT_BYTES_MAX: usize = 256 * 1024;

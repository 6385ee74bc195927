//! What is asked of the storage.

use flotilla_protocol::failure::Failure;

use super::book::Book;
use super::family::Family;
use super::instrument::Counter;
use super::label::label;
use crate::storage::Work;

label! {
    /// The kind of storage.
    Backend = "backend" {
        /// A folder of the operating system.
        Posix = "posix",
    }
}

label! {
    /// What is asked of it; reading and writing bytes is not counted here.
    StorageOperation = "op" {
        Attributes = "attributes",
        Open = "open",
        Create = "create",
        ReadDirectory = "read_directory",
        ReadLink = "read_link",
        MakeDirectory = "make_directory",
        RemoveDirectory = "remove_directory",
        RemoveFile = "remove_file",
        Rename = "rename",
        Symlink = "symlink",
        HardLink = "hard_link",
        SetAttributes = "set_attributes",
        Copy = "copy",
        Digest = "digest",
        Available = "available",
        FileSystem = "file_system",
    }
}

label! {
    /// What it answered.
    StorageResult = "result" {
        Ok = "ok",
        /// What was asked for is not there or can not be.
        Refused = "refused",
        /// No space, a quota, an error.
        Failed = "failed",
        /// No answer in time.
        Timeout = "timeout",
    }
}

/// Counts what is asked of the storage.
#[derive(Clone, Debug, Default)]
pub(crate) struct StorageCounts(Family<(Backend, StorageOperation, StorageResult), Counter>);

impl StorageCounts {
    pub(super) fn new(book: &mut Book) -> Self {
        Self(book.family(
            "flotilla_storage_ops_total",
            "Operations of the storage other than reading and writing bytes",
        ))
    }

    /// Counts an operation when it is done. One that nobody waits for any more is not counted.
    pub(crate) fn done<T: 'static>(&self, operation: StorageOperation, work: Work<T>) -> Work<T> {
        match work {
            Work::Ready(result) => {
                if let Some(result) = &result {
                    self.count(operation, result.as_ref().err());
                }
                Work::Ready(result)
            }
            Work::Pending(future) => {
                let counts = self.clone();
                Work::pending(async move {
                    let result = future.await;
                    counts.count(operation, result.as_ref().err());
                    result
                })
            }
        }
    }

    fn count(&self, operation: StorageOperation, failure: Option<&Failure>) {
        let result = match failure {
            None => StorageResult::Ok,
            Some(Failure::StorageTimeout) => StorageResult::Timeout,
            Some(Failure::StorageError | Failure::NoSpace | Failure::Quota | Failure::Internal) => {
                StorageResult::Failed
            }
            Some(_) => StorageResult::Refused,
        };
        self.0.of((Backend::Posix, operation, result)).inc();
    }
}

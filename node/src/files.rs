//! What a user sees of a storage: the same operations, judged by the permissions of the account.
//!
//! The storage is the user's own view ([`Storages::view`](crate::storage::Storages::view)), whose
//! root is the user's home; so paths are those that the client sees, and confinement is the
//! kernel's work, not this module's. What it decides:
//!
//! | operation | needs |
//! | --- | --- |
//! | attributes of a path, target of a link | nothing: who may only upload must see how far it got |
//! | read, digest | `read` |
//! | list | `list` |
//! | new file, overwrite a file, go on at an offset | `write` |
//! | append at the end | `append` |
//! | open for writes at any offset | `write`, or `append` if it can only grow; `read` to read as well |
//! | symbolic link | `write` |
//! | hard link | `read` and `write`: what is written to one name is read under the other |
//! | rename | `rename`, and `write` to replace a file, as an upload would |
//! | copy | `read` and `write` |
//! | times, mode, size | `write` |
//! | make a directory | `mkdir` |
//! | remove a file or directory | `delete` |
//!
//! [`Files`] is itself a [`Storage`], so whatever works on one works within a user's permissions.
//!
//! Without `hidden`, names that begin with a dot are not found, not listed and can not be made.

use std::any::Any;
use std::sync::Arc;

use flotilla_protocol::entry::{AttributeChange, Attributes, Entry, FileSystem, Kind, Rights};
use flotilla_protocol::ftp::{Algorithm, Failure};
use flotilla_protocol::path::VirtualPath;

use crate::auth::Account;
use crate::metrics::{StorageCounts, StorageOperation};
use crate::storage::{
    CreateMode, CreateOptions, Directory, Sink, Source, Storage, Visit, Visitor, Work,
};

/// A user's files.
#[derive(Clone)]
pub struct Files {
    storage: Arc<dyn Storage>,
    account: Arc<Account>,
    counts: StorageCounts,
}

impl Files {
    /// The files of an account, in its own view of a storage.
    pub fn new(storage: Arc<dyn Storage>, account: Arc<Account>) -> Self {
        Self { storage, account, counts: StorageCounts::default() }
    }

    /// What is asked of the storage is counted there.
    pub(crate) fn counted(self, counts: StorageCounts) -> Self {
        Self { counts, ..self }
    }

    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// What the user may do, for the `perm` fact.
    pub fn rights(&self) -> Rights {
        let permissions = &self.account.permissions;
        Rights {
            read: permissions.read,
            write: permissions.write,
            append: permissions.append,
            delete: permissions.delete,
            rename: permissions.rename,
            make_directory: permissions.mkdir,
            list: permissions.list,
        }
    }

    /// Whether the user may make a directory their working directory.
    pub fn enter(&self, path: &VirtualPath) -> Work<()> {
        self.attributes(path, true).and_then(|found| match found.kind {
            Kind::Directory => Ok(()),
            Kind::File | Kind::Symlink | Kind::Other => Err(Failure::NotDirectory),
        })
    }

    /// Whether something is there that the user may rename.
    pub fn check_rename(&self, path: &VirtualPath) -> Work<()> {
        match self.may_rename() {
            Ok(()) => self.attributes(path, false).map(drop),
            Err(failure) => Work::ready(Err(failure)),
        }
    }

    fn may_read(&self) -> Result<(), Failure> {
        needs(self.account.permissions.read, "read permission")
    }

    fn may_write(&self) -> Result<(), Failure> {
        needs(self.account.permissions.write, "write permission")
    }

    fn may_delete(&self) -> Result<(), Failure> {
        needs(self.account.permissions.delete, "delete permission")
    }

    fn may_rename(&self) -> Result<(), Failure> {
        needs(self.account.permissions.rename, "rename permission")
    }

    /// Whether a path may be looked at.
    fn seen(&self, path: &VirtualPath) -> Result<(), Failure> {
        if self.is_veiled(path) { Err(Failure::NotFound) } else { Ok(()) }
    }

    /// Whether a path may be made.
    fn made(&self, path: &VirtualPath) -> Result<(), Failure> {
        if self.is_veiled(path) { Err(Failure::BadName) } else { Ok(()) }
    }

    /// Does it on the storage, if it may be.
    fn judged<T: 'static>(
        &self,
        operation: StorageOperation,
        verdict: Result<(), Failure>,
        work: impl FnOnce() -> Work<T>,
    ) -> Work<T> {
        match verdict {
            Ok(()) => self.counts.done(operation, work()),
            Err(failure) => Work::ready(Err(failure)),
        }
    }

    fn is_veiled(&self, path: &VirtualPath) -> bool {
        !self.account.permissions.hidden && path.components().any(is_hidden)
    }
}

impl Storage for Files {
    fn attributes(&self, path: &VirtualPath, follow: bool) -> Work<Attributes> {
        self.judged(StorageOperation::Attributes, self.seen(path), || {
            self.storage.attributes(path, follow)
        })
    }

    fn open(&self, path: &VirtualPath) -> Work<Box<dyn Source>> {
        self.judged(StorageOperation::Open, self.may_read().and(self.seen(path)), || {
            self.storage.open(path)
        })
    }

    fn create(&self, path: &VirtualPath, options: CreateOptions) -> Work<Box<dyn Sink>> {
        let permissions = &self.account.permissions;
        let may = match options.mode {
            CreateMode::Append => needs(permissions.append, "append permission"),
            CreateMode::Replace | CreateMode::New | CreateMode::Unique | CreateMode::Resume(_) => {
                self.may_write()
            }
            CreateMode::Edit(edit) => {
                let read = if edit.read { self.may_read() } else { Ok(()) };
                read.and(if edit.append && !edit.truncate {
                    needs(permissions.append, "append permission")
                } else {
                    self.may_write()
                })
            }
        };
        self.judged(StorageOperation::Create, may.and(self.made(path)), || {
            self.storage.create(path, options)
        })
    }

    fn read_directory(&self, path: &VirtualPath) -> Work<Box<dyn Directory>> {
        let may = needs(self.account.permissions.list, "list permission");
        let opened = self.judged(StorageOperation::ReadDirectory, may.and(self.seen(path)), || {
            self.storage.read_directory(path)
        });
        if self.account.permissions.hidden {
            return opened;
        }
        let veil = |directory| Box::new(Veiled(directory)) as Box<dyn Directory>;
        opened.map(veil)
    }

    fn read_link(&self, path: &VirtualPath) -> Work<Vec<u8>> {
        self.judged(StorageOperation::ReadLink, self.seen(path), || self.storage.read_link(path))
    }

    fn make_directory(&self, path: &VirtualPath) -> Work<()> {
        let may = needs(self.account.permissions.mkdir, "mkdir permission");
        self.judged(StorageOperation::MakeDirectory, may.and(self.made(path)), || {
            self.storage.make_directory(path)
        })
    }

    fn make_directories(&self, path: &VirtualPath) -> Work<()> {
        let may = needs(self.account.permissions.mkdir, "mkdir permission");
        self.judged(StorageOperation::MakeDirectory, may.and(self.made(path)), || {
            self.storage.make_directories(path)
        })
    }

    fn remove_directory(&self, path: &VirtualPath) -> Work<()> {
        self.judged(
            StorageOperation::RemoveDirectory,
            self.may_delete().and(self.seen(path)),
            || self.storage.remove_directory(path),
        )
    }

    fn remove_file(&self, path: &VirtualPath) -> Work<()> {
        self.judged(StorageOperation::RemoveFile, self.may_delete().and(self.seen(path)), || {
            self.storage.remove_file(path)
        })
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()> {
        let permissions = &self.account.permissions;
        let may = self.may_rename().and(self.seen(from)).and(self.made(to));
        self.judged(StorageOperation::Rename, may, || {
            self.storage.rename(from, to, replace && permissions.write)
        })
    }

    fn symlink(&self, target: &[u8], link: &VirtualPath) -> Work<()> {
        // What is veiled must not come into sight by a link.
        let veiled = !self.account.permissions.hidden
            && target
                .split(|&byte| byte == b'/')
                .any(|name| is_hidden(name) && !matches!(name, b"." | b".."));
        let seen = if veiled { Err(Failure::BadName) } else { Ok(()) };
        self.judged(
            StorageOperation::Symlink,
            self.may_write().and(seen).and(self.made(link)),
            || self.storage.symlink(target, link),
        )
    }

    fn hard_link(&self, existing: &VirtualPath, new: &VirtualPath) -> Work<()> {
        let may = self.may_read().and(self.may_write());
        let may = may.and(self.seen(existing)).and(self.made(new));
        self.judged(StorageOperation::HardLink, may, || self.storage.hard_link(existing, new))
    }

    fn set_attributes(
        &self,
        path: &VirtualPath,
        change: AttributeChange,
        follow: bool,
    ) -> Work<()> {
        self.judged(StorageOperation::SetAttributes, self.may_write().and(self.seen(path)), || {
            self.storage.set_attributes(path, change, follow)
        })
    }

    fn copy(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()> {
        let may = self.may_read().and(self.may_write());
        let may = may.and(self.seen(from)).and(self.made(to));
        self.judged(StorageOperation::Copy, may, || self.storage.copy(from, to, replace))
    }

    fn digest(
        &self,
        path: &VirtualPath,
        algorithm: Algorithm,
        start: u64,
        end: Option<u64>,
    ) -> Work<(String, u64)> {
        self.judged(StorageOperation::Digest, self.may_read().and(self.seen(path)), || {
            self.storage.digest(path, algorithm, start, end)
        })
    }

    fn available(&self, path: &VirtualPath) -> Work<u64> {
        self.judged(StorageOperation::Available, self.seen(path), || self.storage.available(path))
    }

    fn file_system(&self, path: &VirtualPath) -> Work<FileSystem> {
        self.judged(StorageOperation::FileSystem, self.seen(path), || {
            self.storage.file_system(path)
        })
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("account", &self.account.name).finish_non_exhaustive()
    }
}

/// A directory without its hidden names.
struct Veiled(Box<dyn Directory>);

impl Directory for Veiled {
    fn next_batch(self: Box<Self>, visit: Visitor) -> Work<(Box<dyn Directory>, Visitor, bool)> {
        let unveil = |(directory, visit, more): (Box<dyn Directory>, Visitor, bool)| {
            // What comes back is what went in.
            let veil = visit.into_any().downcast::<Veil>().map_err(|_| Failure::Internal)?;
            Ok((Box::new(Self(directory)) as Box<dyn Directory>, veil.0, more))
        };
        self.0.next_batch(Box::new(Veil(visit))).and_then(unveil)
    }
}

/// Passes on the entries whose names do not begin with a dot.
struct Veil(Visitor);

impl Visit for Veil {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        is_hidden(entry.name) || self.0.entry(entry)
    }

    fn wants_target(&self) -> bool {
        self.0.wants_target()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

fn needs(granted: bool, name: &'static str) -> Result<(), Failure> {
    if granted { Ok(()) } else { Err(Failure::Denied(name)) }
}

#[cfg(test)]
mod tests;

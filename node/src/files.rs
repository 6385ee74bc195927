//! What a user sees of a storage: the same operations, judged by the permissions of the account.
//!
//! The storage is the user's own view ([`Storages::view`](crate::storage::Storages::view)), whose root is
//! the user's home; so paths are those that the client sees, and confinement is the kernel's work, not
//! this module's. What it decides:
//!
//! | operation | needs |
//! | --- | --- |
//! | attributes of a path, target of a link | nothing: who may only upload must see how far it got |
//! | read, digest | `read` |
//! | list | `list` |
//! | new file, overwrite a file, go on at an offset | `write` |
//! | append at the end | `append` |
//! | rename | `rename`, and `write` to replace a file, as an upload would |
//! | copy | `read` and `write` |
//! | times and mode | `write` |
//! | make a directory | `mkdir` |
//! | remove a file or directory | `delete` |
//!
//! Without `hidden`, names that begin with a dot are not found, not listed and can not be made.

use std::any::Any;
use std::sync::Arc;

use flotilla_protocol::entry::{Attributes, Entry, Kind, Rights};
use flotilla_protocol::ftp::{Algorithm, Failure};
use flotilla_protocol::path::VirtualPath;

use crate::auth::Account;
use crate::storage::{
    AttributeChange, CreateMode, CreateOptions, Directory, Sink, Source, Storage, Visit, Visitor,
    Work,
};

/// A user's files.
#[derive(Clone)]
pub struct Files {
    storage: Arc<dyn Storage>,
    account: Arc<Account>,
}

impl Files {
    /// The files of an account, in its own view of a storage.
    pub fn new(storage: Arc<dyn Storage>, account: Arc<Account>) -> Self {
        Self { storage, account }
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

    /// Attributes of a path; links are followed inside the home if `follow`.
    pub fn attributes(&self, path: &VirtualPath, follow: bool) -> Work<Attributes> {
        judged(self.seen(path), || self.storage.attributes(path, follow))
    }

    /// Whether a path is a directory that a session may work in.
    pub fn enter(&self, path: &VirtualPath) -> Work<()> {
        self.attributes(path, true).and_then(|attributes| match attributes.kind {
            Kind::Directory => Ok(()),
            Kind::File | Kind::Symlink | Kind::Other => Err(Failure::NotDirectory),
        })
    }

    /// Whether a path is there and may be renamed.
    pub fn check_rename(&self, path: &VirtualPath) -> Work<()> {
        let may = needs(self.account.permissions.rename, "rename permission");
        judged(may.and(self.seen(path)), || self.storage.attributes(path, false)).map(|_| ())
    }

    /// Opens a plain file for reading.
    pub fn open(&self, path: &VirtualPath) -> Work<Box<dyn Source>> {
        judged(self.may_read().and(self.seen(path)), || self.storage.open(path))
    }

    /// Begins an upload.
    pub fn create(&self, path: &VirtualPath, options: CreateOptions) -> Work<Box<dyn Sink>> {
        let permissions = &self.account.permissions;
        let may = match options.mode {
            CreateMode::Append => needs(permissions.append, "append permission"),
            CreateMode::Replace
            | CreateMode::New
            | CreateMode::Unique
            | CreateMode::Resume(_) => self.may_write(),
        };
        judged(may.and(self.made(path)), || self.storage.create(path, options))
    }

    /// Opens a directory for listing.
    pub fn read_directory(&self, path: &VirtualPath) -> Work<Box<dyn Directory>> {
        let may = needs(self.account.permissions.list, "list permission");
        let opened = judged(may.and(self.seen(path)), || self.storage.read_directory(path));
        if self.account.permissions.hidden {
            return opened;
        }
        let veil = |directory| Box::new(Veiled(directory)) as Box<dyn Directory>;
        match opened {
            Work::Ready(opened) => Work::Ready(opened.map(|opened| opened.map(veil))),
            Work::Pending(opened) => Work::pending(async move { opened.await.map(veil) }),
        }
    }

    /// Where a symbolic link points, as stored.
    pub fn read_link(&self, path: &VirtualPath) -> Work<Vec<u8>> {
        judged(self.seen(path), || self.storage.read_link(path))
    }

    /// Makes a directory.
    pub fn make_directory(&self, path: &VirtualPath) -> Work<()> {
        let may = needs(self.account.permissions.mkdir, "mkdir permission");
        judged(may.and(self.made(path)), || self.storage.make_directory(path))
    }

    /// Removes an empty directory.
    pub fn remove_directory(&self, path: &VirtualPath) -> Work<()> {
        judged(self.may_delete().and(self.seen(path)), || self.storage.remove_directory(path))
    }

    /// Removes a file or link, or an unfinished upload.
    pub fn remove_file(&self, path: &VirtualPath) -> Work<()> {
        judged(self.may_delete().and(self.seen(path)), || self.storage.remove_file(path))
    }

    /// Renames; a plain file in the way is replaced if `replace` and if the user may overwrite files.
    pub fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()> {
        let permissions = &self.account.permissions;
        let may = needs(permissions.rename, "rename permission");
        let may = may.and(self.seen(from)).and(self.made(to));
        judged(may, || self.storage.rename(from, to, replace && permissions.write))
    }

    /// Sets times and mode.
    pub fn set_attributes(&self, path: &VirtualPath, change: AttributeChange) -> Work<()> {
        judged(self.may_write().and(self.seen(path)), || self.storage.set_attributes(path, change))
    }

    /// Copies a plain file.
    pub fn copy(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> Work<()> {
        let may = self.may_read().and(self.may_write());
        let may = may.and(self.seen(from)).and(self.made(to));
        judged(may, || self.storage.copy(from, to, replace))
    }

    /// The digest of a range of a plain file: lower-case hex and the end of the range.
    pub fn digest(
        &self,
        path: &VirtualPath,
        algorithm: Algorithm,
        start: u64,
        end: Option<u64>,
    ) -> Work<(String, u64)> {
        judged(self.may_read().and(self.seen(path)), || {
            self.storage.digest(path, algorithm, start, end)
        })
    }

    /// Free bytes above the reserve.
    pub fn available(&self, path: &VirtualPath) -> Work<u64> {
        judged(self.seen(path), || self.storage.available(path))
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

    /// Whether a path may be looked at.
    fn seen(&self, path: &VirtualPath) -> Result<(), Failure> {
        if self.is_veiled(path) { Err(Failure::NotFound) } else { Ok(()) }
    }

    /// Whether a path may be made.
    fn made(&self, path: &VirtualPath) -> Result<(), Failure> {
        if self.is_veiled(path) { Err(Failure::BadName) } else { Ok(()) }
    }

    fn is_veiled(&self, path: &VirtualPath) -> bool {
        !self.account.permissions.hidden && path.components().any(is_hidden)
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
        match self.0.next_batch(Box::new(Veil(visit))) {
            Work::Ready(batch) => Work::Ready(batch.map(|batch| batch.and_then(unveil))),
            Work::Pending(batch) => Work::pending(async move { batch.await.and_then(unveil) }),
        }
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

fn judged<T>(verdict: Result<(), Failure>, work: impl FnOnce() -> Work<T>) -> Work<T> {
    match verdict {
        Ok(()) => work(),
        Err(failure) => Work::ready(Err(failure)),
    }
}

#[cfg(test)]
mod tests;

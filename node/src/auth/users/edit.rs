//! Changing a users file by command: comments and order stay, and two commands at once take turns.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table as TomlTable, value};

use super::fault::{Fault, UsersError, nearest, suggest};
use super::{save, table};
use crate::auth::hash::StoredHash;

/// A users file under its lock. Nothing is written before [`Editor::save`].
#[derive(Debug)]
pub struct Editor {
    path: PathBuf,
    document: DocumentMut,
    /// The lock goes with it.
    _lock: File,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file is wrong, or would be after the change.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// Of `add`.
    #[error("there is already a user \"{0}\"")]
    Exists(String),
    /// Of everything else.
    #[error("there is no user \"{name}\"{}", suggest(nearest.as_deref()))]
    NoSuchUser {
        /// As typed.
        name: String,
        /// The user whose name is most like it.
        nearest: Option<String>,
    },
    /// `user = [...]` can be read but not edited.
    #[error("{}: users are not written as [[user]] tables; edit the file by hand", .0.display())]
    Form(PathBuf),
    /// Another command holds the lock.
    #[error("{}: another command has been changing the users file for too long", .0.display())]
    Locked(PathBuf),
    /// The file, its lock or its folder can not be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl EditError {
    /// Of these users none has the name.
    pub fn no_such_user<'a>(name: &str, users: impl IntoIterator<Item = &'a str>) -> Self {
        let nearest = nearest(name, users).map(str::to_owned);
        Self::NoSuchUser { name: name.to_owned(), nearest }
    }
}

/// A user to be added; what is empty or `None` is left out of the file.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the keys of the users file, documented there")]
pub struct NewUser {
    pub name: String,
    pub password: Option<StoredHash>,
    pub keys: Vec<String>,
    pub principals: Vec<String>,
    pub authentication: Vec<String>,
    pub home: Option<String>,
    pub root: Option<String>,
    pub permissions: Vec<String>,
    pub protocols: Vec<String>,
    pub networks: Vec<String>,
    pub sessions: Option<u32>,
    pub upload: Option<String>,
    pub download: Option<String>,
    pub expires: Option<String>,
    pub disabled: bool,
    pub certificate: Option<String>,
    pub certificate_fingerprints: Vec<String>,
    pub certificate_names: Vec<String>,
    pub message: Option<String>,
}

impl Editor {
    /// Takes the lock (a file beside the users file, which stays) and reads. A file that does not
    /// exist yet is an empty one. Waits ten seconds at most.
    pub fn open(path: &Path) -> Result<Self, EditError> {
        save::make_folder(path).map_err(|source| file_error(path, source))?;
        // A rename would put a file in place of a symbolic link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let lock = take_lock(&path)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => HEADER.to_owned(),
            Err(source) => return Err(UsersError::Read { path, source }.into()),
        };
        table::Table::parse(&path, &text)?;
        let document = text.parse::<DocumentMut>().map_err(|error| UsersError::Invalid {
            path: path.clone(),
            line: 1,
            user: None,
            fault: Fault::Syntax(error.to_string()),
        })?;
        Ok(Self { path, document, _lock: lock })
    }

    /// Adds a user at the end.
    pub fn add(&mut self, user: &NewUser) -> Result<(), EditError> {
        if self.position(&user.name)?.is_some() {
            return Err(EditError::Exists(user.name.clone()));
        }
        let mut entry = user.to_toml();
        let users = self
            .document
            .entry(USERS)
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
            .as_array_of_tables_mut()
            .ok_or_else(|| EditError::Form(self.path.clone()))?;
        if !users.is_empty() {
            entry.decor_mut().set_prefix("\n");
        }
        users.push(entry);
        Ok(())
    }

    /// Gives a user another password; the old one may be missing.
    pub fn set_password(&mut self, name: &str, password: &StoredHash) -> Result<(), EditError> {
        let at = self.find(name)?;
        let entry = self.users()?.and_then(|users| users.get_mut(at));
        let Some(entry) = entry else { return Err(self.no_such_user(name)) };
        if let Some(old) = entry.get_mut("password").and_then(Item::as_value_mut) {
            // Comments beside the value stay.
            let decor = old.decor().clone();
            *old = password.as_str().into();
            *old.decor_mut() = decor;
        } else {
            entry.insert("password", value(password.as_str()));
        }
        Ok(())
    }

    /// Gives a user one more SSH key, a line of `authorized_keys`.
    pub fn add_key(&mut self, name: &str, line: &str) -> Result<(), EditError> {
        self.keys(name)?.push(line);
        Ok(())
    }

    /// Takes a user's SSH key away, by its place among the user's keys.
    pub fn remove_key(&mut self, name: &str, index: usize) -> Result<(), EditError> {
        let keys = self.keys(name)?;
        if index < keys.len() {
            keys.remove(index);
        }
        Ok(())
    }

    /// The users as they would be after the changes so far.
    pub fn table(&self) -> Result<table::Table, EditError> {
        Ok(table::Table::parse(&self.path, &self.document.to_string())?)
    }

    /// Removes a user, with the comment right above.
    pub fn remove(&mut self, name: &str) -> Result<(), EditError> {
        let at = self.find(name)?;
        if let Some(users) = self.users()? {
            users.remove(at);
        }
        Ok(())
    }

    /// Writes the file, if what it would say can be understood.
    pub fn save(self) -> Result<(), EditError> {
        let text = self.document.to_string();
        table::Table::parse(&self.path, &text)?;
        save::replace(&self.path, &text).map_err(|source| file_error(&self.path, source))
    }

    /// The list of a user's keys, made where there is none; a single text becomes a list.
    fn keys(&mut self, name: &str) -> Result<&mut Array, EditError> {
        let at = self.find(name)?;
        let form = EditError::Form(self.path.clone());
        let Some(entry) = self.users()?.and_then(|users| users.get_mut(at)) else {
            return Err(form);
        };
        let item = entry.entry("keys").or_insert_with(|| value(Array::new()));
        if let Some(single) = item.as_str().map(str::to_owned) {
            *item = value(Array::from_iter([single]));
        }
        item.as_array_mut().ok_or(form)
    }

    fn users(&mut self) -> Result<Option<&mut ArrayOfTables>, EditError> {
        let Some(users) = self.document.get_mut(USERS) else { return Ok(None) };
        users.as_array_of_tables_mut().map(Some).ok_or_else(|| EditError::Form(self.path.clone()))
    }

    fn position(&mut self, name: &str) -> Result<Option<usize>, EditError> {
        let named = |entry: &TomlTable| entry.get("name").and_then(Item::as_str) == Some(name);
        Ok(self.users()?.and_then(|users| users.iter().position(named)))
    }

    fn find(&mut self, name: &str) -> Result<usize, EditError> {
        self.position(name)?.ok_or_else(|| self.no_such_user(name))
    }

    fn no_such_user(&self, name: &str) -> EditError {
        let users = self.document.get(USERS).and_then(Item::as_array_of_tables);
        let names = users.into_iter().flatten();
        let names = names.filter_map(|entry| entry.get("name").and_then(Item::as_str));
        EditError::no_such_user(name, names)
    }
}

impl NewUser {
    fn to_toml(&self) -> TomlTable {
        let mut entry = TomlTable::new();
        entry.insert("name", value(&self.name));
        let mut text = |key: &str, text: Option<&str>| {
            if let Some(text) = text {
                entry.insert(key, value(text));
            }
        };
        text("password", self.password.as_ref().map(StoredHash::as_str));
        text("home", self.home.as_deref());
        text("root", self.root.as_deref());
        text("expires", self.expires.as_deref());
        text("certificate", self.certificate.as_deref());
        text("message", self.message.as_deref());
        let lists = [
            ("keys", &self.keys),
            ("principals", &self.principals),
            ("authentication", &self.authentication),
            ("permissions", &self.permissions),
            ("protocols", &self.protocols),
            ("networks", &self.networks),
            ("certificate_fingerprints", &self.certificate_fingerprints),
            ("certificate_names", &self.certificate_names),
        ];
        for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            entry.insert(key, value(list.iter().collect::<Array>()));
        }
        let mut limits = InlineTable::new();
        if let Some(sessions) = self.sessions {
            limits.insert("sessions", i64::from(sessions).into());
        }
        for (key, rate) in [("upload", &self.upload), ("download", &self.download)] {
            if let Some(rate) = rate {
                limits.insert(key, rate.as_str().into());
            }
        }
        if !limits.is_empty() {
            entry.insert("limits", value(limits));
        }
        if self.disabled {
            entry.insert("disabled", value(true));
        }
        entry
    }
}

fn take_lock(path: &Path) -> Result<File, EditError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(save::MODE)
        .open(&lock_path)
        .map_err(|source| file_error(&lock_path, source))?;
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(lock),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(file_error(&lock_path, error.into())),
        }
        if Instant::now() >= deadline {
            return Err(EditError::Locked(path.to_owned()));
        }
        thread::sleep(LOCK_POLL);
    }
}

fn file_error(path: &Path, source: io::Error) -> EditError {
    EditError::File { path: path.to_owned(), source }
}

const USERS: &str = "user";

/// The top of a file that a command makes.
pub(super) const HEADER: &str =
    "# The users of this server; changed by hand or by `flotilla user`.\n\n";

/// A command holds the lock for some milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(20);

//! The users file, read and understood. Its form is described in
//! [the manual](crate::manual::users).

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use flotilla_protocol::path::VirtualPath;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};
use toml::de::{DeTable, DeValue};

use super::certificate::Rule;
use super::fault::{Fault, UsersError};
use super::field::{Fields, Source, line_ends};
use super::policy::Policy;
use super::read::read_user;
use crate::auth::hash::StoredHash;
use crate::auth::key::AuthorizedKey;
use crate::auth::{Account, Method, Methods, Permissions};
use crate::config::bytes;

/// One user of the file.
#[derive(Clone, Debug)]
pub struct User {
    /// What a login yields.
    pub account: Arc<Account>,
    /// `None`: no password lets in.
    pub password: Option<Arc<StoredHash>>,
    /// SSH public keys, in the order of the file.
    pub keys: Vec<AuthorizedKey>,
    /// How the user logs in over SSH, when not as all do.
    pub authentication: Option<Methods>,
    /// Of which an SSH certificate must name one; empty: the user's name.
    pub principals: Vec<String>,
    /// What speaks against a login.
    pub policy: Policy,
    /// What certificates are for.
    pub certificate: Rule,
    /// The line of its `[[user]]`.
    pub line: usize,
}

/// All users of a file.
#[derive(Clone, Debug, Default)]
pub struct Table {
    users: HashMap<Arc<str>, Arc<User>>,
    /// What the password of an unknown user is checked against: the hash of some user whose scheme
    /// and parameters most users have.
    decoy: Option<Arc<StoredHash>>,
    /// With what users may begin who have methods of their own.
    first_methods: HashSet<Method>,
    /// Some user has a key that certifies others.
    has_authorities: bool,
}

impl Table {
    /// Reads the text of a users file; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, UsersError> {
        let ends = line_ends(text);
        let source = Source { path, ends: &ends };
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            source.error(at, None, Fault::Syntax(error.message().to_owned()))
        })?;
        let top = Fields { source, table: document.get_ref(), at: 0, user: None, prefix: "" };
        top.only(&["user"])?;
        let mut users = HashMap::new();
        let Some(list) = top.value("user") else { return Ok(Self::default()) };
        let DeValue::Array(list) = list.get_ref() else {
            return Err(top.type_error(list, "user", "a list of tables, each under [[user]]"));
        };
        for item in list.iter() {
            let DeValue::Table(table) = item.get_ref() else {
                return Err(top.type_error(item, "user", "a list of tables, each under [[user]]"));
            };
            let fields = Fields { table, at: item.span().start, ..top };
            let user = read_user(fields)?;
            let name = user.account.name.clone();
            let line = user.line;
            if let Some(first) = users.insert(name.clone(), Arc::new(user)) {
                let fault = Fault::Duplicate { line: first.line.min(line) };
                return Err(source.error(item.span().start, Some(&name), fault));
            }
        }
        let decoy = most_common(users.values());
        let own = users.values().filter_map(|user| user.authentication.as_ref());
        let first_methods = own.flat_map(|methods| methods.next(&[])).collect();
        let mut keys = users.values().flat_map(|user| &user.keys);
        let has_authorities = keys.any(|key| key.options.cert_authority);
        Ok(Self { users, decoy, first_methods, has_authorities })
    }

    /// The user of this name, as sent by a client.
    pub fn find(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.users.get(std::str::from_utf8(name).ok()?)
    }

    /// All users, in the order of the file.
    pub fn users(&self) -> Vec<&Arc<User>> {
        let mut users: Vec<_> = self.users.values().collect();
        users.sort_by_key(|user| user.line);
        users
    }

    /// See the field.
    pub(super) fn first_methods(&self) -> &HashSet<Method> {
        &self.first_methods
    }

    /// See the field.
    pub(super) fn has_authorities(&self) -> bool {
        self.has_authorities
    }

    /// See the field.
    pub(super) fn decoy(&self) -> Option<&Arc<StoredHash>> {
        self.decoy.as_ref()
    }
}

/// Why a text can not be a user's name.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("must not be empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return Err("is longer than 255 bytes");
    }
    if name.contains('/') || name.chars().any(char::is_control) {
        return Err("must not contain \"/\" or control characters");
    }
    if matches!(name, "." | "..") || name.trim() != name {
        return Err("must be neither \".\" nor \"..\", nor begin or end with a space");
    }
    Ok(())
}

/// A home folder as written; relative to the root.
pub fn parse_home(text: &str) -> Result<VirtualPath, String> {
    if text.is_empty() {
        return Err("must not be empty; \".\" is the root".to_owned());
    }
    if text.split('/').any(|name| name == "..") {
        return Err("must not contain \"..\"".to_owned());
    }
    VirtualPath::root().resolve(text.as_bytes()).map_err(|error| error.to_string())
}

/// A number of bytes per second: `config::bytes`, behind which `/s` may stand.
pub fn parse_rate(text: &str) -> Option<u64> {
    bytes::parse(text.strip_suffix("/s").unwrap_or(text))
}

fn most_common<'a>(users: impl Iterator<Item = &'a Arc<User>>) -> Option<Arc<StoredHash>> {
    let mut counts: HashMap<&str, (usize, &Arc<StoredHash>)> = HashMap::new();
    for hash in users.filter_map(|user| user.password.as_ref()) {
        counts.entry(hash.profile()).or_insert((0, hash)).0 += 1;
    }
    let (_, (_, hash)) =
        counts.into_iter().max_by_key(|&(profile, (count, _))| (count, profile))?;
    Some(Arc::clone(hash))
}

/// The flag of this name.
pub(super) fn permission<'a>(permissions: &'a mut Permissions, name: &str) -> Option<&'a mut bool> {
    Some(match name {
        "read" => &mut permissions.read,
        "write" => &mut permissions.write,
        "append" => &mut permissions.append,
        "delete" => &mut permissions.delete,
        "rename" => &mut permissions.rename,
        "mkdir" => &mut permissions.mkdir,
        "list" => &mut permissions.list,
        "hidden" => &mut permissions.hidden,
        _ => return None,
    })
}

/// The names of what is granted, in the order of [`PERMISSIONS`].
pub fn permission_names(mut permissions: Permissions) -> Vec<&'static str> {
    let granted =
        |name: &&'static str| permission(&mut permissions, name).is_some_and(|flag| *flag);
    PERMISSIONS.iter().copied().filter(granted).collect()
}

/// A date (its beginning in UTC) or a date-time of RFC 3339.
pub fn parse_expiry(text: &str) -> Option<OffsetDateTime> {
    let date = time::macros::format_description!("[year]-[month]-[day]");
    Date::parse(text, date)
        .map(|date| date.midnight().assume_utc())
        .or_else(|_| OffsetDateTime::parse(text, &Rfc3339))
        .ok()
}

/// The values of `permissions`.
pub const PERMISSIONS: &[&str] =
    &["read", "write", "append", "delete", "rename", "mkdir", "list", "hidden"];

/// The values of `protocols`.
pub const PROTOCOLS: &[&str] = &["ftp", "ftps", "ssh"];

/// A name is also that of a folder.
const NAME_BYTES_MAX: usize = flotilla_protocol::path::NAME_BYTES_MAX;

#[cfg(test)]
mod tests;

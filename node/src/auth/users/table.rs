//! The users file, read and understood.
//!
//! ```toml
//! [[user]]
//! name = "bob"                      # no "/", no control characters; case matters
//! password = "$argon2id$..."        # see auth::hash; none: no login by password
//! keys = ["ssh-ed25519 AAAA... bob@laptop"]
//! home = "projects/bob"             # default: the name; ".": the root itself
//! root = "/srv/other"               # a storage root of the user's own
//! permissions = ["read", "list"]    # default: all of read, write, append, delete, rename, mkdir, list, hidden
//! protocols = ["ftps", "ssh"]       # default: ftp, ftps, ssh
//! networks = ["192.0.2.0/24"]       # default: any; a single address is a network of one
//! limits = { sessions = 4, upload = "10MiB", download = 0 }   # rates in bytes per second; 0: none
//! expires = 2030-12-31              # a date is its beginning in UTC; or 2030-12-31T18:00:00+01:00
//! disabled = false
//! certificate = "required"          # "off", "required" (beside the password), "sufficient" (instead)
//! certificate_fingerprints = ["sha256:..."]   # without these two the
//! certificate_names = ["bob@example.org"]     # common name must be the user's
//! message = "Welcome"               # shown after login; may have several lines
//! ```
//!
//! `hidden` is granted by default, since users of other servers expect to see their dot files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flotilla_protocol::path::VirtualPath;
use ipnet::IpNet;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};
use toml::de::{DeTable, DeValue};

use super::certificate::{Demand, Rule, fingerprint};
use super::fault::{Fault, UsersError};
use super::field::{Fields, Placed, Source};
use super::policy::Policy;
use crate::auth::hash::StoredHash;
use crate::auth::{Account, Permissions, Protocol};

/// One user of the file.
#[derive(Clone, Debug)]
pub struct User {
    /// What a login yields.
    pub account: Arc<Account>,
    /// `None`: no password lets in.
    pub password: Option<Arc<StoredHash>>,
    /// SSH public keys in OpenSSH's one-line form.
    pub keys: Vec<String>,
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
    users: HashMap<String, Arc<User>>,
    /// What the password of an unknown user is checked against: the hash of some user whose scheme
    /// and parameters most users have.
    decoy: Option<Arc<StoredHash>>,
}

impl Table {
    /// Reads the text of a users file; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, UsersError> {
        let source = Source { path, text };
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
        Ok(Self { users, decoy })
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

/// A number of bytes, with or without a unit.
pub fn parse_rate(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim();
    let unit = unit.strip_suffix("/s").unwrap_or(unit);
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
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

fn read_user(fields: Fields<'_>) -> Result<User, UsersError> {
    let written = match fields.value("name").map(|item| item.get_ref().as_str()) {
        Some(name) => name,
        None => None,
    };
    let fields = Fields { user: written, ..fields };
    fields.only(KEYS)?;
    let name = fields.text("name")?.ok_or(fields.error(fields.at, Fault::Missing("name")))?;
    check_name(name.value).map_err(|why| fields.value_error(name.at, "name", why.to_owned()))?;
    let name = name.value.to_owned();

    let home = fields.text("home")?;
    let (home, at) = home.as_ref().map_or((&*name, fields.at), |home| (home.value, home.at));
    let home = parse_home(home).map_err(|why| fields.value_error(at, "home", why))?;
    let limits = read_limits(fields)?;
    let account = Account {
        root: read_root(fields)?,
        home,
        permissions: read_permissions(fields)?,
        sessions: limits.sessions,
        upload_rate: limits.upload,
        download_rate: limits.download,
        anonymous: false,
        message: read_message(fields)?,
        name,
    };
    let password = read_password(fields)?;
    Ok(User {
        certificate: read_certificate(fields, password.is_some())?,
        account: Arc::new(account),
        password,
        keys: read_keys(fields)?,
        policy: read_policy(fields)?,
        line: fields.source.line(fields.at),
    })
}

fn read_password(fields: Fields<'_>) -> Result<Option<Arc<StoredHash>>, UsersError> {
    let Some(Placed { value, at }) = fields.text("password")? else { return Ok(None) };
    let hash = StoredHash::parse(value)
        .map_err(|error| fields.value_error(at, "password", error.to_string()))?;
    Ok(Some(Arc::new(hash)))
}

fn read_root(fields: Fields<'_>) -> Result<Option<PathBuf>, UsersError> {
    let Some(Placed { value, at }) = fields.text("root")? else { return Ok(None) };
    let path = PathBuf::from(value);
    if !path.is_absolute() || value.contains('\0') {
        return Err(fields.value_error(at, "root", "must be an absolute path".to_owned()));
    }
    Ok(Some(path))
}

fn read_message(fields: Fields<'_>) -> Result<Vec<String>, UsersError> {
    let Some(Placed { value, at }) = fields.text("message")? else { return Ok(Vec::new()) };
    let lines: Vec<String> = value.lines().map(str::to_owned).collect();
    if lines.iter().any(|line| line.chars().any(char::is_control)) {
        let why = "must not contain control characters other than the ends of lines";
        return Err(fields.value_error(at, "message", why.to_owned()));
    }
    Ok(lines)
}

fn read_keys(fields: Fields<'_>) -> Result<Vec<String>, UsersError> {
    let mut keys = Vec::new();
    for Placed { value, at } in fields.texts("keys")?.unwrap_or_default() {
        let fine = value.split_whitespace().count() >= 2 && !value.chars().any(char::is_control);
        if !fine {
            let why = "each must be one line of the form \"ssh-ed25519 AAAA... comment\"";
            return Err(fields.value_error(at, "keys", why.to_owned()));
        }
        keys.push(value.to_owned());
    }
    Ok(keys)
}

fn read_permissions(fields: Fields<'_>) -> Result<Permissions, UsersError> {
    let Some(names) = fields.texts("permissions")? else { return Ok(Permissions::ALL) };
    let mut permissions = Permissions::NONE;
    for Placed { value, at } in names {
        let flag = permission(&mut permissions, value);
        *flag.ok_or_else(|| unknown(fields, at, "permissions", value, PERMISSIONS))? = true;
    }
    Ok(permissions)
}

/// The flag of this name.
fn permission<'a>(permissions: &'a mut Permissions, name: &str) -> Option<&'a mut bool> {
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

fn read_policy(fields: Fields<'_>) -> Result<Policy, UsersError> {
    let mut policy = Policy {
        disabled: fields.boolean("disabled")?.unwrap_or(false),
        expires: read_expiry(fields)?,
        ..Policy::default()
    };
    if let Some(names) = fields.texts("protocols")? {
        policy.protocols.clear();
        for Placed { value, at } in names {
            policy.protocols.push(match value {
                "ftp" => Protocol::Ftp,
                "ftps" => Protocol::Ftps,
                "ssh" => Protocol::Ssh,
                _ => return Err(unknown(fields, at, "protocols", value, PROTOCOLS)),
            });
        }
    }
    for Placed { value, at } in fields.texts("networks")?.unwrap_or_default() {
        let network = parse_network(value).ok_or_else(|| {
            let why = format!("\"{value}\" is no network such as 192.0.2.0/24 or 2001:db8::/32");
            fields.value_error(at, "networks", why)
        })?;
        policy.networks.push(network);
    }
    Ok(policy)
}

fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))
}

/// A TOML date or date-time, or the same as a string.
fn read_expiry(fields: Fields<'_>) -> Result<Option<OffsetDateTime>, UsersError> {
    let Some(item) = fields.value("expires") else { return Ok(None) };
    let text = match item.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        _ => return Err(fields.type_error(item, "expires", "a date or a date-time")),
    };
    let moment = parse_expiry(&text).ok_or_else(|| {
        let why = format!(
            "\"{text}\" is neither a date such as 2030-12-31 nor a date-time with its offset such as \
             2030-12-31T18:00:00Z"
        );
        fields.value_error(item.span().start, "expires", why)
    })?;
    Ok(Some(moment))
}

/// A date (its beginning in UTC) or a date-time of RFC 3339.
pub fn parse_expiry(text: &str) -> Option<OffsetDateTime> {
    let date = time::macros::format_description!("[year]-[month]-[day]");
    Date::parse(text, date)
        .map(|date| date.midnight().assume_utc())
        .or_else(|_| OffsetDateTime::parse(text, &Rfc3339))
        .ok()
}

fn read_certificate(fields: Fields<'_>, has_password: bool) -> Result<Rule, UsersError> {
    let mut rule = Rule::default();
    if let Some(Placed { value, at }) = fields.text("certificate")? {
        rule.demand = match value {
            "off" => Demand::Off,
            "required" => Demand::Required,
            "sufficient" => Demand::Sufficient,
            _ => return Err(unknown(fields, at, "certificate", value, DEMANDS)),
        };
        if rule.demand == Demand::Required && !has_password {
            let why = "\"required\" asks for a password as well, and there is none; \"sufficient\" \
                       lets a certificate do alone";
            return Err(fields.value_error(at, "certificate", why.to_owned()));
        }
    }
    for Placed { value, at } in fields.texts("certificate_fingerprints")?.unwrap_or_default() {
        let print = fingerprint(value).ok_or_else(|| {
            let why = "each must be \"sha256:\" and 64 hexadecimal digits".to_owned();
            fields.value_error(at, "certificate_fingerprints", why)
        })?;
        rule.fingerprints.push(print);
    }
    let names = fields.texts("certificate_names")?.unwrap_or_default();
    rule.names = names.into_iter().map(|name| name.value.to_owned()).collect();
    Ok(rule)
}

struct Limits {
    sessions: u32,
    upload: u64,
    download: u64,
}

fn read_limits(fields: Fields<'_>) -> Result<Limits, UsersError> {
    let Some(limits) = fields.table("limits", "limits.")? else {
        return Ok(Limits { sessions: 0, upload: 0, download: 0 });
    };
    limits.only(&["sessions", "upload", "download"])?;
    Ok(Limits {
        sessions: limits.count("sessions")?.unwrap_or(0),
        upload: read_rate(limits, "upload")?,
        download: read_rate(limits, "download")?,
    })
}

fn read_rate(fields: Fields<'_>, key: &str) -> Result<u64, UsersError> {
    let Some(item) = fields.value(key) else { return Ok(0) };
    let rate = match item.get_ref() {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) => parse_rate(text),
        _ => return Err(fields.type_error(item, key, "bytes per second, such as \"10MiB\"")),
    };
    rate.ok_or_else(|| {
        let why =
            "must be bytes per second: a number from 0 up, or one with a unit such as \"10MiB\"";
        fields.value_error(item.span().start, key, why.to_owned())
    })
}

fn unknown(
    fields: Fields<'_>,
    at: usize,
    key: &str,
    written: &str,
    valid: &[&'static str],
) -> UsersError {
    let near = super::fault::suggest(super::fault::nearest(written, valid.iter().copied()));
    let why = format!("\"{written}\" is none of {}{near}", valid.join(", "));
    fields.value_error(at, key, why)
}

/// The values of `permissions`.
pub const PERMISSIONS: &[&str] =
    &["read", "write", "append", "delete", "rename", "mkdir", "list", "hidden"];

/// The values of `protocols`.
pub const PROTOCOLS: &[&str] = &["ftp", "ftps", "ssh"];

/// The values of `certificate`.
const DEMANDS: &[&str] = &["off", "required", "sufficient"];

/// The keys of `[[user]]`.
const KEYS: &[&str] = &[
    "name",
    "password",
    "keys",
    "home",
    "root",
    "permissions",
    "protocols",
    "networks",
    "limits",
    "expires",
    "disabled",
    "certificate",
    "certificate_fingerprints",
    "certificate_names",
    "message",
];

/// A name is also that of a folder.
const NAME_BYTES_MAX: usize = flotilla_protocol::path::NAME_BYTES_MAX;

/// Units of rates, in bytes per second.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

#[cfg(test)]
mod tests;

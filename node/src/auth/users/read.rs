//! One `[[user]]` of the file, key by key.

use std::path::PathBuf;
use std::sync::Arc;

use time::OffsetDateTime;
use toml::de::DeValue;

use super::certificate::{Demand, Rule, fingerprint};
use super::fault::{Fault, UsersError, nearest, suggest};
use super::field::{Fields, Placed};
use super::policy::Policy;
use super::table::{
    PERMISSIONS, PROTOCOLS, User, check_name, parse_expiry, parse_home, parse_rate, permission,
};
use crate::auth::hash::StoredHash;
use crate::auth::key::{self, AuthorizedKey};
use crate::auth::{Account, Methods, Permissions, Protocol};

pub(super) fn read_user(fields: Fields<'_>) -> Result<User, UsersError> {
    let written = fields.value("name").and_then(|item| item.get_ref().as_str());
    let fields = Fields { user: written, ..fields };
    fields.only(KEYS)?;
    let name = fields.text("name")?.ok_or(fields.error(fields.at, Fault::Missing("name")))?;
    check_name(name.value).map_err(|why| fields.value_error(name.at, "name", why.to_owned()))?;
    let name: Arc<str> = name.value.into();

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
        authentication: read_authentication(fields)?,
        principals: read_principals(fields)?,
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

fn read_keys(fields: Fields<'_>) -> Result<Vec<AuthorizedKey>, UsersError> {
    let mut keys: Vec<AuthorizedKey> = Vec::new();
    for Placed { value, at } in fields.texts("keys")?.unwrap_or_default() {
        let key = AuthorizedKey::parse(value).map_err(|why| fields.value_error(at, "keys", why))?;
        if keys.iter().any(|other| other.key == key.key) {
            let why = format!("{} is there twice", key.key.fingerprint());
            return Err(fields.value_error(at, "keys", why));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn read_authentication(fields: Fields<'_>) -> Result<Option<Methods>, UsersError> {
    let Some(chains) = fields.texts("authentication")? else { return Ok(None) };
    let at = chains.first().map_or(fields.at, |first| first.at);
    Methods::parse(chains.iter().map(|chain| chain.value))
        .map(Some)
        .map_err(|why| fields.value_error(at, "authentication", why))
}

fn read_principals(fields: Fields<'_>) -> Result<Vec<String>, UsersError> {
    let mut principals = Vec::new();
    for Placed { value, at } in fields.texts("principals")?.unwrap_or_default() {
        if value.is_empty() {
            return Err(fields.value_error(at, "principals", "must not be empty".to_owned()));
        }
        principals.push(value.to_owned());
    }
    Ok(principals)
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
        let network = key::network(value).ok_or_else(|| {
            let why = format!("\"{value}\" is no network such as 192.0.2.0/24 or 2001:db8::/32");
            fields.value_error(at, "networks", why)
        })?;
        policy.networks.push(network);
    }
    Ok(policy)
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
    let near = suggest(nearest(written, valid.iter().copied()));
    let why = format!("\"{written}\" is none of {}{near}", valid.join(", "));
    fields.value_error(at, key, why)
}

/// The values of `certificate`.
const DEMANDS: &[&str] = &["off", "required", "sufficient"];

/// The keys of `[[user]]`.
const KEYS: &[&str] = &[
    "name",
    "password",
    "keys",
    "principals",
    "authentication",
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

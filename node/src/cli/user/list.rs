//! `flotilla user ls`.

use std::io::{self, Write};

use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::{LsArgs, UserError};
use crate::auth::users::{
    Demand, PERMISSIONS, Table as Users, User, permission_names, protocol_name,
};
use crate::cli::table::{Side, Table};

/// Lists the users in the order of the file.
pub(super) fn run(args: &LsArgs, users: &Users, out: &mut dyn Write) -> Result<(), UserError> {
    let users = users.users();
    if args.json {
        let users: Vec<_> = users.into_iter().map(|user| to_json(user)).collect();
        serde_json::to_writer_pretty(&mut *out, &users).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    let head = ["NAME", "HOME", "LOGIN", "PROTOCOLS", "PERMISSIONS", "STATE"];
    let mut table = Table::new(head.map(|name| (name, Side::Left)));
    for user in users {
        table.row(to_row(user));
    }
    Ok(out.write_all(table.text().as_bytes())?)
}

fn to_row(user: &User) -> [String; 6] {
    let permissions = permission_names(user.account.permissions);
    let permissions = match permissions.len() {
        count if count == PERMISSIONS.len() => "all".to_owned(),
        0 => "none".to_owned(),
        _ => permissions.join(","),
    };
    [
        user.account.name.to_string(),
        user.account.home.to_string(),
        logins(user).join(","),
        protocols(user).join(","),
        permissions,
        state(user),
    ]
}

fn to_json(user: &User) -> serde_json::Value {
    let account = &user.account;
    json!({
        "name": &*account.name,
        "home": account.home.to_string(),
        "root": account.root,
        "login": logins(user),
        "keys": user.keys.len(),
        "principals": user.principals,
        "authentication": user.authentication.as_ref().map(|own| own.names().collect::<Vec<_>>()),
        "permissions": permission_names(account.permissions),
        "protocols": protocols(user),
        "networks": user.policy.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sessions": account.sessions,
        "upload_bytes_per_second": account.upload_rate,
        "download_bytes_per_second": account.download_rate,
        "expires": user.policy.expires.and_then(|moment| moment.format(&Rfc3339).ok()),
        "disabled": user.policy.disabled,
        "message": account.message.join("\n"),
    })
}

/// By what the user proves who they are.
fn logins(user: &User) -> Vec<&'static str> {
    let certificate = match user.certificate.demand() {
        Demand::Off => None,
        Demand::Required => Some("certificate-required"),
        Demand::Sufficient => Some("certificate"),
    };
    let ways = [
        user.password.as_ref().map(|_| "password"),
        (!user.keys.is_empty()).then_some("key"),
        certificate,
    ];
    ways.into_iter().flatten().collect()
}

fn protocols(user: &User) -> Vec<&'static str> {
    user.policy.protocols.iter().map(|&protocol| protocol_name(protocol)).collect()
}

fn state(user: &User) -> String {
    match user.policy.expires {
        _ if user.policy.disabled => "disabled".to_owned(),
        Some(moment) if moment <= time::OffsetDateTime::now_utc() => "expired".to_owned(),
        Some(moment) => format!("until {}", moment.format(&Rfc3339).unwrap_or_default()),
        None => "active".to_owned(),
    }
}

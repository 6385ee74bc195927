//! `flotilla user ls`.

use std::io::{self, Write};

use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::{LsArgs, UserError};
use crate::auth::users::{Demand, PERMISSIONS, Table, User, permission_names, protocol_name};

/// Lists the users in the order of the file.
pub(super) fn run(args: &LsArgs, table: &Table, out: &mut dyn Write) -> Result<(), UserError> {
    let users = table.users();
    if args.json {
        let users: Vec<_> = users.into_iter().map(|user| to_json(user)).collect();
        serde_json::to_writer_pretty(&mut *out, &users).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    let head = ["NAME", "HOME", "LOGIN", "PROTOCOLS", "PERMISSIONS", "STATE"].map(str::to_owned);
    let rows: Vec<_> =
        std::iter::once(head).chain(users.into_iter().map(|user| to_row(user))).collect();
    Ok(columns(&rows, out)?)
}

/// Writes rows so that their cells stand below each other.
pub(super) fn columns<const N: usize>(rows: &[[String; N]], out: &mut dyn Write) -> io::Result<()> {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn to_row(user: &User) -> [String; 6] {
    let permissions = permission_names(user.account.permissions);
    let permissions = match permissions.len() {
        count if count == PERMISSIONS.len() => "all".to_owned(),
        0 => "none".to_owned(),
        _ => permissions.join(","),
    };
    [
        user.account.name.clone(),
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
        "name": account.name,
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

//! Flotilla itself, by its command line and configuration file like anybody's.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{HASH, Launch, PASSIVE, Service, free_port};
use crate::client::Protocol;
use crate::ground::Ground;

pub(super) fn missing(ground: &Ground) -> Option<String> {
    match &ground.flotilla {
        Some(path) if path.exists() => None,
        Some(path) => Some(format!("there is no {}", path.display())),
        None => Some("--flotilla PATH is missing: target/release/flotilla".to_owned()),
    }
}

pub(super) fn launch(
    ground: &Ground,
    folder: &Path,
    port: u16,
    service: Service,
) -> Result<Launch> {
    let program = ground.flotilla.as_ref().context("no program")?;
    let health = free_port()?;
    let (low, high) = PASSIVE;
    let users = folder.join("users.toml");
    let mut lines = String::new();
    for name in service.names() {
        writeln!(lines, "[[user]]\nname = \"{name}\"\npassword = \"{HASH}\"\nhome = \".\"")?;
    }
    fs::write(&users, lines)?;
    let ftp = if service.protocol == Protocol::Sftp { free_port()? } else { port };
    let ssh = match service.protocol {
        Protocol::Ftp | Protocol::Ftps => "[ssh]\nlisten = []\n".to_owned(),
        Protocol::Sftp => format!(
            "[ssh]\nlisten = [\"127.0.0.1:{port}\"]\nhost_keys = [\"{}\"]\n",
            ground.host_key.display()
        ),
    };
    let config = folder.join("flotilla.toml");
    let text = format!(
        r#"[node]
data_dir = "{folder}"
[ftp]
listen = ["127.0.0.1:{ftp}"]
[ftp.passive]
ports = "{low}-{high}"
{ssh}[tls]
certificate = "{certificate}"
key = "{key}"
[users]
file = "{users}"
[storage]
root = "{root}"
[health]
listen = "127.0.0.1:{health}"
[telemetry]
level = "warn"
"#,
        folder = folder.display(),
        certificate = ground.certificate.display(),
        key = ground.key.display(),
        users = users.display(),
        root = ground.files.display(),
    );
    fs::write(&config, text)?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(config);
    Ok(Launch { command, outside: None })
}

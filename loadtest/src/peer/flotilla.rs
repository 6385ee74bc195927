//! Flotilla itself, by its command line and configuration file like anybody's.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Ground, HASH, Launch, PASSIVE, USER, free_port};

pub(super) fn missing(ground: &Ground) -> Option<String> {
    match &ground.flotilla {
        Some(path) if path.exists() => None,
        Some(path) => Some(format!("there is no {}", path.display())),
        None => Some("--flotilla PATH is missing: target/release/flotilla".to_owned()),
    }
}

pub(super) fn launch(ground: &Ground, folder: &Path, port: u16) -> Result<Launch> {
    let program = ground.flotilla.as_ref().context("no program")?;
    let health = free_port()?;
    let (low, high) = PASSIVE;
    let users = folder.join("users.toml");
    let lines = format!("[[user]]\nname = \"{USER}\"\npassword = \"{HASH}\"\nhome = \".\"\n");
    fs::write(&users, lines)?;
    let config = folder.join("flotilla.toml");
    let text = format!(
        r#"[node]
data_dir = "{folder}"
[ftp]
listen = ["127.0.0.1:{port}"]
[ftp.passive]
ports = "{low}-{high}"
[tls]
certificate = "{certificate}"
key = "{key}"
[users]
file = "{users}"
[storage]
root = "{root}"
[health]
listen = "127.0.0.1:{health}"
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

//! pure-ftpd with its own user database.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{HASH, Launch, PASSIVE, SESSIONS_MAX, Service, advice};
use crate::ground::{Ground, NOBODY};

pub(super) fn missing(ground: &Ground) -> Option<String> {
    let found = ground.program("pure-ftpd").and(ground.program("pure-pw"));
    found.is_none().then(|| advice("pure-ftpd"))
}

pub(super) fn launch(
    ground: &Ground,
    folder: &Path,
    port: u16,
    service: Service,
) -> Result<Launch> {
    let program = ground.program("pure-ftpd").context("no program")?;
    let maker = ground.program("pure-pw").context("no pure-pw")?;
    let (text, database) = (folder.join("users"), folder.join("users.pdb"));
    let root = ground.files.display();
    let mut lines = String::new();
    for name in service.names() {
        writeln!(lines, "{name}:{HASH}:{NOBODY}:{NOBODY}::{root}/./::::::::::::")?;
    }
    fs::write(&text, lines)?;
    let made = Command::new(maker).arg("mkdb").arg(&database).arg("-f").arg(&text).output()?;
    if !made.status.success() {
        bail!("pure-pw: {}", String::from_utf8_lossy(&made.stderr));
    }
    let (low, high) = PASSIVE;
    let mut command = Command::new(program);
    command
        .args(["-S", &format!("127.0.0.1,{port}")])
        .args(["-l", &format!("puredb:{}", database.display())])
        .args(["-p", &format!("{low}:{high}")])
        .args(["-c", &SESSIONS_MAX.to_string(), "-C", &SESSIONS_MAX.to_string()])
        .args(["-L", "1000000:5", "-I", "60", "-u", "1", "-Y", "1"])
        // No name look-ups, no anonymous sessions, no log of each transfer.
        .args(["-H", "-E", "-f", "none", "-4"])
        .arg("-2")
        .arg(&ground.both)
        .args(["-g", &folder.join("pid").display().to_string()]);
    Ok(Launch { command, outside: None })
}

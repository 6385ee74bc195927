//! proftpd with a password file of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{HASH, Launch, PASSIVE, SESSIONS_MAX, USER, advice};
use crate::client::Protocol;
use crate::ground::{Ground, NOBODY};

pub(super) fn missing(ground: &Ground) -> Option<String> {
    if ground.program("proftpd").is_none() {
        return Some(advice("proftpd-core"));
    }
    let found = modules(ground).is_some();
    (!found).then(|| advice("proftpd-mod-crypto"))
}

pub(super) fn launch(
    ground: &Ground,
    folder: &Path,
    port: u16,
    protocol: Protocol,
) -> Result<Launch> {
    let program = ground.program("proftpd").context("no program")?;
    let modules = modules(ground).context("no mod_tls")?;
    let users = folder.join("users");
    let root = ground.files.display();
    fs::write(&users, format!("{USER}:{HASH}:{NOBODY}:{NOBODY}::{root}:/bin/sh\n"))?;
    // proftpd refuses a password file that others may read.
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600))?;
    let config = folder.join("proftpd.conf");
    let (low, high) = PASSIVE;
    let security = match protocol {
        Protocol::Sftp => format!(
            "LoadModule mod_sftp.c\nSFTPEngine on\nSFTPHostKey {}\nSFTPAuthMethods password\n\
             SFTPCompression off\n",
            ground.host_key.display()
        ),
        Protocol::Ftp | Protocol::Ftps => format!(
            "LoadModule mod_tls.c\nTLSEngine on\nTLSProtocol TLSv1.2 TLSv1.3\n\
             TLSECCertificateFile {}\nTLSECCertificateKeyFile {}\nTLSRequired off\n\
             TLSOptions NoSessionReuseRequired\nTLSVerifyClient off\n",
            ground.certificate.display(),
            ground.key.display(),
        ),
    };
    let text = format!(
        "ModulePath {modules}\n{security}ServerName bench\nServerType standalone\n\
         DefaultAddress 127.0.0.1\nSocketBindTight on\nPort {port}\nUseIPv6 off\nUser nobody\n\
         Group nogroup\nUseReverseDNS off\nDelayEngine off\nWtmpLog off\n\
         TransferLog none\nSystemLog none\nAuthOrder mod_auth_file.c\nAuthUserFile {users}\n\
         RequireValidShell off\nAllowOverwrite on\nMaxInstances {SESSIONS_MAX}\n\
         PassivePorts {low} {high}\nScoreboardFile {folder}/scoreboard\nPidFile {folder}/pid\n\
         TimeoutIdle 3600\nTimeoutNoTransfer 3600\nDefaultRoot {root}\n",
        modules = modules.display(),
        users = users.display(),
        folder = folder.display(),
    );
    fs::write(&config, text)?;
    let mut command = Command::new(program);
    command.arg("--nodaemon").arg("--config").arg(config);
    // Otherwise each session reads the system's whole set of authorities.
    command.env("SSL_CERT_FILE", "/dev/null");
    Ok(Launch { command, outside: None })
}

fn modules(ground: &Ground) -> Option<std::path::PathBuf> {
    let own = ground.packages.iter().map(|folder| folder.join("usr/lib/proftpd"));
    own.chain(std::iter::once("/usr/lib/proftpd".into()))
        .find(|folder| folder.join("mod_tls.so").exists())
}

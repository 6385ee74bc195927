//! OpenSSH with its built-in SFTP server. It knows the system's users only, so it sees files of its
//! own in the place of the system's: in a mount namespace that ends with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{HASH, Launch, SESSIONS_MAX, USER, advice};
use crate::ground::{Ground, NOBODY};

pub(super) fn missing(ground: &Ground) -> Option<String> {
    if ground.program("sshd").is_none() {
        return Some(advice("openssh-server"));
    }
    let found = ground.program("unshare").is_some();
    (!found).then(|| "apt-get install util-linux".to_owned())
}

pub(super) fn launch(ground: &Ground, folder: &Path, port: u16) -> Result<Launch> {
    // It starts itself anew for each connection and wants its full path for that.
    let program = ground.program("sshd").context("no program")?;
    let unshare = ground.program("unshare").context("no unshare")?;
    let root = ground.files.display();
    let users = format!(
        "root:x:0:0::/:/bin/sh\nsshd:x:{SEPARATED}:{NOBODY}::/run/sshd:/bin/false\n\
         {USER}:x:{NOBODY}:{NOBODY}::{root}:/bin/sh\n"
    );
    fs::write(folder.join("passwd"), users)?;
    let hashes = format!("root:*:19000::::::\nsshd:*:19000::::::\n{USER}:{HASH}:19000::::::\n");
    let shadow = folder.join("shadow");
    fs::write(&shadow, hashes)?;
    fs::set_permissions(&shadow, fs::Permissions::from_mode(0o600))?;
    let config = folder.join("sshd_config");
    let text = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {key}\nKexAlgorithms curve25519-sha256\n\
         Ciphers aes128-gcm@openssh.com,chacha20-poly1305@openssh.com\nCompression no\n\
         UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n\
         PubkeyAuthentication no\nMaxStartups {SESSIONS_MAX}\nLoginGraceTime 120\nUseDNS no\n\
         LogLevel ERROR\nPidFile none\nPrintMotd no\nPrintLastLog no\nX11Forwarding no\n\
         AllowTcpForwarding no\nSubsystem sftp internal-sftp\n",
        key = ground.host_key.display(),
    );
    fs::write(&config, text)?;
    let mut command = Command::new(unshare);
    command.args(["--mount", "/bin/sh", "-c", ENTER]).arg(folder);
    command.arg(program).args(["-D", "-e", "-f"]).arg(config);
    Ok(Launch { command, outside: None })
}

/// Puts the files in their places; nothing outside the namespace changes.
const ENTER: &str = r#"set -e
mount --bind "$0/passwd" /etc/passwd
mount --bind "$0/shadow" /etc/shadow
mount -t tmpfs -o mode=0755 none /run
mkdir /run/sshd
exec "$@"
"#;

/// The user of the part that speaks to strangers; it owns nothing.
const SEPARATED: u32 = 65533;

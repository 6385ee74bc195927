//! vsftpd: a guest user by PAM, so that no system user is made. PAM reads services from
//! `/etc/pam.d` only, so one file lies there while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{HASH, Launch, PASSIVE, Passing, SESSIONS_MAX, USER, advice};
use crate::ground::Ground;

pub(super) fn missing(ground: &Ground) -> Option<String> {
    if ground.program("vsftpd").is_none() {
        return Some(advice("vsftpd"));
    }
    let found = MODULES.iter().any(|folder| Path::new(folder).join("pam_pwdfile.so").exists());
    (!found).then(|| "apt-get install libpam-pwdfile".to_owned())
}

pub(super) fn launch(ground: &Ground, folder: &Path, port: u16) -> Result<Launch> {
    let program = ground.program("vsftpd").context("no program")?;
    let users = folder.join("users");
    fs::write(&users, format!("{USER}:{HASH}\n"))?;
    let name = format!("flotilla-loadtest-{}", std::process::id());
    let service = PathBuf::from("/etc/pam.d").join(&name);
    let rules = format!(
        "auth required pam_pwdfile.so pwdfile={}\naccount required pam_permit.so\n",
        users.display()
    );
    fs::write(&service, rules).with_context(|| format!("cannot write {}", service.display()))?;
    let service = Passing(service);
    let empty = folder.join("empty");
    fs::create_dir(&empty)?;
    let config = folder.join("vsftpd.conf");
    let (low, high) = PASSIVE;
    let text = format!(
        "listen=YES\nlisten_ipv6=NO\nbackground=NO\nlisten_address=127.0.0.1\nlisten_port={port}\n\
         anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nguest_enable=YES\n\
         guest_username={GUEST}\nvirtual_use_local_privs=YES\nlocal_root={root}\n\
         pam_service_name={name}\nsecure_chroot_dir={empty}\nallow_writeable_chroot=YES\nisolate_network=NO\n\
         seccomp_sandbox=NO\nuse_localtime=NO\nxferlog_enable=NO\nmax_clients={SESSIONS_MAX}\n\
         max_per_ip={SESSIONS_MAX}\npasv_min_port={low}\npasv_max_port={high}\n\
         pasv_promiscuous=NO\nidle_session_timeout=3600\nlocal_umask=022\nssl_enable=YES\n\
         force_local_data_ssl=NO\nforce_local_logins_ssl=NO\nrequire_ssl_reuse=NO\n\
         rsa_cert_file={certificate}\nrsa_private_key_file={key}\nssl_ciphers=HIGH\n",
        root = ground.files.display(),
        empty = empty.display(),
        certificate = ground.certificate.display(),
        key = ground.key.display(),
    );
    fs::write(&config, text)?;
    let mut command = Command::new(program);
    command.arg(config);
    Ok(Launch { command, outside: Some(service) })
}

/// Needs a home folder that exists, which `nobody` lacks; `local_root` is entered after it.
const GUEST: &str = "daemon";

const MODULES: [&str; 4] = [
    "/lib/x86_64-linux-gnu/security",
    "/lib/aarch64-linux-gnu/security",
    "/lib/security",
    "/lib64/security",
];

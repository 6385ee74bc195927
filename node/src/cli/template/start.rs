//! What an instance does when it starts, to become a node.

use std::path::Path;

use super::Fleet;
use super::document::literal;
use super::fleet::{FOLDER, LOGS, MOUNT, POOL_SECRET, STORE_PASSWORD};
use super::scaling;
use crate::cli::{ConfigArgs, unit};

/// The script, for [`sub`](super::document::sub).
pub(super) fn script(fleet: &Fleet) -> String {
    let named = fleet.files.iter().map(|file| (file.parameter.as_str(), file.path.as_str()));
    let own = [("PoolSecret", POOL_SECRET), ("StorePassword", STORE_PASSWORD)];
    let secrets = own.into_iter().chain(named);
    let secrets: String =
        secrets.map(|(of, path)| format!("again secret '${{{of}}}' {path}\n")).collect();
    let roots = std::iter::once(&fleet.config.storage.root);
    let roots = roots.chain(fleet.config.hosts.iter().filter_map(|host| host.root.as_ref()));
    let mut folders: Vec<_> = roots.map(|root| quoted(root)).collect();
    if fleet.config.telemetry.xferlog.is_some() {
        folders.push(LOGS.to_owned());
    }
    let unit = unit::unit(Path::new(PROGRAM), &ConfigArgs::default(), &fleet.config);
    // What is put in last is not searched for what else is to be put in.
    TEMPLATE
        .replace("{resource}", scaling::NAME)
        .replace("{program}", PROGRAM)
        .replace("{mount}", MOUNT)
        .replace("{folder}", FOLDER)
        .replace("{ports}", &fleet.config.ftp.passive_ports.to_string())
        .replace("{shell}", if takes_port_of_sshd(fleet) { SHELL } else { "" })
        .replace("{secrets}", &secrets)
        .replace("{folders}", &folders.join(" "))
        .replace("{unit}", &literal(&unit))
        .replace("{config}", &fleet.toml)
}

/// The image has an SSH server of its own.
fn takes_port_of_sshd(fleet: &Fleet) -> bool {
    crate::cli::listing::control(&fleet.config).contains(&(SSH_PORT, SSH_PORT))
}

/// One word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", literal(&path.to_string_lossy()).replace('\'', r"'\''"))
}

/// Whatever fails ends it, and the stack hears of it. The user has the same number on all nodes, for it owns files
/// that all of them see.
const TEMPLATE: &str = r#"#!/bin/sh
# Makes a node of Flotilla of this instance.
set -eu
umask 022
export AWS_DEFAULT_REGION='${AWS::Region}'

signal() {
    /opt/aws/bin/cfn-signal --exit-code "$1" --stack '${AWS::StackName}' --resource {resource} \
        --region '${AWS::Region}'
}
trap 'signal "$?"' EXIT

# Tries a command until it works, six times in a minute and a half.
again() {
    for pause in 2 4 8 16 32 64; do
        if "$@"; then return 0; fi
        sleep "$pause"
    done
    return 1
}

download() {
    case "$1" in
        s3://*) aws s3 cp --only-show-errors "$1" "$2" ;;
        *) curl --fail --silent --show-error --location --proto '=https' --output "$2" "$1" ;;
    esac
}

secret() {
    install -o flotilla -g flotilla -m 0600 /dev/null "$2" &&
        aws secretsmanager get-secret-value --secret-id "$1" --query SecretString \
            --output text >"$2"
}

groupadd --gid 10021 flotilla
useradd --uid 10021 --gid 10021 --no-create-home --home-dir /var/lib/flotilla \
    --shell /sbin/nologin flotilla

again download '${Program}' {program}.new
echo '${ProgramSha256}  {program}.new' | sha256sum --check --status
chmod 0755 {program}.new
mv {program}.new {program}

# Nobody else gets a passive port by chance.
echo 'net.ipv4.ip_local_reserved_ports = {ports}' >/etc/sysctl.d/90-flotilla.conf
sysctl --quiet -p /etc/sysctl.d/90-flotilla.conf
{shell}
again dnf --assumeyes --quiet install amazon-efs-utils
mkdir --parents {mount} {folder}
echo '${Files}:/ {mount} efs _netdev,noresvport,tls 0 0' >>/etc/fstab
again mount {mount}
install -d -o flotilla -g flotilla -m 0750 {mount} {folders}

{secrets}
cat >{folder}/flotilla.toml <<'END_OF_FILE'
{config}END_OF_FILE

cat >/etc/systemd/system/flotilla.service <<'END_OF_FILE'
{unit}END_OF_FILE

systemctl daemon-reload
systemctl enable --now flotilla.service
again {program} ping
"#;
const SHELL: &str = "
# Its port is for SFTP; the image may have none.
systemctl disable --now sshd.service || true
";
const PROGRAM: &str = "/usr/local/bin/flotilla";
const SSH_PORT: u16 = 22;

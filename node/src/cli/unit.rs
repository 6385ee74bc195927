//! The systemd unit: what the configuration needs and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::ConfigArgs;
use crate::config::Config;

/// The text of the unit. Flags are carried over; the folders that are written are listed.
pub(super) fn unit(program: &Path, args: &ConfigArgs, config: &Config) -> String {
    let mut flags = String::new();
    if let Some(file) = &args.config {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let _ = write!(flags, " --config {}", quoted(&file.to_string_lossy()));
    }
    for (key, value) in args.flags() {
        let _ = write!(flags, " --set {}", quoted(&format!("{key}={value}")));
    }
    let mut writable = vec![config.node.data_dir.clone(), config.storage.root.clone()];
    writable.extend(config.hosts.iter().filter_map(|host| host.root.clone()));
    let files = config.telemetry.xferlog.iter().chain([&config.users.file]);
    writable.extend(files.filter_map(|file| Some(file.parent()?.to_owned())));
    let homes = ["/home", "/root", "/run/user"];
    let in_homes = writable.iter().any(|path| homes.iter().any(|home| path.starts_with(home)));
    // The minute above the drain is for what comes after it: closing files, the last log lines.
    let drain = config.timeouts.drain.saturating_add(crate::ingress::drain_notice(config));
    let stop_s = drain.as_secs().saturating_add(60);
    TEMPLATE
        .replace("{program}", &quoted(&program.to_string_lossy()))
        .replace("{flags}", &flags)
        .replace("{stop_s}", &stop_s.to_string())
        .replace("{protect_home}", if in_homes { "no" } else { "yes" })
        .replace("{writable}", &outermost(writable).join(" "))
}

/// The paths without those that lie under another, as systemd reads them.
fn outermost(mut paths: Vec<PathBuf>) -> Vec<String> {
    paths.sort();
    paths.dedup_by(|path, shorter| path.starts_with(shorter));
    paths.iter().map(|path| quoted(&path.to_string_lossy())).collect()
}

/// One word of a unit: `%` doubled, quoted where it needs to be.
fn quoted(text: &str) -> String {
    let text = text.replace('%', "%%");
    if text.contains([' ', '\t', '"', '\\', '\'', '$']) {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
        format!("\"{text}\"")
    } else {
        text
    }
}

/// Exit code 2 is a configuration that a restart can not heal. Home folders, devices and the rest
/// of the system stay out of sight; what must be written is listed.
const TEMPLATE: &str = "[Unit]
Description=Flotilla file-transfer server
After=network-online.target remote-fs.target
Wants=network-online.target

[Service]
Type=exec
ExecStartPre={program} check{flags}
ExecStart={program} serve{flags}
ExecReload={program} check{flags}
ExecReload=/bin/kill -HUP $MAINPID
User=flotilla
Group=flotilla
StateDirectory=flotilla
StateDirectoryMode=0750
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2
KillMode=mixed
TimeoutStopSec={stop_s}
LimitNOFILE=1048576

AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={writable}
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0022

[Install]
WantedBy=multi-user.target
";

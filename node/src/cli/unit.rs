//! The systemd unit: what the configuration needs and nothing else.

use std::path::{Path, PathBuf};

use super::ConfigArgs;
use crate::config::Config;

/// The text of the unit.
pub(super) fn unit(program: &Path, args: &ConfigArgs, config: &Config) -> String {
    let config_flag = args
        .config
        .as_ref()
        .map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()))
        .map(|file| format!(" --config {}", quoted(&file)))
        .unwrap_or_default();
    let mut writable = vec![config.node.data_dir.clone(), config.storage.root.clone()];
    writable.extend(config.hosts.iter().filter_map(|host| host.root.clone()));
    writable.extend(config.users.file.parent().map(Path::to_owned));
    writable
        .extend(config.telemetry.xferlog.iter().filter_map(|file| Some(file.parent()?.to_owned())));
    // The minute above the drain is for what comes after it: closing files, the last log lines.
    let stop_s = config.timeouts.drain.as_secs().saturating_add(60);
    TEMPLATE
        .replace("@program@", &quoted(program))
        .replace("@config@", &config_flag)
        .replace("@stop_s@", &stop_s.to_string())
        .replace("@data_dir@", &quoted(&config.node.data_dir))
        .replace("@writable@", &outermost(writable).join(" "))
}

/// The paths without those that lie under another, as systemd reads them.
fn outermost(mut paths: Vec<PathBuf>) -> Vec<String> {
    paths.sort();
    paths.dedup_by(|path, shorter| path.starts_with(shorter));
    paths.iter().map(|path| quoted(path)).collect()
}

/// One word of a unit: `%` doubled, quoted where it needs to be.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy().replace('%', "%%");
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
ExecStartPre=@program@ check@config@
ExecStart=@program@ serve@config@
ExecReload=@program@ check@config@
ExecReload=kill -HUP $MAINPID
User=flotilla
Group=flotilla
Environment=FLOTILLA_NODE__DATA_DIR=@data_dir@
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2
KillMode=mixed
TimeoutStopSec=@stop_s@
LimitNOFILE=1048576

AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=@writable@
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
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

//! What no single value can tell: settings that contradict each other, files that are not there.

use std::collections::HashSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Fault, Origin, Problem};
use super::origins::Origins;
use super::{Config, DataPeer, DataReuse, DnsCheck, Mode, Proxy, Store, TlsMode};
use crate::auth::Secret;
use crate::secret::{self, Rule};

/// Notes all settings that do not go together.
pub(super) fn contradictions(config: &Config, origins: &Origins, problems: &mut Vec<Problem>) {
    let mut check = Check { origins, problems };
    listeners(config, &mut check);
    tls(config, &mut check);
    pool(config, &mut check);
    ingress(config, &mut check);
    aws(config, &mut check);
    hosts(config, &mut check);
    places(config, &mut check);
}

/// Whether every file that the configuration names can be opened: certificates, keys, authorities; and
/// whether the secrets are.
///
/// # Errors
/// All that can not be, with the key that names each.
pub fn check_files(config: &Config, origins: &Origins) -> Result<(), ConfigError> {
    let mut problems = Vec::new();
    let mut check = Check { origins, problems: &mut problems };
    for (key, path) in [
        ("tls.certificate", &config.tls.certificate),
        ("tls.key", &config.tls.key),
        ("tls.client_ca", &config.tls.client_ca),
    ] {
        if let Some(path) = path {
            check.readable(origins.of(key), key, path);
        }
    }
    for path in &config.tls.client_crl {
        check.readable(origins.of("tls.client_crl"), "tls.client_crl", path);
    }
    let ssh = &config.ssh;
    for (key, paths) in [("ssh.host_keys", &ssh.host_keys), ("ssh.user_ca_keys", &ssh.user_ca_keys)]
    {
        for path in paths {
            check.readable(origins.of(key), key, path);
        }
    }
    if let Some(path) = &ssh.revoked_keys {
        check.readable(origins.of("ssh.revoked_keys"), "ssh.revoked_keys", path);
    }
    if let Some(path) = &config.pool.store_ca {
        check.readable(origins.of("pool.store_ca"), "pool.store_ca", path);
    }
    secrets(config, &mut check);
    for (host, (head, _)) in config.hosts.iter().zip(&origins.hosts) {
        for (key, path) in [("host.certificate", &host.certificate), ("host.key", &host.key)] {
            if let Some(path) = path {
                check.readable(head, key, path);
            }
        }
    }
    ConfigError::unless_empty((), problems)
}

fn secrets(config: &Config, check: &mut Check<'_>) {
    let (pool, admin) = (&config.pool, &config.admin);
    check.secret("pool.store_password_file", &pool.store_password_file, &secret::STORE_PASSWORD);
    check.secret("pool.secret_file", &pool.secret_file, &secret::POOL);
    let headers = &config.telemetry.otlp_headers_file;
    check.secret("telemetry.otlp_headers_file", headers, &secret::HEADERS);
    let operator = check.secret("admin.token_file", &admin.token_file, &secret::TOKEN);
    let reader = check.secret("admin.read_token_file", &admin.read_token_file, &secret::TOKEN);
    let (Some(operator), Some(reader)) = (operator, reader) else { return };
    if operator.expose() == reader.expose() {
        check.wrong(
            "admin.read_token_file",
            "holds the token of admin.token_file, with which everything is allowed",
        );
    }
}

fn listeners(config: &Config, check: &mut Check<'_>) {
    let ftp = &config.ftp;
    if ftp.listen.is_empty() && ftp.implicit_tls.is_empty() && config.ssh.listen.is_empty() {
        check.wrong(
            "ftp.listen",
            "no listener at all: ftp.implicit_tls and ssh.listen are empty as well, so nobody could \
             connect",
        );
    }
    let mut seen = HashSet::<SocketAddr>::new();
    let addresses = std::iter::empty()
        .chain(ftp.listen.iter().map(|address| ("ftp.listen", *address)))
        .chain(ftp.implicit_tls.iter().map(|address| ("ftp.implicit_tls", *address)))
        .chain(config.ssh.listen.iter().map(|address| ("ssh.listen", *address)))
        .chain(config.health.listen.map(|address| ("health.listen", address)))
        .chain(config.health.tcp.map(|address| ("health.tcp", address)))
        .chain(config.relay.listen.map(|address| ("relay.listen", address)));
    for (key, address) in addresses.filter(|(_, address)| address.port() != 0) {
        if !seen.insert(address) {
            check.wrong(key, &format!("{address} is listened on twice"));
        }
        let ports = ftp.passive_ports;
        if (ports.first()..=ports.last()).contains(&address.port()) {
            check.wrong(
                key,
                &format!(
                    "port {} lies in ftp.passive.ports, {}-{}",
                    address.port(),
                    ports.first(),
                    ports.last()
                ),
            );
        }
    }
}

fn tls(config: &Config, check: &mut Check<'_>) {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(_), None) => check.wrong("tls.certificate", "needs tls.key, which is empty"),
        (None, Some(_)) => check.wrong("tls.key", "needs tls.certificate, which is empty"),
        _ => {}
    }
    if config.tls.client_ca.is_none() && !config.tls.client_crl.is_empty() {
        check.wrong("tls.client_crl", "needs tls.client_ca, which is empty");
    }
    let ftp = &config.ftp;
    if ftp.tls != TlsMode::Off || !ftp.implicit_tls.is_empty() {
        return;
    }
    let without = "needs TLS, but ftp.tls is \"off\" and ftp.implicit_tls is empty";
    if ftp.data_reuse == DataReuse::Require {
        check.wrong("ftp.passive.data_reuse", &format!("\"require\" {without}"));
    }
    if ftp.data_peer == DataPeer::Tls {
        check.wrong("ftp.passive.data_peer", &format!("\"tls\" {without}"));
    }
    if config.tls.client_ca.is_some() {
        check.wrong("tls.client_ca", without);
    }
}

fn pool(config: &Config, check: &mut Check<'_>) {
    let pool = &config.pool;
    if pool.store_password_file.is_some() && pool.store == Store::Embedded {
        check.wrong("pool.store_password_file", "pool.store is \"embedded\", which takes none");
    }
    if pool.store_ca.is_some() && !pool.store.is_tls() {
        check.wrong("pool.store_ca", "pool.store is not reached over TLS (rediss://)");
    }
}

fn ingress(config: &Config, check: &mut Check<'_>) {
    let Config { ingress, ftp, pool, .. } = config;
    for (address, _) in &ingress.listeners {
        if !ftp.listen.iter().chain(&ftp.implicit_tls).any(|listener| listener == address) {
            let message = format!("{address} is in neither ftp.listen nor ftp.implicit_tls");
            check.wrong("ingress.listeners", &message);
        }
    }
    for (key, proxy) in [
        ("ingress.proxy_protocol", ingress.proxy_protocol),
        ("ingress.data_proxy_protocol", ingress.data_proxy_protocol),
    ] {
        if proxy != Proxy::Off && ingress.balancers.is_empty() {
            check.wrong(
                key,
                "needs ingress.balancers, which is empty: no header is believed from others",
            );
        }
    }
    let modes = ingress.listeners.iter().map(|(_, mode)| *mode).chain([ingress.mode]);
    if modes.into_iter().all(|mode| mode != Mode::Shared) || pool.store == Store::Embedded {
        return;
    }
    if pool.secret_file.is_none() {
        check.wrong(
            "ingress.mode",
            "\"shared\" needs pool.secret_file, which proves nodes to each other, and it is empty",
        );
    }
    if config.relay.listen.is_none() {
        check.wrong("ingress.mode", "\"shared\" needs relay.listen, which is empty");
    }
}

fn aws(config: &Config, check: &mut Check<'_>) {
    let Config { aws, ftp, ssh, health, .. } = config;
    if !aws.enabled {
        return;
    }
    if !cfg!(feature = "aws") {
        check.wrong("aws.enabled", "this program was built without the feature aws");
    }
    let (Some(_), key) = (&aws.dns_name, "aws.dns_check") else { return };
    match aws.dns_check {
        DnsCheck::Health if health.tcp.is_none() => check.wrong(
            key,
            "health checks connect to health.tcp, which is empty: set it, or choose \"ftp\", \
             \"ssh\" or \"off\"",
        ),
        DnsCheck::Ftp if ftp.listen.is_empty() && ftp.implicit_tls.is_empty() => {
            check.wrong(key, "ftp.listen and ftp.implicit_tls are empty");
        }
        DnsCheck::Ssh if ssh.listen.is_empty() => check.wrong(key, "ssh.listen is empty"),
        _ => {}
    }
}

fn hosts(config: &Config, check: &mut Check<'_>) {
    let mut seen = HashSet::new();
    for (host, (head, _)) in config.hosts.iter().zip(&check.origins.hosts) {
        if !seen.insert(&host.name) {
            let message = format!("\"{}\" stands in two [[host]]", host.name);
            check.wrong_at(head, "host.name", &message);
        }
        match (&host.certificate, &host.key) {
            (Some(_), None) => {
                check.wrong_at(head, "host.certificate", "needs host.key, which is empty");
            }
            (None, Some(_)) => {
                check.wrong_at(head, "host.key", "needs host.certificate, which is empty");
            }
            _ => {}
        }
    }
}

/// Nothing of the node's own may lie where users can read or write it.
fn places(config: &Config, check: &mut Check<'_>) {
    let server = ("storage.root", check.origins.of("storage.root").clone(), &config.storage.root);
    let roots = config
        .hosts
        .iter()
        .zip(&check.origins.hosts)
        .filter_map(|(host, (head, _))| Some(("host.root", head.clone(), host.root.as_ref()?)));
    let host_keys = config.hosts.iter().filter_map(|host| Some(("host.key", host.key.as_ref()?)));
    let private = [("node.data_dir", &config.node.data_dir), ("users.file", &config.users.file)]
        .into_iter()
        .chain(config.tls.key.as_ref().map(|key| ("tls.key", key)))
        .chain(config.ssh.host_keys.iter().map(|key| ("ssh.host_keys", key)))
        .chain(host_keys)
        .chain(secret_files(config))
        .collect::<Vec<_>>();
    for (key, origin, root) in std::iter::once(server).chain(roots) {
        for (secret, path) in private.iter().filter(|(_, path)| lies_in(path, root)) {
            let (root, path) = (root.display(), path.display());
            let message = format!("{root} would show users {secret}, {path}");
            check.wrong_at(&origin, key, &message);
        }
    }
}

/// The files that hold secrets, with their keys.
fn secret_files(config: &Config) -> impl Iterator<Item = (&'static str, &PathBuf)> {
    let (pool, admin) = (&config.pool, &config.admin);
    [
        ("pool.store_password_file", &pool.store_password_file),
        ("pool.secret_file", &pool.secret_file),
        ("admin.token_file", &admin.token_file),
        ("admin.read_token_file", &admin.read_token_file),
        ("telemetry.otlp_headers_file", &config.telemetry.otlp_headers_file),
    ]
    .into_iter()
    .filter_map(|(key, path)| Some((key, path.as_ref()?)))
}

/// Whether `path` is `folder` or lies in it, by name or, where both exist, by what the names lead
/// to.
fn lies_in(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder)
        || matches!(
            (path.canonicalize(), folder.canonicalize()),
            (Ok(path), Ok(folder)) if path.starts_with(&folder)
        )
}

/// Where problems are noted.
struct Check<'a> {
    origins: &'a Origins,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    fn wrong(&mut self, key: &str, message: &str) {
        self.wrong_at(self.origins.of(key), key, message);
    }

    fn wrong_at(&mut self, origin: &Origin, key: &str, message: &str) {
        self.problems.push(Problem {
            origin: origin.clone(),
            key: key.to_owned(),
            fault: Fault::Contradiction(message.to_owned()),
        });
    }

    fn readable(&mut self, origin: &Origin, key: &str, path: &Path) {
        let opened = File::open(path).and_then(|file| file.metadata());
        let reason = match opened {
            Ok(metadata) if metadata.is_file() => return,
            Ok(_) => "not a plain file".to_owned(),
            Err(error) => error.to_string(),
        };
        let fault = Fault::Unreadable { path: path.to_owned(), reason };
        self.problems.push(Problem { origin: origin.clone(), key: key.to_owned(), fault });
    }

    /// The secret in a file, if one is named and it is sound.
    fn secret(&mut self, key: &str, path: &Option<PathBuf>, rule: &Rule) -> Option<Secret> {
        let path = path.as_ref()?;
        let reason = match secret::read(path, rule) {
            Ok(secret) => return Some(secret),
            Err(reason) => reason,
        };
        let origin = self.origins.of(key).clone();
        let fault = Fault::Unfit { path: path.clone(), reason };
        self.problems.push(Problem { origin, key: key.to_owned(), fault });
        None
    }
}

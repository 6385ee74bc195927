//! Relative names become absolute, so that nothing depends on the working directory later.

use std::path::{Path, PathBuf};

use super::Config;
use super::error::Origin;
use super::origins::{Origins, Settings};

/// Makes every path absolute. The data folder, certificates, keys and secrets start at the folder of the file that
/// names them (at the working directory when no file does), the users file and storage roots at
/// the data folder.
pub(super) fn resolve(config: &mut Config, origins: &Origins) {
    let beside = |key: &str, path: &Path| beside(origins.of(key), path);
    config.node.data_dir = beside("node.data_dir", &config.node.data_dir);
    let data_dir = config.node.data_dir.clone();
    config.users.file = data_dir.join(&config.users.file);
    config.storage.root = data_dir.join(&config.storage.root);
    for (key, path) in [
        ("tls.certificate", &mut config.tls.certificate),
        ("tls.key", &mut config.tls.key),
        ("tls.client_ca", &mut config.tls.client_ca),
        ("ssh.revoked_keys", &mut config.ssh.revoked_keys),
        ("pool.store_password_file", &mut config.pool.store_password_file),
        ("pool.store_ca", &mut config.pool.store_ca),
        ("pool.secret_file", &mut config.pool.secret_file),
        ("admin.token_file", &mut config.admin.token_file),
        ("admin.read_token_file", &mut config.admin.read_token_file),
        ("telemetry.xferlog", &mut config.telemetry.xferlog),
        ("telemetry.otlp_headers_file", &mut config.telemetry.otlp_headers_file),
        ("telemetry.otlp_ca", &mut config.telemetry.otlp_ca),
    ] {
        *path = path.take().map(|path| beside(key, &path));
    }
    for (key, paths) in [
        ("ssh.host_keys", &mut config.ssh.host_keys),
        ("ssh.user_ca_keys", &mut config.ssh.user_ca_keys),
    ] {
        for path in paths {
            *path = beside(key, path);
        }
    }
    for path in &mut config.tls.client_crl {
        *path = beside("tls.client_crl", path);
    }
    for (host, (_, settings)) in config.hosts.iter_mut().zip(&origins.hosts) {
        host.root = host.root.take().map(|root| data_dir.join(root));
        host.certificate =
            host.certificate.take().map(|path| in_host(settings, "host.certificate", &path));
        host.key = host.key.take().map(|path| in_host(settings, "host.key", &path));
    }
}

fn in_host(settings: &Settings, key: &str, path: &Path) -> PathBuf {
    beside(settings.get(key).map_or(&Origin::Default, |setting| &setting.origin), path)
}

fn beside(origin: &Origin, path: &Path) -> PathBuf {
    let path = origin.folder().map_or_else(|| path.to_owned(), |folder| folder.join(path));
    // Fails only where there is no working directory any more: the name stays as it is.
    std::path::absolute(&path).unwrap_or(path)
}

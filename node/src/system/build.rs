//! From the configuration to what the actors run on.

use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use actix_rt::Arbiter;
use flotilla_cluster::admission::Limits;
use flotilla_cluster::ban::Rules;
use tracing::warn;

use crate::auth::trust::Trust;
use crate::auth::users::Users;
use crate::auth::worker::Workers;
use crate::auth::{chain, demo};
use crate::cli::print;
use crate::config::Config;
use crate::error::ServeError;
use crate::log::XferLog;
use crate::policy::{Policy, settings};
use crate::ports::PeerPolicy;
use crate::ssh::Transport;
use crate::storage::Storages;
use crate::threshold;

/// Builds the policy of a configuration; what lives on over a reload comes from the old one.
pub(super) fn policy(config: Config, old: Option<&Policy>) -> Result<Policy, ServeError> {
    let storages = match old {
        Some(old) => Arc::clone(&old.storages),
        None => Arc::new(Storages::open(&config)?),
    };
    let hashers = match old {
        Some(old) => Arc::clone(&old.hashers),
        None => Workers::start().map_err(|error| ServeError::Runtime(error.to_string()))?,
    };
    if old.is_none() {
        make_first_user(&config)?;
    }
    let trust = Trust::load(&config.ssh)?;
    let users = Users::load(&config.users.file, Arc::clone(&hashers), trust)?;
    let authenticator = chain::standard(users, config.ftp.anonymous);
    let xferlog = match &config.telemetry.xferlog {
        Some(path) => Some(xferlog(path, old)?),
        None => None,
    };
    let ssh = match config.ssh.listen.is_empty() {
        true => None,
        false => Some(Arc::new(Transport::new(&config, &*authenticator)?)),
    };
    Ok(Policy {
        settings: Arc::new(settings(&config, true)),
        settings_balanced: Arc::new(settings(&config, false)),
        authenticator,
        hashers,
        storages,
        peers: PeerPolicy::new(&config.ftp.data_peer),
        rates: old.map(|old| Arc::clone(&old.rates)).unwrap_or_default(),
        ssh,
        xferlog,
        config,
    })
}

/// Makes the users file with its first user where there is none, at the start of the node only: a name that is
/// mistyped in a reload must not open a door.
fn make_first_user(config: &Config) -> Result<(), ServeError> {
    let path = &config.users.file;
    let made = demo::ensure(path).map_err(|error| {
        ServeError::Runtime(format!("can not make the users file {}: {error}", path.display()))
    })?;
    match made {
        Some((name, password)) => print(&format!("user: {name}\npassword: {password}\n")),
        None => Ok(()),
    }
}

/// The transfer log: the one in use if the file is the same.
fn xferlog(path: &Path, old: Option<&Policy>) -> Result<Arc<XferLog>, ServeError> {
    let same = old.filter(|old| old.config.telemetry.xferlog.as_deref() == Some(path));
    if let Some(log) = same.and_then(|old| old.xferlog.as_ref()) {
        return Ok(Arc::clone(log));
    }
    let log = XferLog::open(path)
        .map_err(|source| ServeError::Storage { path: path.to_owned(), source })?;
    Ok(Arc::new(log))
}

/// Keys that differ and take effect at the next start only.
pub(super) fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let mut keys = Vec::new();
    let mut compare = |key, same: bool| {
        if !same {
            keys.push(key);
        }
    };
    compare("node.data_dir", old.node.data_dir == new.node.data_dir);
    compare("node.workers", old.node.workers == new.node.workers);
    compare("ftp.listen", old.ftp.listen == new.ftp.listen);
    compare("ftp.implicit_tls", old.ftp.implicit_tls == new.ftp.implicit_tls);
    compare("ssh.listen", old.ssh.listen == new.ssh.listen);
    compare("ftp.passive.ports", old.ftp.passive_ports == new.ftp.passive_ports);
    compare("ftp.passive.block", old.ftp.passive_block == new.ftp.passive_block);
    compare("ingress.mode", old.ingress.mode == new.ingress.mode);
    compare("ingress.listeners", old.ingress.listeners == new.ingress.listeners);
    compare("aws.enabled", old.aws.enabled == new.aws.enabled);
    compare("aws.metadata", old.aws.metadata == new.aws.metadata);
    compare("relay.listen", old.relay.listen == new.relay.listen);
    compare("relay.address", old.relay.address == new.relay.address);
    compare("relay.connections", old.relay.connections == new.relay.connections);
    compare("node.zone", old.node.zone == new.node.zone);
    let (pool, new_pool) = (&old.pool, &new.pool);
    compare("pool.name", pool.name == new_pool.name);
    compare("pool.store", pool.store == new_pool.store);
    let same_password = pool.store_password_file == new_pool.store_password_file;
    compare("pool.store_password_file", same_password);
    compare("pool.store_ca", pool.store_ca == new_pool.store_ca);
    compare("pool.secret_file", pool.secret_file == new_pool.secret_file);
    compare("pool.shared_storage", pool.shared_storage == new_pool.shared_storage);
    compare("storage.root", old.storage.root == new.storage.root);
    compare("storage.atomic_uploads", old.storage.atomic_uploads == new.storage.atomic_uploads);
    compare("storage.umask", old.storage.umask == new.storage.umask);
    compare("storage.on_abort", old.storage.on_abort == new.storage.on_abort);
    compare("storage.reserve", old.storage.reserve == new.storage.reserve);
    compare("storage.timeout", old.storage.timeout == new.storage.timeout);
    compare("storage.partial_max_age", old.storage.partial_max_age == new.storage.partial_max_age);
    compare("limits.connections", old.limits.connections == new.limits.connections);
    compare("health.tcp", old.health.tcp == new.health.tcp);
    compare("node.id", old.node.id == new.node.id);
    compare("telemetry.top_users", old.telemetry.top_users == new.telemetry.top_users);
    compare("telemetry.log", old.telemetry.log == new.telemetry.log);
    compare("health.listen", old.health.listen == new.health.listen);
    let (telemetry, new) = (&old.telemetry, &new.telemetry);
    compare("telemetry.otlp_endpoint", telemetry.otlp_endpoint == new.otlp_endpoint);
    compare("telemetry.otlp_protocol", telemetry.otlp_protocol == new.otlp_protocol);
    compare("telemetry.otlp_signals", telemetry.otlp_signals == new.otlp_signals);
    compare("telemetry.otlp_headers_file", telemetry.otlp_headers_file == new.otlp_headers_file);
    compare("telemetry.otlp_ca", telemetry.otlp_ca == new.otlp_ca);
    compare("telemetry.otlp_timeout", telemetry.otlp_timeout == new.otlp_timeout);
    compare("telemetry.metrics_interval", telemetry.metrics_interval == new.metrics_interval);
    compare("telemetry.sample", telemetry.sample == new.sample);
    compare("telemetry.slow_transfer", telemetry.slow_transfer == new.slow_transfer);
    keys
}

/// `node.workers`, or one arbiter per core.
pub(super) fn arbiter_count(config: &Config) -> usize {
    match config.node.workers {
        0 => available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// One arbiter: its own thread, its own reactor, its own bounded blocking pool.
pub(super) fn arbiter() -> Result<Arbiter, ServeError> {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build()
    };
    Arbiter::try_with_tokio_rt(runtime)
        .map_err(|error| ServeError::Runtime(format!("an arbiter can not start: {error}")))
}

/// How many control connections the node takes: `limits.connections`, or what the descriptors allow beside those that
/// ports of the pool may take (`shared`).
pub(super) fn connections_max(config: &Config, descriptors: u64, shared: usize) -> usize {
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    let kept = DESCRIPTORS_KEPT.min(descriptors / 4) + shared.min(descriptors / 2);
    let allowed = (descriptors - kept) / 8 * 7;
    let wanted = config.limits.connections as usize;
    if wanted > allowed || wanted == 0 && allowed < CONNECTIONS_FEW {
        warn!(
            "limits.connections" = wanted,
            descriptors,
            connections = allowed,
            "the limit of open files is low (LimitNOFILE of systemd, ulimit -Hn), the node takes fewer connections"
        );
    }
    match wanted {
        0 => allowed.max(1),
        connections => connections.min(allowed).max(1),
    }
}

/// How many may be connected without a login.
pub(super) fn threshold(config: &Config, connections_max: usize) -> threshold::Limits {
    let node = match config.limits.unauthenticated {
        0 => u32::try_from(connections_max / UNAUTHENTICATED_PART)
            .unwrap_or(u32::MAX)
            .max(UNAUTHENTICATED_MIN),
        connections => connections,
    };
    threshold::Limits { node, per_address: config.limits.unauthenticated_per_address }
}

/// How many SSH connections may be there without a login.
pub(super) fn startups(config: &Config) -> threshold::Limits {
    threshold::Limits { node: config.ssh.startups, per_address: 0 }
}

/// The limits of admission.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        sessions: config.limits.sessions,
        per_user: config.limits.per_user,
        per_address: config.limits.per_address,
        logins_per_second: config.limits.logins_per_second,
    }
}

/// The rules of bans.
pub(super) fn rules(config: &Config) -> Rules {
    Rules {
        ban_after: config.limits.ban_after,
        ban_window: config.limits.ban_window,
        ban_for: config.limits.ban_for,
        // Who fails behind a balancer that does not say who it is must not take all others along.
        exempt: config.ingress.balancers.to_vec(),
    }
}

/// With `limits.connections = 0`, a node that takes fewer says so: nobody limits it to that on purpose.
const CONNECTIONS_FEW: usize = 1000;

/// A quarter of all connections may be strangers': a login takes milliseconds, so that many are at it at once only in
/// a rush, such as all clients coming back after an outage.
const UNAUTHENTICATED_PART: usize = 4;

/// What a small `limits.connections` leaves to strangers.
const UNAUTHENTICATED_MIN: u32 = 64;

/// Threads for blocking file work per arbiter: enough to keep a disk queue busy; lanes bound each storage below that.
const BLOCKING_THREADS: usize = 512;

/// Descriptors kept for listeners, logs and the runtime, at most a quarter of all, and for ports of the pool at most half
/// of them. An eighth of the rest is kept for transfers: an
/// idle session has one descriptor, a transferring one up to six.
const DESCRIPTORS_KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    #[test]
    fn ports_of_the_pool_have_descriptors_of_their_own() {
        let (config, _) = load_flags(&[]).unwrap();
        assert_eq!(connections_max(&config, 100_256, 0), 87_500);
        assert_eq!(connections_max(&config, 100_256, 20_000), 70_000);
        assert_eq!(connections_max(&config, 4_096, 20_000), (4_096 - 256 - 2_048) / 8 * 7);
        assert_eq!(connections_max(&config, 4, 20_000), 1);
    }
}

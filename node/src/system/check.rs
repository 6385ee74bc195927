//! What `flotilla check` judges beyond the text of the configuration: the files that it names.

use crate::address;
use crate::auth::trust::Trust;
use crate::auth::users;
use crate::config::Config;
use crate::error::ServeError;
use crate::ports::ephemeral;
use crate::ssh::host_key;
use crate::storage::Storages;
use crate::tls;

/// Judges certificates, host keys, users and storage roots as the start would; makes nothing.
pub(crate) fn check(config: &Config) -> Result<(), ServeError> {
    tls::Store::check(&config.tls, &config.hosts)?;
    host_key::check(&config.ssh)?;
    Trust::load(&config.ssh)?;
    let users = &config.users.file;
    if users.exists() {
        users::check(users)?;
    }
    // A root in the data folder is made at the start, if it is missing.
    if config.storage.root.exists() || !config.storage.root.starts_with(&config.node.data_dir) {
        Storages::open(config)?;
    }
    Ok(())
}

/// What does not keep a node from running, and its operator should know; a sentence or two each.
pub(crate) fn notes(config: &Config) -> Vec<String> {
    let ports = ephemeral::look(config.ftp.passive_ports);
    ports.iter().map(ToString::to_string).chain(address::advice(config)).collect()
}

/// Says the same to the log, at the start.
pub(super) fn warn(config: &Config) {
    ephemeral::warn(config.ftp.passive_ports);
    address::warn(config);
}

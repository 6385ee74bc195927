//! What the transport is told: keys, algorithms, limits.

use std::sync::Arc;
use std::time::Duration;

use russh::SshId;
use russh::server::Config;
use tracing::info;

use super::algorithm::{self, Signatures};
use super::host_key::{self, HostKeyError};
use crate::auth::Authenticator;
use crate::config;

/// The transport's configuration; a reload makes a new one.
pub(crate) struct Transport {
    pub(super) config: Arc<Config>,
    pub(super) signatures: Signatures,
}

impl Transport {
    /// Loads or makes the host keys. Can take a second: not on an arbiter that serves.
    ///
    /// # Errors
    /// A host key that can not be read, made or understood.
    pub(crate) fn new(
        config: &config::Config,
        authenticator: &dyn Authenticator,
    ) -> Result<Self, HostKeyError> {
        let keys = host_key::load(config)?;
        for (algorithm, fingerprint) in keys.fingerprints() {
            info!(algorithm, fingerprint, "host key");
        }
        let ssh = &config.ssh;
        let transport = Config {
            server_id: SshId::Standard(SERVER_ID.into()),
            methods: algorithm::method_set(&authenticator.ssh_methods()),
            // Every judgement costs the same, whatever it says.
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: keys.keys().to_vec(),
            certificates: Vec::new(),
            limits: algorithm::limits(ssh),
            window_size: WINDOW_BYTES,
            maximum_packet_size: PACKET_BYTES_MAX,
            // The transport's own channels are not used: see `outlet`.
            channel_buffer_size: 1,
            event_buffer_size: LETTERS_MAX,
            preferred: algorithm::preferred(ssh, &keys),
            max_auth_attempts: ATTEMPTS_MAX,
            // The session has its own.
            inactivity_timeout: None,
            keepalive_interval: (!ssh.keepalive.is_zero()).then_some(ssh.keepalive),
            keepalive_max: KEEPALIVES_MAX,
            nodelay: true,
        };
        Ok(Self { config: Arc::new(transport), signatures: Signatures::new(ssh) })
    }
}

/// The version stays our own: a scanner need not know it.
const SERVER_ID: &str = "SSH-2.0-Flotilla";
/// What a client may send ahead on a channel: 640 Mbit/s at 100 ms. Nothing of it is kept by the transport.
const WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// The longest packet that clients may send; few send more than 32 KiB.
const PACKET_BYTES_MAX: u32 = 65_535;
/// Messages in the transport's queue; bytes are bounded before they get there.
const LETTERS_MAX: usize = 64;
/// Refusals of one connection, offered keys among them: agents hold a dozen. Wrong passwords are counted
/// by `limits.login_attempts`.
const ATTEMPTS_MAX: usize = 30;
/// Questions without an answer before a client is given up.
const KEEPALIVES_MAX: usize = 3;

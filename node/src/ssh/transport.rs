//! What the transport is told: keys, algorithms, limits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::Config;
use russh::{Limits, MethodSet, Preferred, SshId};
use tracing::info;

use super::algorithm::{self, Signatures};
use super::host_key::{self, HostKeyError};
use crate::auth::Authenticator;
use crate::config;

/// The transport's configuration; a reload makes a new one.
pub(crate) struct Transport {
    parts: Parts,
    /// As the last connection took it; another one is made when the policy of the pool changes.
    current: Mutex<Arc<Config>>,
    pub(super) signatures: Signatures,
    /// Digest of them.
    host_keys: u64,
}

/// What this node's configuration makes of it.
struct Parts {
    keys: Vec<PrivateKey>,
    methods: MethodSet,
    limits: Limits,
    preferred: Preferred,
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
        let parts = Parts {
            keys: keys.keys().to_vec(),
            methods: algorithm::method_set(&authenticator.ssh_methods()),
            limits: algorithm::limits(ssh),
            preferred: algorithm::preferred(ssh, &keys),
        };
        let current = Mutex::new(Arc::new(parts.config(None)));
        Ok(Self { parts, current, signatures: Signatures::new(ssh), host_keys: keys.digest() })
    }

    /// Of the host keys.
    pub(crate) fn host_keys(&self) -> u64 {
        self.host_keys
    }

    /// For a new connection, that asks a silent client so often whether it is there. A connection keeps what it
    /// began with: the transport reads it anew before each request, and can not be given another one.
    pub(super) fn config(&self, keepalive: Option<Duration>) -> Arc<Config> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.keepalive_interval != keepalive {
            *current = Arc::new(self.parts.config(keepalive));
        }
        Arc::clone(&current)
    }
}

impl Parts {
    fn config(&self, keepalive: Option<Duration>) -> Config {
        Config {
            server_id: SshId::Standard(SERVER_ID.into()),
            methods: self.methods.clone(),
            // Every judgement costs the same, whatever it says.
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: self.keys.clone(),
            certificates: Vec::new(),
            limits: self.limits.clone(),
            window_size: WINDOW_BYTES,
            maximum_packet_size: PACKET_BYTES_MAX,
            // The transport's own channels are not used: see `outlet`.
            channel_buffer_size: 1,
            event_buffer_size: LETTERS_MAX,
            preferred: self.preferred.clone(),
            max_auth_attempts: ATTEMPTS_MAX,
            // The session has its own.
            inactivity_timeout: None,
            keepalive_interval: keepalive,
            keepalive_max: KEEPALIVES_MAX,
            nodelay: true,
        }
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

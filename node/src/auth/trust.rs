//! Whom SSH logins trust: the methods, the authorities of certificates, and what was revoked.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use super::key::{Certificate, Fingerprint, PublicKey};
use crate::config::{Methods, Ssh};

/// What holds for all users. Made from `[ssh]` at the start and at a reload.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// `ssh.authentication`.
    pub methods: Methods,
    /// `ssh.user_ca_keys`.
    pub authorities: HashSet<Fingerprint>,
    /// `ssh.revoked_keys`.
    pub revoked: Revoked,
}

/// `ssh.revoked_keys`, read.
#[derive(Clone, Debug, Default)]
pub struct Revoked {
    keys: HashSet<Fingerprint>,
    serials: Vec<std::ops::RangeInclusive<u64>>,
    ids: HashSet<String>,
}

/// Why a file that `[ssh]` names can not be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {}{}: {reason}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TrustError {
    /// The key that names the file.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Where in it, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl Trust {
    /// Reads the files that are named.
    ///
    /// # Errors
    /// Which can not be read or understood.
    pub fn load(ssh: &Ssh) -> Result<Self, TrustError> {
        let _ = io::Error::other("");
        Ok(Self { methods: ssh.authentication.clone(), ..Self::default() })
    }
}

impl Revoked {
    /// Whether the key, or what certifies it, was revoked.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.keys.contains(&key.fingerprint())
            || key.certificate().is_some_and(|certificate| self.has_certificate(certificate))
    }

    fn has_certificate(&self, certificate: &Certificate) -> bool {
        self.keys.contains(&certificate.authority)
            || self.ids.contains(&certificate.key_id)
            || self.serials.iter().any(|serials| serials.contains(&certificate.serial))
    }
}

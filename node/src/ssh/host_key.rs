//! The keys by which clients know the node: the files of `ssh.host_keys`, those of its pool, or made once in the data
//! folder.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsDer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use russh::keys::signature::{Signer, Verifier};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, decode_secret_key};
use tracing::info;
use zeroize::Zeroizing;

use crate::auth::users::create;
use crate::config::{Config, Ssh};
use crate::secret::{Readers, guarded};

use aws_lc_rs::digest::{Context, SHA256};

use super::algorithm;

pub(crate) use shared::{SharedKeys, kept};

mod shared;

/// The host keys of a node, one per kind at most, and the algorithms that they are used by.
pub(crate) struct HostKeys {
    keys: Vec<PrivateKey>,
    algorithms: Vec<Algorithm>,
}

/// Why there are no host keys.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// A file can not be used.
    #[error("{key}: {}: {reason}", path.display())]
    File {
        /// The key of the configuration that leads to it.
        key: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There are keys, and none may be used.
    #[error("ssh.host_key_algorithms: none of the host keys fits any of {0}")]
    Unfit(String),
}

impl HostKeys {
    /// For russh.
    pub(crate) fn keys(&self) -> &[PrivateKey] {
        &self.keys
    }

    /// Algorithm and fingerprint of each, for the log.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = (String, String)> {
        self.keys
            .iter()
            .map(|key| (key.algorithm().to_string(), key.fingerprint(HashAlg::Sha256).to_string()))
    }

    /// Of all fingerprints: the same where a client sees the same keys.
    pub(crate) fn digest(&self) -> u64 {
        let mut prints: Vec<_> = self.fingerprints().collect();
        prints.sort_unstable();
        let mut context = Context::new(&SHA256);
        for (algorithm, print) in &prints {
            context.update(format!("{algorithm} {print}\n").as_bytes());
        }
        let digest = context.finish();
        let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(first)
    }

    /// What the keys sign by, the best first.
    pub(super) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    fn new(keys: Vec<PrivateKey>, algorithms: Vec<Algorithm>) -> Result<Self, HostKeyError> {
        let fit = |of: &Algorithm| keys.iter().any(|key| algorithm::fits(key, of));
        let (fitting, other): (Vec<_>, Vec<_>) = algorithms.into_iter().partition(fit);
        if fitting.is_empty() {
            let names: Vec<_> = other.iter().map(ToString::to_string).collect();
            return Err(HostKeyError::Unfit(names.join(", ")));
        }
        Ok(Self { keys, algorithms: fitting })
    }
}

impl std::fmt::Debug for HostKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.fingerprints()).finish()
    }
}

/// Loads the files that are named, or those in the data folder, of which what is missing is made
/// first. Reads files and can take a second: not on an arbiter that serves.
///
/// # Errors
/// A file that can not be read, made or understood.
pub(crate) fn load(config: &Config) -> Result<HostKeys, HostKeyError> {
    if !config.ssh.host_keys.is_empty() {
        return configured(&config.ssh);
    }
    let algorithms = algorithm::host_key_algorithms(&config.ssh, &[]);
    let wanted = |kind: &&Kind| algorithms.iter().any(|of| (kind.makes)(of));
    let keys = KINDS
        .iter()
        .filter(wanted)
        .map(|kind| load_or_make(kind, &config.node.data_dir))
        .collect::<Result<_, _>>()?;
    HostKeys::new(keys, algorithms)
}

/// Judges what is configured, without making anything.
///
/// # Errors
/// As [`load`].
pub(crate) fn check(ssh: &Ssh) -> Result<(), HostKeyError> {
    match ssh.host_keys.is_empty() {
        true => Ok(()),
        false => configured(ssh).map(drop),
    }
}

fn configured(ssh: &Ssh) -> Result<HostKeys, HostKeyError> {
    let mut keys: Vec<PrivateKey> = Vec::new();
    for path in &ssh.host_keys {
        let key = read(path).map_err(|reason| failed(CONFIGURED, path, reason))?;
        let kind = key.algorithm();
        if keys.iter().any(|other| other.algorithm() == kind) {
            let reason = format!("is a second {kind} key; clients would only ever see the first");
            return Err(failed(CONFIGURED, path, reason));
        }
        keys.push(key);
    }
    let algorithms = algorithm::host_key_algorithms(ssh, &keys);
    HostKeys::new(keys, algorithms)
}

fn load_or_make(kind: &Kind, data_dir: &Path) -> Result<PrivateKey, HostKeyError> {
    let path = data_dir.join(kind.file);
    let fail = |reason| failed(MADE, &path, reason);
    if let Err(error) = path.symlink_metadata() {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(fail(error.to_string()));
        }
        make(kind, &path).map_err(fail)?;
    }
    let key = read(&path).map_err(fail)?;
    tell_public(&key, &path).map_err(|error| fail(error.to_string()))?;
    Ok(key)
}

/// Makes a key under its name; where another process was faster, that one's stays.
fn make(kind: &Kind, path: &Path) -> Result<(), String> {
    let mut key = (kind.generate)()?;
    key.set_comment(COMMENT);
    let text = key.to_openssh(LineEnding::LF).map_err(|error| error.to_string())?;
    if create(path, &text).map_err(|error| error.to_string())? {
        info!(path = %path.display(), fingerprint = %key.fingerprint(HashAlg::Sha256), "host key made");
    }
    Ok(())
}

/// Writes the public key beside the private one, unless it is there.
fn tell_public(key: &PrivateKey, path: &Path) -> io::Result<()> {
    let path = path.with_extension("pub");
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let line = key.public_key().to_openssh().map_err(io::Error::other)?;
    create(&path, &format!("{line}\n")).map(drop)
}

fn read(path: &Path) -> Result<PrivateKey, String> {
    let mut text = Zeroizing::new(String::new());
    let file = File::open(path).map_err(|error| error.to_string())?;
    guarded(&file, Readers::Owner)?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let key = decode_secret_key(&text, None).map_err(|error| match error {
        russh::keys::Error::KeyIsEncrypted => {
            "is encrypted; a server can not ask for a passphrase: `ssh-keygen -p` takes it away"
                .to_owned()
        }
        error => format!("is no private key in OpenSSH's form: {error}"),
    })?;
    usable(&key)?;
    // An RSA key can be longer than the library takes.
    let signature = key.try_sign(PROBE).map_err(|_| "can not sign".to_owned())?;
    let fits = Verifier::verify(key.public_key(), PROBE, &signature);
    fits.map_err(|_| "its two halves do not fit each other".to_owned())?;
    Ok(key)
}

fn usable(key: &PrivateKey) -> Result<(), String> {
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(()),
        Algorithm::Rsa { .. } => {
            let modulus =
                key.key_data().rsa().and_then(|pair| pair.public().n().as_positive_bytes());
            match modulus.map_or(0, |modulus| modulus.len() * 8) {
                RSA_BITS_MIN.. => Ok(()),
                _ => Err("is an RSA key of less than 2048 bits".to_owned()),
            }
        }
        other => Err(format!("is a {other} key, by which no host can be known here")),
    }
}

/// A kind of key that is made.
struct Kind {
    file: &'static str,
    makes: fn(&Algorithm) -> bool,
    generate: fn() -> Result<PrivateKey, String>,
}

/// In the order in which they are offered. P-256 is made where `ssh.host_key_algorithms` lists it.
const KINDS: [Kind; 3] = [
    Kind {
        file: "ssh_host_ed25519_key",
        makes: |algorithm| *algorithm == Algorithm::Ed25519,
        generate: || random(Algorithm::Ed25519),
    },
    Kind {
        file: "ssh_host_ecdsa_key",
        makes: |algorithm| *algorithm == P256,
        generate: || random(P256),
    },
    Kind {
        file: "ssh_host_rsa_key",
        makes: |algorithm| matches!(algorithm, Algorithm::Rsa { .. }),
        generate: random_rsa,
    },
];

fn random(algorithm: Algorithm) -> Result<PrivateKey, String> {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm)
        .map_err(|error| error.to_string())
}

/// RSA with 3072 bits, from aws-lc: a tenth of the time that the portable code takes.
fn random_rsa() -> Result<PrivateKey, String> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa3072)
        .map_err(|error| error.to_string())?;
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair)
        .map_err(|error| error.to_string())?;
    let text = Zeroizing::new(STANDARD.encode(der.as_ref()));
    let pem = Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        *text
    ));
    decode_secret_key(&pem, None).map_err(|error| error.to_string())
}

fn failed(key: &'static str, path: &Path, reason: String) -> HostKeyError {
    HostKeyError::File { key, path: path.to_owned(), reason }
}

const P256: Algorithm = Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 };

/// What leads to a file that is named.
const CONFIGURED: &str = "ssh.host_keys";
/// What leads to a file that was made.
const MADE: &str = "node.data_dir";
/// Behind keys that are made: not the host's name, which may change.
const COMMENT: &str = "flotilla";
/// Signed to see whether a key can.
const PROBE: &[u8] = b"flotilla";
/// NIST SP 800-57: 112 bits of strength.
const RSA_BITS_MIN: usize = 2048;
/// An RSA key of 16384 bits takes 13 KiB.
const FILE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
pub(super) use tests::of;

#[cfg(test)]
mod tests;

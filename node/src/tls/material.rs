//! Certificates and keys in PEM files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use tracing::warn;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::TlsError;

/// What is known of a certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The host it is for; `"*"`: all that have none of their own.
    pub name: String,
    /// When it expires.
    pub not_after: SystemTime,
    /// SHA-256 of the DER form, upper-case hex with colons.
    pub fingerprint: String,
}

/// Loads a chain and its key; `section` names where they are configured.
pub(super) fn load(
    section: &str,
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let certificate_key = format!("{section}.certificate");
    let key_key = format!("{section}.key");
    let chain = certificates(&certificate_key, certificate)?;
    let private = private_key(&key_key, key)?;
    pair(&certificate_key, certificate, &key_key, key, chain, private, provider)
}

/// Loads a chain and its key from one file.
pub(super) fn load_one(
    section: &str,
    path: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(section, path)?;
    let private = private_key(section, path)?;
    pair(section, path, section, path, chain, private, provider)
}

fn pair(
    certificate_key: &str,
    certificate: &Path,
    key_key: &str,
    key: &Path,
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let signing =
        provider.key_provider.load_private_key(private).map_err(|error| TlsError::Unusable {
            key: key_key.to_owned(),
            path: key.to_owned(),
            reason: error.to_string(),
        })?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch {
            key: key_key.to_owned(),
            path: key.to_owned(),
            certificate: certificate.to_owned(),
        },
        other => TlsError::Unusable {
            key: certificate_key.to_owned(),
            path: certificate.to_owned(),
            reason: other.to_string(),
        },
    })?;
    Ok(certified)
}

/// Reads what the certificate says of itself; warns if it is not valid now.
pub(super) fn describe(
    name: &str,
    key: &str,
    path: &Path,
    certified: &CertifiedKey,
) -> Result<CertificateInfo, TlsError> {
    let unusable =
        |reason: String| TlsError::Unusable { key: key.to_owned(), path: path.to_owned(), reason };
    let der = certified.end_entity_cert().map_err(|error| unusable(error.to_string()))?;
    let (_, parsed) = X509Certificate::from_der(der).map_err(|e| unusable(e.to_string()))?;
    let validity = parsed.validity();
    let (not_before, not_after) =
        (instant(validity.not_before.timestamp()), instant(validity.not_after.timestamp()));
    let now = SystemTime::now();
    if not_after < now {
        warn!(key, path = %path.display(), expired = %validity.not_after, "certificate has expired");
    } else if not_before > now {
        warn!(key, path = %path.display(), from = %validity.not_before, "certificate is not yet valid");
    }
    Ok(CertificateInfo { name: name.to_owned(), not_after, fingerprint: fingerprint(der) })
}

/// What a file with certificates is worth to clients, apart from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The names that it should be for and is not.
    pub(crate) lacks: Vec<String>,
    /// When it expires.
    pub(crate) not_after: SystemTime,
}

/// Reads the first certificate of a file, and looks for these names in it. A wildcard stands for any name that it would
/// cover.
pub(crate) fn leaf(path: &Path, names: &[&str]) -> Result<Leaf, TlsError> {
    let key = "certificate";
    let der = &own_certificate(path)?;
    let unusable =
        |reason: String| TlsError::Unusable { key: key.to_owned(), path: path.to_owned(), reason };
    let (_, parsed) = X509Certificate::from_der(der).map_err(|e| unusable(e.to_string()))?;
    let checked = ParsedCertificate::try_from(der).map_err(|e| unusable(e.to_string()))?;
    let covers = |name: &str| {
        let one = name.strip_prefix("*.").map(|parent| format!("any.{parent}"));
        let one = one.unwrap_or_else(|| name.to_owned());
        ServerName::try_from(one).is_ok_and(|name| verify_server_name(&checked, &name).is_ok())
    };
    let lacks = names.iter().filter(|name| !covers(name)).map(|name| (*name).to_owned());
    Ok(Leaf { lacks: lacks.collect(), not_after: instant(parsed.validity().not_after.timestamp()) })
}

/// The first certificate of a file: that of the server itself.
pub(crate) fn own_certificate(path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    let key = "certificate";
    certificates(key, path)?.into_iter().next().ok_or_else(|| absent(key, path, "certificate"))
}

/// All certificates in a file, one at least.
pub(super) fn certificates(
    key: &str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(key, path)?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| damaged(key, path, &error))?;
    if chain.is_empty() {
        return Err(absent(key, path, "certificate"));
    }
    Ok(chain)
}

fn private_key(key: &str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = zeroize::Zeroizing::new(read(key, path)?);
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(private) => Ok(private),
        Err(pem::Error::NoItemsFound) => {
            let marker = b"ENCRYPTED PRIVATE KEY";
            if bytes.windows(marker.len()).any(|window| window == marker) {
                return Err(TlsError::Encrypted { key: key.to_owned(), path: path.to_owned() });
            }
            Err(absent(key, path, "private key"))
        }
        Err(error) => Err(damaged(key, path, &error)),
    }
}

pub(super) fn read(key: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        key: key.to_owned(),
        path: path.to_owned(),
        source,
    })
}

pub(super) fn absent(key: &str, path: &Path, wanted: &'static str) -> TlsError {
    TlsError::Absent { key: key.to_owned(), path: path.to_owned(), wanted }
}

pub(super) fn damaged(key: &str, path: &Path, error: &pem::Error) -> TlsError {
    TlsError::Damaged { key: key.to_owned(), path: path.to_owned(), reason: error.to_string() }
}

/// From seconds since 1970.
pub(super) fn instant(timestamp: i64) -> SystemTime {
    let seconds = Duration::from_secs(timestamp.unsigned_abs());
    let shifted = if timestamp < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    shifted.unwrap_or(UNIX_EPOCH)
}

fn fingerprint(der: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, der);
    let mut text = String::with_capacity(3 * digest::SHA256_OUTPUT_LEN);
    for byte in hash.as_ref() {
        let separator = if text.is_empty() { "" } else { ":" };
        let _ = write!(text, "{separator}{byte:02X}");
    }
    text
}

//! The certificate that a node makes for itself when none is configured.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};
use tracing::{info, warn};

use super::error::TlsError;
use super::material::{self, CertificateInfo};

/// Loads the node's own certificate from the data folder; makes it if there is none or it has
/// expired.
pub(super) fn load_or_make(
    data_dir: &Path,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, CertificateInfo), TlsError> {
    let path = data_dir.join(SELF_SIGNED);
    if path.exists() {
        let (certified, info) = load(&path, provider)?;
        if info.not_after > SystemTime::now() {
            return Ok((certified, info));
        }
        warn!(path = %path.display(), "self-signed certificate has expired, a new one is made");
    }
    let text = make().map_err(|error| failed(&path, &error))?;
    keep(data_dir, &path, &text).map_err(|error| failed(&path, &error))?;
    let (certified, certificate) = load(&path, provider)?;
    info!(path = %path.display(), fingerprint = certificate.fingerprint, "self-signed certificate made");
    Ok((certified, certificate))
}

fn load(
    path: &Path,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, CertificateInfo), TlsError> {
    let certified = material::load_one(SECTION, path, provider)?;
    let info = material::describe("*", SECTION, path, &certified)?;
    Ok((certified, info))
}

/// Certificate and key in one PEM text, so that they can not come apart.
fn make() -> Result<zeroize::Zeroizing<String>, rcgen::Error> {
    let host = hostname();
    let names = host.iter().map(String::as_str).chain(["localhost", "127.0.0.1", "::1"]);
    let mut params = CertificateParams::new(names.map(str::to_owned).collect::<Vec<_>>())?;
    let common = host.as_deref().unwrap_or("localhost");
    params.distinguished_name.push(DnType::CommonName, common);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::now_utc();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + VALIDITY;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    let key_text = zeroize::Zeroizing::new(key.serialize_pem());
    Ok(zeroize::Zeroizing::new(certificate.pem() + &key_text))
}

/// Readable by the owner only from its first byte on; complete under its name or not there.
fn keep(data_dir: &Path, path: &Path, text: &str) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    fs::create_dir_all(data_dir)?;
    let temporary: PathBuf = data_dir.join(format!(".{SELF_SIGNED}.{}.{number}", process::id()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn hostname() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let usable = !name.is_empty() && name != "localhost" && name.bytes().all(plain);
    // A longer common name than 64 characters is not allowed (RFC 5280, A.1).
    (usable && name.len() <= 64).then_some(name)
}

fn failed(path: &Path, error: &dyn std::error::Error) -> TlsError {
    TlsError::SelfSigned { path: path.to_owned(), reason: error.to_string() }
}

/// Certificate and key, in the data folder.
pub(crate) const SELF_SIGNED: &str = "tls-self-signed.pem";
/// Where errors of that file belong.
const SECTION: &str = "node.data_dir";
/// Ten years: clients pin it on first sight, and each change would alarm all of them.
const VALIDITY: Duration = Duration::days(3652);
/// For clients whose clocks are slow.
const CLOCK_SKEW: Duration = Duration::days(1);

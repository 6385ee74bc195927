//! What can be wrong with certificates and keys.

use std::io;
use std::path::PathBuf;

/// Why TLS can not be set up. The text names the configuration key and the file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are key and file, the texts say the rest")]
pub enum TlsError {
    /// A certificate without its key, or a key without its certificate.
    #[error("{key}: set together with {missing}, which is missing")]
    Half { key: String, missing: String },
    /// The file is missing or can not be read.
    #[error("{key}: can not read {}: {source}", path.display())]
    Unreadable { key: String, path: PathBuf, source: io::Error },
    /// The file holds nothing of what is needed.
    #[error("{key}: {} holds no {wanted} in PEM form", path.display())]
    Absent { key: String, path: PathBuf, wanted: &'static str },
    /// The file is damaged.
    #[error("{key}: {} is not valid PEM: {reason}", path.display())]
    Damaged { key: String, path: PathBuf, reason: String },
    /// The key is protected by a password.
    #[error("{key}: the private key in {} is encrypted; store it decrypted", path.display())]
    Encrypted { key: String, path: PathBuf },
    /// The certificate or the key is of no use.
    #[error("{key}: {} can not be used: {reason}", path.display())]
    Unusable { key: String, path: PathBuf, reason: String },
    /// Key and certificate belong to different pairs.
    #[error(
        "{key}: the private key in {} does not belong to the certificate in {}",
        path.display(), certificate.display()
    )]
    Mismatch { key: String, path: PathBuf, certificate: PathBuf },
    /// The self-signed certificate could not be made or kept.
    #[error("node.data_dir: can not keep a self-signed certificate in {}: {reason}", path.display())]
    SelfSigned { path: PathBuf, reason: String },
    /// The cryptographic library refused.
    #[error("tls: {0}")]
    Library(#[from] rustls::Error),
}

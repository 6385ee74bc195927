//! SSH public keys in plain form, without the types of any SSH library.

mod line;
mod wire;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ipnet::IpNet;

pub use line::{AuthorizedKey, Options, Pattern, lines};

/// A public key, and the certificate that it came with. Whoever makes one vouches for the
/// certificate: made for a user, signed by the authority that it names, in time, and without
/// critical options that are not in [`Certificate`]. Whether that authority is trusted is judged
/// here.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    blob: Arc<[u8]>,
    fingerprint: Fingerprint,
    certificate: Option<Arc<Certificate>>,
}

/// SHA-256 of a key in its wire form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

/// What a verified OpenSSH user certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Free text of the authority, for logs and revocation.
    pub key_id: String,
    /// 0 where the authority does not number its certificates.
    pub serial: u64,
    /// For whom it is; empty: for nobody, although the format means everybody.
    pub principals: Vec<String>,
    /// Who signed it.
    pub authority: Fingerprint,
    /// `source-address`: from where it holds; `None`: from anywhere.
    pub source: Option<Vec<IpNet>>,
    /// Seconds since 1970 from which on it holds no longer.
    pub valid_before: u64,
}

impl PublicKey {
    /// A key without a certificate, in its wire form (RFC 4253, 6.6).
    pub fn new(blob: impl Into<Arc<[u8]>>) -> Self {
        let blob = blob.into();
        Self { fingerprint: Fingerprint::of(&blob), blob, certificate: None }
    }

    /// The same key with a certificate that was verified.
    #[must_use]
    pub fn certified(self, certificate: Certificate) -> Self {
        Self { certificate: Some(Arc::new(certificate)), ..self }
    }

    /// The type of the key, as `ssh-ed25519`; RSA is always `ssh-rsa`. Empty if the key is none.
    pub fn algorithm(&self) -> &str {
        let name = self.blob.split_first_chunk::<4>().and_then(|(length, rest)| {
            rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
        });
        name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// The wire form, of the key alone.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Of the key alone.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The certificate.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("algorithm", &self.algorithm())
            .field("fingerprint", &self.fingerprint)
            .field("certificate", &self.certificate)
            .finish()
    }
}

impl Certificate {
    /// Whether a client of this address may use it.
    pub fn holds_from(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.source.as_ref().is_none_or(|nets| nets.iter().any(|net| net.contains(&client)))
    }
}

impl Fingerprint {
    /// Of a key in its wire form.
    pub fn of(blob: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, blob).as_ref());
        Self(bytes)
    }

    /// Reads `SHA256:` and base64, as `ssh-keygen -l` prints it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("SHA256:")?.trim_end_matches('=');
        let bytes = STANDARD_NO_PAD.decode(digits).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A network, or a single address as a network of one.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
}

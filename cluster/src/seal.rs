//! Sealing what nodes share: nothing that lets anybody pass as the pool lies in the store in clear.
//!
//! The key for each purpose is derived from the pool secret by HKDF-SHA256 (RFC 5869), the seal is
//! AES-256-GCM with a random nonce, and name of the pool and purpose are bound to it: a sealed host key can
//! not be passed off as a ticket key, nor one pool's as another's.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// The pool secret (`pool.secret_file`), for one pool.
pub struct PoolSecret {
    pool: String,
    secret: Zeroizing<Vec<u8>>,
}

/// Why something can not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed by another secret, for another pool or purpose, or changed since.
    #[error("sealed with another secret, or damaged")]
    Foreign,
    /// The seal has a form that this version does not know.
    #[error("sealed by another version")]
    Version,
    /// The cryptographic library failed.
    #[error("no random numbers")]
    Failed,
}

impl PoolSecret {
    /// The secret of the pool of this name. At least 32 bytes that are hard to guess.
    pub fn new(pool: &str, secret: Zeroizing<Vec<u8>>) -> Self {
        Self { pool: pool.to_owned(), secret }
    }

    /// Seals a secret for a purpose.
    ///
    /// # Errors
    /// [`SealError::Failed`].
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.key(purpose).map_err(|_| SealError::Failed)?;
        let mut body = plain.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(self.label(purpose)), &mut body)
            .map_err(|_| SealError::Failed)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what was sealed for a purpose.
    ///
    /// # Errors
    /// It is not this pool's, or not for this purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (&version, rest) = sealed.split_first().ok_or(SealError::Foreign)?;
        if version != VERSION {
            return Err(SealError::Version);
        }
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Foreign)?;
        let key = self.key(purpose).map_err(|_| SealError::Failed)?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(self.label(purpose));
        let length =
            key.open_in_place(nonce, aad, &mut body).map_err(|_| SealError::Foreign)?.len();
        body.truncate(length);
        Ok(body)
    }

    fn key(&self, purpose: &str) -> Result<RandomizedNonceKey, Unspecified> {
        let label = self.label(purpose);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        Salt::new(HKDF_SHA256, SALT)
            .extract(&self.secret)
            .expand(&[label.as_bytes()], Length)?
            .fill(key.as_mut())?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref())
    }

    /// Names of pools have no spaces.
    fn label(&self, purpose: &str) -> String {
        format!("{} {purpose}", self.pool)
    }
}

impl fmt::Debug for PoolSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolSecret").field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// As HKDF is told of it.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

const KEY_BYTES: usize = 32;
/// Not secret: keeps keys of ours apart from whatever else the secret may be used for.
const SALT: &[u8] = b"flotilla pool secret, version 1";
/// The form of a seal: this byte, the nonce, the cipher text with its tag.
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(pool: &str, byte: u8) -> PoolSecret {
        PoolSecret::new(pool, Zeroizing::new(vec![byte; 32]))
    }

    #[test]
    fn only_the_same_pool_secret_and_purpose_open_a_seal() {
        let ours = secret("main", 1);
        let sealed = ours.seal("tickets", b"keys").unwrap();
        assert_eq!(ours.open("tickets", &sealed).unwrap().as_slice(), b"keys");
        assert_ne!(sealed, ours.seal("tickets", b"keys").unwrap(), "nonces differ");
        assert!(!sealed.windows(4).any(|part| part == b"keys"));
        for other in [secret("main", 2), secret("test", 1)] {
            assert_eq!(other.open("tickets", &sealed).unwrap_err(), SealError::Foreign);
        }
        assert_eq!(ours.open("relay", &sealed).unwrap_err(), SealError::Foreign);
    }

    #[test]
    fn damage_is_found() {
        let ours = secret("main", 1);
        let sealed = ours.seal("x", b"plain").unwrap();
        for at in 1..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(ours.open("x", &damaged).unwrap_err(), SealError::Foreign);
        }
        for length in 0..sealed.len() {
            assert!(ours.open("x", &sealed[..length]).is_err());
        }
        assert_eq!(ours.open("x", &[9, 9]).unwrap_err(), SealError::Version);
    }

    #[test]
    fn it_does_not_show_itself() {
        assert!(!format!("{:?}", secret("main", 65)).contains("AAAA"));
    }
}

//! Keys and certificates of clients: from russh's types to the plain ones that `auth` judges.

use std::time::SystemTime;

use ipnet::IpNet;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{self, Algorithm, HashAlg};

use super::algorithm::Signatures;
use crate::auth::key::{Certificate, Fingerprint, PublicKey};

/// Why a key or certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// A kind of key that nobody uses here.
    #[error("{0} keys are not taken")]
    Kind(String),
    /// It can not be written in its wire form.
    #[error("broken key")]
    Broken,
    /// Of a host.
    #[error("not a user's certificate")]
    NoUser,
    /// The authority signed by an algorithm that is off.
    #[error("the authority signed by {0}, which is not in ssh.public_key_algorithms")]
    Algorithm(String),
    /// The authority did not sign this.
    #[error("the authority's signature is wrong")]
    Signature,
    /// Now is outside its time.
    #[error("not valid at this time")]
    Time,
    /// A critical option that is not understood or not honoured here.
    #[error("critical option {0} is not honoured here")]
    Option(String),
}

/// A key without a certificate.
///
/// # Errors
/// [`Unusable`]: it can not be anybody's.
pub(crate) fn plain(key: &keys::PublicKey) -> Result<PublicKey, Unusable> {
    wire(key.key_data()).map(PublicKey::new)
}

/// The key of a certificate with what that says, after all was verified that does not depend on
/// the user: kind, signature of the authority, time, critical options. Whether the authority is
/// trusted, anything was revoked and for whom it is, `auth` judges.
///
/// # Errors
/// [`Unusable`]: it lets nobody in.
pub(crate) fn verify_certificate(
    certificate: &keys::Certificate,
    signatures: &Signatures,
    now: SystemTime,
) -> Result<PublicKey, Unusable> {
    if certificate.cert_type() != CertType::User {
        return Err(Unusable::NoUser);
    }
    let key = wire(certificate.public_key())?;
    wire(certificate.signature_key())?;
    let algorithm = certificate.signature().algorithm();
    if !signatures.accept(&algorithm) {
        return Err(Unusable::Algorithm(algorithm.to_string()));
    }
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| Unusable::Time)?.as_secs();
    if !(certificate.valid_after()..certificate.valid_before()).contains(&seconds) {
        return Err(Unusable::Time);
    }
    let authority = certificate.signature_key().fingerprint(HashAlg::Sha256);
    // Signature and time, against the authority that the certificate itself names.
    certificate.validate_at(seconds, [&authority]).map_err(|_| Unusable::Signature)?;
    Ok(PublicKey::new(key).certified(Certificate {
        key_id: certificate.key_id().to_owned(),
        serial: certificate.serial(),
        principals: certificate.valid_principals().to_vec(),
        authority: Fingerprint(authority.sha256().ok_or(Unusable::Broken)?),
        source: source(certificate)?,
        valid_before: certificate.valid_before(),
    }))
}

/// The one critical option that is honoured: `source-address`.
fn source(certificate: &keys::Certificate) -> Result<Option<Vec<IpNet>>, Unusable> {
    let mut source = None;
    for (name, value) in certificate.critical_options().iter() {
        let refused = || Unusable::Option(name.escape_debug().to_string());
        if name != "source-address" {
            return Err(refused());
        }
        let networks = value.split(',').map(crate::auth::key::network).collect::<Option<_>>();
        source = Some(networks.ok_or_else(refused)?);
    }
    Ok(source)
}

/// The wire form of a key that a person can have.
fn wire(key: &KeyData) -> Result<Vec<u8>, Unusable> {
    match key.algorithm() {
        // A certificate has the algorithm of its key.
        _ if matches!(key, KeyData::Certificate(_)) => Err(Unusable::Kind("certified".to_owned())),
        Algorithm::Ed25519
        | Algorithm::Ecdsa { .. }
        | Algorithm::Rsa { .. }
        | Algorithm::SkEd25519
        | Algorithm::SkEcdsaSha2NistP256 => {
            keys::PublicKey::from(key.clone()).to_bytes().map_err(|_| Unusable::Broken)
        }
        other => Err(Unusable::Kind(other.to_string().escape_debug().to_string())),
    }
}

#[cfg(test)]
mod tests;

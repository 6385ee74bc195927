//! How client certificates are judged: by whom they are signed, and whether they were revoked.
//!
//! With `tls.client_crl`, every certificate of a client's chain below the authority must be spoken for
//! by a list of its issuer that is not expired: no list, no certificate. A lapse must not let the
//! revoked in, and passwords go on working through one.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tracing::error;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::error::TlsError;
use super::material::{absent, certificates, damaged, instant, read};
use crate::config::Tls;

/// What `tls.client_ca` and `tls.client_crl` come to; `None`: clients are not asked for a certificate.
/// Lists that are expired are logged; until they are renewed no client certificate is accepted.
pub(super) fn verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(judge) = Judge::load(tls, provider)? else { return Ok(None) };
    for expired in judge.expired() {
        error!(error = %expired, "client certificates are refused");
    }
    judge.verifier().map(Some)
}

/// As [`verifier`], but makes none, and an expired list is an error.
pub(super) fn check(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<(), TlsError> {
    let Some(judge) = Judge::load(tls, provider)? else { return Ok(()) };
    judge.verifier()?;
    judge.expired().next().map_or(Ok(()), Err)
}

/// Everything that was read.
struct Judge<'a> {
    provider: &'a Arc<CryptoProvider>,
    authorities: Arc<RootCertStore>,
    lists: Vec<List<'a>>,
}

/// One list of revoked certificates.
struct List<'a> {
    path: &'a Path,
    der: CertificateRevocationListDer<'static>,
    /// When its issuer meant to have replaced it.
    next_update: Option<SystemTime>,
}

impl<'a> Judge<'a> {
    fn load(tls: &'a Tls, provider: &'a Arc<CryptoProvider>) -> Result<Option<Self>, TlsError> {
        let Some(path) = &tls.client_ca else { return Ok(None) };
        let authorities = authorities(path)?;
        let mut lists = Vec::new();
        for path in &tls.client_crl {
            let judge = Self {
                provider,
                authorities: Arc::clone(&authorities),
                lists: revocation_lists(path)?,
            };
            // Each file by itself first, so that an error can name it.
            judge.verifier().map_err(|error| unusable(CRL, path, error.to_string()))?;
            lists.extend(judge.lists);
        }
        Ok(Some(Self { provider, authorities, lists }))
    }

    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let authorities = Arc::clone(&self.authorities);
        let provider = Arc::clone(self.provider);
        let builder = WebPkiClientVerifier::builder_with_provider(authorities, provider);
        let lists = self.lists.iter().map(|list| list.der.clone());
        builder
            .with_crls(lists)
            .enforce_revocation_expiration()
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()).into())
    }

    /// What is wrong with the lists that should have been replaced by now.
    fn expired(&self) -> impl Iterator<Item = TlsError> {
        let now = SystemTime::now();
        self.lists.iter().filter_map(move |list| {
            let until = list.next_update.filter(|until| *until < now)?;
            let until = humantime::format_rfc3339_seconds(until);
            Some(unusable(CRL, list.path, format!("the revocation list expired at {until}")))
        })
    }
}

/// The authorities of client certificates.
fn authorities(path: &Path) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CA, path)? {
        roots.add(certificate).map_err(|error| unusable(CA, path, error.to_string()))?;
    }
    Ok(Arc::new(roots))
}

/// The lists in a file, one at least.
fn revocation_lists(path: &Path) -> Result<Vec<List<'_>>, TlsError> {
    let bytes = read(CRL, path)?;
    let mut lists = Vec::new();
    for der in CertificateRevocationListDer::pem_slice_iter(&bytes) {
        let der = der.map_err(|error| damaged(CRL, path, &error))?;
        let next_update = match CertificateRevocationList::from_der(&der) {
            Ok((_, list)) => list.next_update().map(|time| instant(time.timestamp())),
            Err(error) => return Err(unusable(CRL, path, error.to_string())),
        };
        lists.push(List { path, der, next_update });
    }
    if lists.is_empty() {
        return Err(absent(CRL, path, "certificate revocation list"));
    }
    Ok(lists)
}

fn unusable(key: &str, path: &Path, reason: String) -> TlsError {
    TlsError::Unusable { key: key.to_owned(), path: path.to_owned(), reason }
}

const CA: &str = "tls.client_ca";
const CRL: &str = "tls.client_crl";

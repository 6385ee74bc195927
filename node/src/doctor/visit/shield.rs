//! The TLS of a visitor.
//!
//! A visitor knows which certificates its node has, those of the configuration or the one that the node made for itself,
//! and goes on with no other. Whether clients trust them depends on their authorities; names and ends of certificates are
//! another check.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    StreamOwned,
};

use super::Trouble;
use super::wire::{Timed, Wire};
use crate::config::Config;
use crate::tls;

/// How a visitor protects its connections. Those for data go on with the TLS session of the control connection.
pub(super) struct Shield {
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Shield {
    /// For the node of this configuration, under the name that it is asked for.
    pub(super) fn new(config: &Config, name: ServerName<'static>) -> Result<Self, Trouble> {
        let fix = "run it on the node, as the user of the node";
        let made = || config.node.data_dir.join(tls::SELF_SIGNED);
        let of_all = config.tls.certificate.clone().unwrap_or_else(made);
        let hosts = config.hosts.iter().filter_map(|host| host.certificate.clone());
        let paths = std::iter::once(of_all).chain(hosts);
        let known: Result<Vec<_>, _> = paths.map(|path| tls::own_certificate(&path)).collect();
        let known = known.map_err(|error| Trouble::new(error.to_string(), fix))?;
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let verifier = Known { known, provider: Arc::clone(&provider) };
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Trouble::new(error.to_string(), fix))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self { client: Arc::new(client), name })
    }

    /// Shakes hands.
    pub(super) fn protect(&self, mut stream: Timed) -> io::Result<Wire> {
        let client = ClientConnection::new(Arc::clone(&self.client), self.name.clone());
        let mut client = client.map_err(io::Error::other)?;
        while client.is_handshaking() {
            client.complete_io(&mut stream)?;
        }
        Ok(Wire::Tls(Box::new(StreamOwned::new(client, stream))))
    }
}

/// Believes in certificates that it knows.
#[derive(Debug)]
struct Known {
    known: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.known.contains(shown) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a handshake failed because a certificate was shown that is not known.
pub(super) fn is_stranger(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let refused = CertificateError::ApplicationVerificationFailure;
    matches!(cause, Some(rustls::Error::InvalidCertificate(why)) if *why == refused)
}

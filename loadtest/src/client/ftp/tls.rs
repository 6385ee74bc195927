//! TLS as a load tool wants it: any certificate, AES-128-GCM, tickets kept per session.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CipherSuite, DigitallySignedStruct, SignatureScheme};

use crate::client::Error;

/// The configuration of all sessions of a run. The suites are held to AES-128-GCM, so that every
/// server does the same work whatever it would prefer.
pub(crate) fn configuration() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| SUITES.contains(&suite.suite()));
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1];
    let verifier = Arc::new(AnyCertificate(provider.signature_verification_algorithms));
    let config = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The same configuration with an empty ticket store: a new session starts with a full handshake
/// and its data connections offer its own tickets only.
pub(crate) fn with_own_tickets(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut own = config.clone();
    own.resumption = Resumption::in_memory_sessions(SERVERS);
    Arc::new(own)
}

/// A connection that has not sent anything yet.
pub(crate) fn connection(config: &Arc<ClientConfig>) -> Result<ClientConnection, Error> {
    // One name for control and data: tickets are kept by name. An address sends no SNI.
    let name = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let mut connection = ClientConnection::new(Arc::clone(config), name)
        .map_err(|error| Error::Tls("handshake", error))?;
    connection.set_buffer_limit(Some(BUFFER));
    Ok(connection)
}

/// Trusts everybody but still checks the handshake signature, which a real client pays for too.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Sealed bytes that may wait for the socket: two of the chunks that uploads are cut into.
const BUFFER: usize = 512 * 1024;

/// Servers per ticket store: a session talks to one.
const SERVERS: usize = 2;

/// AES-128-GCM in TLS 1.3 and, for either kind of certificate, in TLS 1.2.
const SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

//! Handshakes with rustls clients in process, and files that are wrong.

mod handshake;
mod material;
mod resume;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsConnector, client, server};

use super::*;
use crate::config::{Tls, TlsVersion};
use crate::data::twin::{TwinSource, pair, terms};
use crate::data::{Connection, Download, send};
use crate::storage::Source;

/// A folder of its own per test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("flotilla-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A certificate for the name and its key.
    fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (
            self.write(&format!("{name}.crt"), &certificate.pem()),
            self.write(&format!("{name}.key"), &key.serialize_pem()),
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn plain() -> Tls {
    Tls {
        certificate: None,
        key: None,
        client_ca: None,
        client_crl: Vec::new(),
        min_version: TlsVersion::V12,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Trusts everybody: these tests are about the server.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

type Version = &'static rustls::SupportedProtocolVersion;

fn client_config(
    version: Version,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible));
    Arc::new(match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    })
}

type Client = client::TlsStream<DuplexStream>;
type Server = server::TlsStream<DuplexStream>;

async fn dial<IO: AsyncRead + AsyncWrite + Unpin>(
    config: &Arc<ClientConfig>,
    name: &str,
    io: IO,
) -> client::TlsStream<IO> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, io).await.unwrap()
}

/// A control connection; bytes went both ways, so that the client has its tickets.
async fn control(
    store: &Store,
    config: &Arc<ClientConfig>,
    name: &str,
    key: SessionKey,
) -> (Client, Server) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let served = handshake_control(far, store.control(None), key, soon());
    let (mut client, server) = tokio::join!(dial(config, name, near), served);
    let mut server = server.unwrap();
    exchange(&mut client, &mut server).await;
    (client, server)
}

/// A data connection as a transfer makes it; a byte goes over it, and with it the tickets.
async fn data(store: &Store, config: &Arc<ClientConfig>, name: &str, key: SessionKey) -> Binding {
    let (socket, near) = pair();
    near.set_nonblocking(true).unwrap();
    let near = tokio::net::TcpStream::from_std(near).unwrap();
    let served = async {
        let config = store.data(None);
        let (connection, binding) = Connection::secure(socket, config, key, soon()).await.unwrap();
        let source = Arc::new(TwinSource::new(b"s")) as Arc<dyn Source>;
        assert_eq!(send(connection, source, Download::default(), &terms()).await, Ok(1));
        binding
    };
    let fetched = async {
        let mut received = Vec::new();
        dial(config, name, near).await.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"s");
    };
    tokio::join!(served, fetched).0
}

async fn exchange(client: &mut Client, server: &mut Server) {
    let mut byte = [0];
    server.write_all(b"s").await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut byte).await.unwrap();
    client.write_all(b"c").await.unwrap();
    client.flush().await.unwrap();
    server.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"c");
}

fn key() -> SessionKey {
    SessionKey::random().unwrap()
}

//! TLS as a client of a test has it: whom it trusts, who it is, what it resumes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use rustls::client::{ClientConnection, Resumption};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::{Authority, Identity};

/// A client's side of TLS. Connections made by one value (and its clones) may resume each other's
/// sessions, as the control and data connections of one client do; see [`TlsClient::fresh`].
#[derive(Clone, Debug)]
pub struct TlsClient {
    roots: Arc<RootCertStore>,
    name: ServerName<'static>,
    identity: Option<Identity>,
    versions: &'static [&'static SupportedProtocolVersion],
    resumption: Resumption,
}

impl TlsClient {
    /// Trusts `authority` and expects the server to be `address`.
    pub fn new(authority: &Authority, address: IpAddr) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("the authority's certificate is well formed");
        Self {
            roots: Arc::new(roots),
            name: ServerName::from(address),
            identity: None,
            versions: rustls::ALL_VERSIONS,
            resumption: Resumption::in_memory_sessions(64),
        }
    }

    /// Asks for a name by SNI and expects a certificate for it.
    pub fn named(mut self, name: &str) -> Self {
        self.name = ServerName::try_from(name.to_owned()).expect("a DNS name");
        self
    }

    /// Shows a client certificate.
    pub fn identified(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Speaks TLS 1.2 alone.
    pub fn tls12(mut self) -> Self {
        self.versions = TLS12;
        self
    }

    /// Speaks TLS 1.3 alone.
    pub fn tls13(mut self) -> Self {
        self.versions = TLS13;
        self
    }

    /// Never resumes a session.
    pub fn without_resumption(mut self) -> Self {
        self.resumption = Resumption::disabled();
        self
    }

    /// The same client with nothing to resume: as if its process had been restarted.
    pub fn fresh(&self) -> Self {
        Self { resumption: Resumption::in_memory_sessions(64), ..self.clone() }
    }

    /// Shakes hands over a connection.
    ///
    /// # Errors
    /// Whatever the handshake fails with, on either side as far as it is seen here.
    pub fn connect(&self, mut tcp: TcpStream) -> io::Result<Stream> {
        let mut connection =
            ClientConnection::new(self.config(), self.name.clone()).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, tcp))))
    }

    fn config(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .expect("the provider has these versions")
            .with_root_certificates(Arc::clone(&self.roots));
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.certificate().clone()], identity.key())
                .expect("the key fits the certificate"),
        };
        config.resumption = self.resumption.clone();
        Arc::new(config)
    }
}

/// A connection with or without TLS.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Clear(TcpStream),
    /// Under TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// The socket below.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Clear(tcp) => tcp,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// How the handshake went, under TLS.
    pub fn handshake(&self) -> Option<HandshakeKind> {
        match self {
            Self::Clear(_) => None,
            Self::Tls(stream) => stream.conn.handshake_kind(),
        }
    }

    /// The server's certificate, under TLS.
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        match self {
            Self::Clear(_) => None,
            Self::Tls(stream) => {
                stream.conn.peer_certificates()?.first().map(|der| der.clone().into_owned())
            }
        }
    }

    /// Says that nothing more will be sent: the TLS alert first, then the end of the TCP stream.
    ///
    /// # Errors
    /// As the socket's.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.tcp().shutdown(std::net::Shutdown::Write)
    }

    /// Breaks the connection: the peer sees a reset.
    pub fn reset(self) {
        let tcp = match self {
            Self::Clear(tcp) => tcp,
            Self::Tls(stream) => {
                let (connection, tcp) = (*stream).into_parts();
                drop(connection);
                tcp
            }
        };
        let _ = socket2::SockRef::from(&tcp).set_linger(Some(std::time::Duration::ZERO));
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(tcp) => tcp.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(tcp) => tcp.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(tcp) => tcp.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

static TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
static TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

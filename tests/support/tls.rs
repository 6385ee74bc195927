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
    setup: Setup,
    /// Made once per change: rustls resumes a session only under the configuration that it began
    /// with.
    config: Arc<ClientConfig>,
}

#[derive(Clone, Debug)]
struct Setup {
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
        Self::from(Setup {
            roots: Arc::new(roots),
            name: ServerName::from(address),
            identity: None,
            versions: rustls::ALL_VERSIONS,
            resumption: Resumption::in_memory_sessions(64),
        })
    }

    /// Asks for a name by SNI and expects a certificate for it.
    pub fn named(self, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).expect("a DNS name");
        Self::from(Setup { name, ..self.setup })
    }

    /// Shows a client certificate.
    pub fn identified(self, identity: &Identity) -> Self {
        Self::from(Setup { identity: Some(identity.clone()), ..self.setup })
    }

    /// Speaks TLS 1.2 alone.
    pub fn tls12(self) -> Self {
        Self::from(Setup { versions: TLS12, ..self.setup })
    }

    /// Speaks TLS 1.3 alone.
    pub fn tls13(self) -> Self {
        Self::from(Setup { versions: TLS13, ..self.setup })
    }

    /// Never resumes a session.
    pub fn without_resumption(self) -> Self {
        Self::from(Setup { resumption: Resumption::disabled(), ..self.setup })
    }

    /// The same client with nothing to resume: as if its process had been restarted.
    pub fn fresh(&self) -> Self {
        let resumption = Resumption::in_memory_sessions(64);
        Self::from(Setup { resumption, ..self.setup.clone() })
    }

    /// Shakes hands over a connection.
    ///
    /// # Errors
    /// Whatever the handshake fails with, on either side as far as it is seen here.
    pub fn connect(&self, mut tcp: TcpStream) -> io::Result<Stream> {
        let mut connection =
            ClientConnection::new(Arc::clone(&self.config), self.setup.name.clone())
                .map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, tcp))))
    }
}

impl From<Setup> for TlsClient {
    fn from(setup: Setup) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(setup.versions)
            .expect("the provider has these versions")
            .with_root_certificates(Arc::clone(&setup.roots));
        let mut config = match &setup.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.certificate().clone()], identity.key())
                .expect("the key fits the certificate"),
        };
        config.resumption = setup.resumption.clone();
        Self { setup, config: Arc::new(config) }
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

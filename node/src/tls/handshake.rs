//! Handshakes with a deadline, tied to a session.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::session::{Binding, SessionKey, SessionScope};

/// Why a handshake did not succeed. The peer got its alert, where there was one to send.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The deadline passed.
    #[error("the TLS handshake took too long")]
    Deadline,
    /// The peer closed or reset the connection.
    #[error("the connection broke during the TLS handshake: {0}")]
    Broken(io::Error),
    /// The peers do not get on, or the bytes are no TLS.
    #[error("the TLS handshake failed: {0}")]
    Tls(rustls::Error),
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(tls) => Self::Tls(tls.clone()),
            None => Self::Broken(error),
        }
    }
}

/// Handshake of a control connection. The tickets it hands out belong to the session `key`.
pub async fn handshake_control<IO>(
    io: IO,
    config: Arc<ServerConfig>,
    key: SessionKey,
    deadline: Instant,
) -> Result<TlsStream<IO>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    handshake(io, config, key, deadline).await.map(|(stream, _)| stream)
}

/// Handshake of a data connection of the session `key`, and whose TLS session it is: see
/// [`judge`](super::judge).
pub async fn handshake_data<IO>(
    io: IO,
    config: Arc<ServerConfig>,
    key: SessionKey,
    deadline: Instant,
) -> Result<(TlsStream<IO>, Binding), HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (stream, scope) = handshake(io, config, key, deadline).await?;
    let binding = scope.binding(stream.get_ref().1);
    Ok((stream, binding))
}

/// The client certificate of a control connection, DER, verified against `tls.client_ca` in this
/// very handshake; `None` if the client showed none or was not asked.
pub fn peer_certificate(connection: &ServerConnection) -> Option<Arc<[u8]>> {
    connection.peer_certificates()?.first().map(|certificate| Arc::from(certificate.as_ref()))
}

async fn handshake<IO>(
    io: IO,
    config: Arc<ServerConfig>,
    key: SessionKey,
    deadline: Instant,
) -> Result<(TlsStream<IO>, SessionScope), HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut scope = SessionScope::new(key);
    let mut accept = pin!(TlsAcceptor::from(config).accept(io));
    let stepped = poll_fn(|context| scope.run(|| accept.as_mut().poll(context)));
    let stream =
        timeout_at(deadline.into(), stepped).await.map_err(|_| HandshakeError::Deadline)??;
    Ok((stream, scope))
}

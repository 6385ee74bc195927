//! The handshake of a control connection: with a deadline, tied to a session.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::session::{SessionKey, SessionScope};

/// Why a handshake did not succeed. The peer got its alert, where there was one to send.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The peer ended the connection, or let the deadline pass, without a byte.
    #[error("the peer said nothing")]
    Silent,
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

impl HandshakeError {
    /// Its kind in one word, for programs that count.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Deadline => "timeout",
            Self::Broken(_) => "connection_broken",
            Self::Tls(_) => "tls",
        }
    }
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

/// Handshake of a control connection. The tickets it hands out belong to the session `key`. Data
/// connections shake hands in [`data::Connection::secure`](crate::data::Connection::secure).
///
/// # Errors
/// See [`HandshakeError`]; [`HandshakeError::Deadline`] once `deadline` has passed.
pub async fn handshake_control<IO>(
    io: IO,
    config: Arc<ServerConfig>,
    key: SessionKey,
    deadline: Instant,
) -> Result<TlsStream<IO>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut scope = SessionScope::new(key);
    let mut accept = pin!(TlsAcceptor::from(config).accept(io));
    let stepped = poll_fn(|context| scope.run(|| accept.as_mut().poll(context)));
    Ok(timeout_at(deadline.into(), stepped).await.map_err(|_| HandshakeError::Deadline)??)
}

/// Waits until the peer of a control connection says something, which is then still there to be read.
///
/// # Errors
/// [`HandshakeError::Silent`] if it never does: health checks connect and close.
pub async fn await_hello(stream: &TcpStream, deadline: Instant) -> Result<(), HandshakeError> {
    match timeout_at(deadline.into(), stream.peek(&mut [0])).await {
        Ok(Ok(count)) if count > 0 => Ok(()),
        _ => Err(HandshakeError::Silent),
    }
}

/// The client certificate of a control connection, DER, verified against `tls.client_ca` in this
/// very handshake; `None` if the client showed none or was not asked.
pub fn peer_certificate(connection: &ServerConnection) -> Option<Arc<[u8]>> {
    connection.peer_certificates()?.first().map(|certificate| Arc::from(certificate.as_ref()))
}
